import type { Plan } from "./plan.ts";
import { runPlan } from "./world.ts";

/** The same plan with only some of its steps, by index. */
export function withSteps(plan: Plan, kept: readonly number[]): Plan {
  return { ...plan, steps: plan.steps.filter((_, index) => kept.includes(index)) };
}

/**
 * Indexes of the fewest steps found with which the schedule still fails: first halves are left out, then single steps.
 */
export function shrink(plan: Plan): number[] {
  let kept = plan.steps.map((_, index) => index);
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = 0; start < kept.length; ) {
      const fewer = [...kept.slice(0, start), ...kept.slice(start + size)];
      if (runPlan(withSteps(plan, fewer)).failure !== null) kept = fewer;
      else start += size;
    }
  }
  return kept;
}
