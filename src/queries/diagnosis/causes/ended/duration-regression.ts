import type { CauseModule, NamedRun } from "../../findings/types.ts";
import { plural } from "../../findings/wording.ts";

/** Earlier runs needed before "usual" means something. */
const LEAST_BEFORE = 4;
const LEAST_SINCE = 1;
/** Twice the usual time, and outside of everything seen before. */
const FACTOR = 2;

/**
 * Runs of a deployment take much longer than its own history. Proof: every one of the newest completed runs took over twice
 * the median of those before and longer than the longest of them. Seconds count: there is no floor but a tenth of one.
 */
export const durationRegression: CauseModule = {
  code: "duration_regression",
  subjects: ["deployment", "workspace"],
  judge: (facts) =>
    [...groupByDeployment(facts.ended.newest)].flatMap(([deployment, runs]) => {
      const times = runs.map((one) => one.run.total_run_time ?? 0);
      const found = splitSlow(times);
      if (!found) return [];
      const slow = runs.slice(0, found.count);
      const now = median(times.slice(0, found.count));
      return [
        {
          code: "duration_regression",
          severity: "problem" as const,
          summary: `Deployment ${deployment} has become slower: the last ${plural(found.count, "run")} took ${seconds(now)}, the ${times.length - found.count} before ${seconds(found.usual)} (median).`,
          evidence: {
            slow_runs: slow
              .slice(0, 3)
              .map((one) => ({ id: one.run.id, name: one.run.name, seconds: round(one.run.total_run_time ?? 0) })),
            usual_seconds: round(found.usual),
            longest_before_seconds: round(found.longest),
            factor: round(now / Math.max(found.usual, 0.001)),
          },
          fix: "Compare a slow run with one before: parameters, deployment version, task durations, the systems it calls.",
          next: slow[0]
            ? [{ tool: "get_timeline", args: { flow_run: slow[0].run.id }, why: "which step takes the time" }]
            : [],
          certainty: found.count > 1 ? 0.9 : 0.7,
          runsExplained: found.count,
        },
      ];
    }),
};

function groupByDeployment(ended: readonly NamedRun[]): Map<string, NamedRun[]> {
  const groups = new Map<string, NamedRun[]>();
  for (const one of ended) {
    if (one.run.state_type !== "COMPLETED" || !one.run.deployment_id) continue;
    const name = one.deploymentName ?? one.run.deployment_id;
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  return groups;
}

/** `times`: newest first. How many of the newest are slow against all older ones. */
export function splitSlow(times: readonly number[]): { count: number; usual: number; longest: number } | null {
  for (let count = Math.min(times.length - LEAST_BEFORE, 20); count >= LEAST_SINCE; count--) {
    const before = times.slice(count);
    const usual = median(before);
    const longest = Math.max(...before);
    const limit = Math.max(usual * FACTOR, longest * 1.2, usual + 0.1);
    if (times.slice(0, count).every((time) => time > limit)) return { count, usual, longest };
  }
  return null;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function seconds(value: number): string {
  return `${round(value)} s`;
}
