/**
 * Plays composed situations against `diagnose`: blocking cause × state of what blocks × change before it × scope of the question × what
 * else happens. An oracle knows the leaf. Prints the score by kind; exit code 1 below 98 %.
 *
 * bun scripts/composed-diagnoses.ts [--show 20] [--real [--only zombie]]
 *
 * `--real`: all causes at once on one real Prefect server, each asked in every scope.
 */
import { parseArgs } from "node:util";
import { play, situations } from "../test/support/diagnosis/composed/play.ts";
import { playReal } from "../test/support/diagnosis/composed/play-real.ts";

const AIM = 0.98;

interface Scored {
  readonly kind: string;
  readonly blocker: string;
  readonly scope: string;
  readonly noise?: string;
  readonly faults: readonly string[];
  readonly tokens: number;
  readonly requests?: number;
}

const { values } = parseArgs({
  options: {
    show: { type: "string", default: "10" },
    real: { type: "boolean", default: false },
    only: { type: "string" },
  },
});
const say = (text: string) => void process.stdout.write(`${text}\n`);

async function played(): Promise<Scored[]> {
  if (values.real) return await playReal(values.only, say);
  const all: Scored[] = [];
  const { only = "" } = values;
  for (const situation of situations().filter(({ blocker }) => blocker.includes(only))) all.push(await play(situation));
  return all;
}

const all = await played();
const right = all.filter(({ faults }) => faults.length === 0);
for (const [kind, group] of Map.groupBy(all, (one) => one.kind)) {
  const good = group.filter(({ faults }) => faults.length === 0).length;
  say(`${kind.padEnd(20)} ${good} of ${group.length}`);
}
for (const { blocker, scope, noise, faults } of all
  .filter((one) => one.faults.length > 0)
  .slice(0, Number(values.show)))
  say(`wrong: ${[blocker, scope, ...(noise === undefined ? [] : [noise])].join(" | ")} | ${faults.join("; ")}`);
const most = (counts: readonly number[]) => counts.reduce((a, b) => Math.max(a, b), 0);
const requests = values.real ? "" : `${most(all.map((one) => one.requests ?? 0))} requests and `;
say(`${right.length} of ${all.length} right; at most ${requests}${most(all.map((one) => one.tokens))} tokens`);
process.exitCode = all.length > 0 && right.length / all.length >= AIM ? 0 : 1;
