/** Ten thousand seeded schedules of faults against the real engine, in two processes. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";

const SCRIPT = join(import.meta.dir, "../../scripts/simulate.ts");
const COUNT = 5_000;

async function run(seed: number): Promise<{ code: number; output: string }> {
  const command = [process.execPath, SCRIPT, "--seed", String(seed), "--count", String(COUNT)];
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, output: `${out}${error}`.trim() };
}

describe("the sync engine under simulated faults", () => {
  test("10,000 schedules: each claim is true when it is made, and the record equals the server at the end", async () => {
    const outcomes = await Promise.all([run(1), run(1 + COUNT)]);
    for (const { output } of outcomes) process.stderr.write(`${output}\n`);
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
    for (const { output } of outcomes) expect(output).toContain(`${COUNT} schedules from seed`);
  });
});
