/**
 * Plays composed situations against `diagnose`: blocking cause × state of what blocks × change before it × scope of the question × what
 * else happens. An oracle knows the leaf. Prints the score by kind; exit code 1 below 98 %.
 *
 * bun scripts/composed-diagnoses.ts [--show 20]
 */
import { parseArgs } from "node:util";
import { type Played, play, situations } from "../test/support/diagnosis/composed/play.ts";

const AIM = 0.98;

const { values } = parseArgs({ options: { show: { type: "string", default: "10" } } });
const played: Played[] = [];
for (const situation of situations()) played.push(await play(situation));

const right = played.filter(({ faults }) => faults.length === 0);
for (const [kind, group] of Map.groupBy(played, (one) => one.kind)) {
  const good = group.filter(({ faults }) => faults.length === 0).length;
  process.stdout.write(`${kind.padEnd(20)} ${good} of ${group.length}\n`);
}
for (const one of played.filter(({ faults }) => faults.length > 0).slice(0, Number(values.show)))
  process.stdout.write(`wrong: ${one.blocker} | ${one.scope} | ${one.noise} | ${one.faults.join("; ")}\n`);
const most = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b), 0);
process.stdout.write(
  `${right.length} of ${played.length} right; at most ${most(played.map((one) => one.requests))} requests and ${most(played.map((one) => one.tokens))} tokens\n`,
);
process.exitCode = right.length / played.length >= AIM ? 0 : 1;
