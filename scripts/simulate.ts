/**
 * Runs schedules of the sync simulation: `bun scripts/simulate.ts [--seed 1] [--count 1000] [--keep 0,3,5]`. A failing
 * seed is reduced to the steps that cause the failure and printed with the command that repeats it. Exit 1 on a
 * failure.
 */
import { parseArgs } from "node:util";
import { makePlan, type Plan } from "../test/simulation/plan.ts";
import { shrink, withSteps } from "../test/simulation/shrink.ts";
import { runPlan } from "../test/simulation/world.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string" },
    /** Indexes of the steps to run. */
    keep: { type: "string" },
    /** Do not reduce a failing schedule. */
    "no-shrink": { type: "boolean", default: false },
  },
});

const first = Number(values.seed);
const count = Number(values.count ?? (values.keep === undefined ? 1000 : 1));
const keep = values.keep === undefined ? null : values.keep.split(",").filter(Boolean).map(Number);

function describe(plan: Plan): string {
  const steps = plan.steps.map((step) => `    ${JSON.stringify(step)}`).join("\n");
  return `  knobs ${JSON.stringify(plan.knobs)}\n${steps}`;
}

const startedMs = performance.now();
let events = 0;
let requests = 0;
for (let seed = first; seed < first + count; seed += 1) {
  const whole = makePlan(seed);
  const plan = keep === null ? whole : withSteps(whole, keep);
  const outcome = runPlan(plan);
  events += outcome.events;
  requests += outcome.requests;
  if (outcome.failure === null) continue;
  console.log(`seed ${seed} fails: ${outcome.failure}`);
  if (keep === null && !values["no-shrink"]) {
    const kept = shrink(plan);
    const small = withSteps(plan, kept);
    console.log(`reduced to ${kept.length} of ${plan.steps.length} steps: ${runPlan(small).failure}`);
    console.log(describe(small));
    console.log(`again: bun scripts/simulate.ts --seed ${seed} --keep ${kept.join(",") || ","}`);
  } else console.log(describe(plan));
  console.log(`after ${seed - first + 1} schedules`);
  process.exit(1);
}
const seconds = (performance.now() - startedMs) / 1000;
console.log(
  `${count} schedules from seed ${first} hold: ${events} events, ${requests} requests, ${seconds.toFixed(1)} s (${((seconds * 1000) / count).toFixed(1)} ms each)`,
);
