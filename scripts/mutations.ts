/**
 * Tests the simulation: puts one deliberate fault at a time into a copy of the sources and runs schedules until one
 * fails. `bun scripts/mutations.ts [--count 2000] [--only TEXT]`. Exit 1 when a fault is not found or no longer
 * applies.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { MUTATIONS, type Mutation, mutate } from "../test/simulation/mutations.ts";

const { values } = parseArgs({
  options: { count: { type: "string", default: "2000" }, only: { type: "string", default: "" } },
});
const root = resolve(import.meta.dir, "..");

async function simulate(mutation: Mutation, text: string): Promise<{ caught: boolean; summary: string }> {
  const copy = mkdtempSync(join(tmpdir(), "mutation-"));
  try {
    for (const part of [
      "src",
      "test/simulation",
      "test/support",
      "scripts/simulate.ts",
      "drizzle",
      "package.json",
      "tsconfig.json",
    ]) {
      cpSync(join(root, part), join(copy, part), { recursive: true });
    }
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    writeFileSync(join(copy, mutation.file), text);
    const run = Bun.spawn(["bun", "scripts/simulate.ts", "--seed", "1", "--count", values.count, "--no-shrink"], {
      cwd: copy,
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err, code] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited]);
    if (code === 0) return { caught: false, summary: "" };
    const failure = /fails: (.*)/.exec(out)?.[1];
    // A copy that cannot run proves nothing about the simulation.
    if (failure === undefined) throw new Error(`The simulation ended with ${code}: ${err}`);
    if (/ is not (defined|a function)/.test(failure)) throw new Error(`The fault is not code that runs: ${failure}`);
    const after = /after (\d+) schedules/.exec(out)?.[1] ?? "?";
    return { caught: true, summary: `${after.padStart(5)}  ${failure.slice(0, 90)}` };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

let bad = 0;
let tried = 0;
for (const mutation of MUTATIONS.filter((one) => one.name.includes(values.only))) {
  tried += 1;
  const text = mutate(readFileSync(join(root, mutation.file), "utf8"), mutation);
  const result = text === null ? null : await simulate(mutation, text);
  if (!result?.caught) bad += 1;
  const verdict = result === null ? "DOES NOT APPLY" : result.caught ? "caught after" : "SURVIVES";
  console.log(`${mutation.name.padEnd(52)} ${verdict.padEnd(14)} ${result?.summary ?? mutation.file}`);
}
console.log(`${tried - bad} of ${tried} faults were caught within ${values.count} schedules each.`);
process.exit(bad === 0 ? 0 : 1);
