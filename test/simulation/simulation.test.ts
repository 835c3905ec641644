/** Five thousand seeded schedules of faults against the real engine, two processes at a time. The campaign plays 10,000 (AGENTS.md). */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";

const SCRIPT = join(import.meta.dir, "../../scripts/simulate.ts");
/** Schedules of one process. Small enough that a test ends far below its limit while other work takes both cores. */
const COUNT = 500;
const TOTAL = 5_000;

async function run(seed: number): Promise<{ code: number; output: string }> {
  const command = [process.execPath, SCRIPT, "--seed", String(seed), "--count", String(COUNT)];
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, output: `${out}${error}`.trim() };
}

describe("the sync engine under simulated faults: each claim is true when it is made, and the record equals the server at the end", () => {
  const firstSeeds = Array.from({ length: TOTAL / (2 * COUNT) }, (_, index) => 1 + 2 * COUNT * index);
  test.each(firstSeeds)("1,000 schedules from seed %d", async (seed) => {
    const outcomes = await Promise.all([run(seed), run(seed + COUNT)]);
    for (const { output } of outcomes) process.stderr.write(`${output}\n`);
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
    for (const { output } of outcomes) expect(output).toContain(`${COUNT} schedules from seed`);
  });
});
