import { largest } from "../../../../lib/lists.ts";
import { asName, own, type Sentence, sentence } from "../../../../lib/shown-text.ts";
import { OF_MANY_RUNS } from "../../findings/scopes.ts";
import type { CauseModule, NamedRun } from "../../findings/types.ts";
import { deploymentOfRun, plural } from "../../findings/wording.ts";

/** Earlier runs that a comparison needs. */
const MIN_BEFORE = 4;
const MIN_SLOW = 1;
/** Slow: more than this many times the median of the earlier runs. */
const FACTOR = 2;

/**
 * Runs of a deployment take much longer than before. Proof: each of the newest completed runs took over twice the median of the
 * earlier ones, and over 1.2 times the longest of them. Differences under 0.1 s do not count.
 */
export const durationRegression: CauseModule = {
  code: "duration_regression",
  scopes: OF_MANY_RUNS,
  judge: (facts) =>
    [...Map.groupBy(facts.ended.newest.filter(isCompleted), ({ run }) => run.deployment_id ?? null)].flatMap(
      ([id, runs]) => {
        const [newest] = runs;
        if (id === null || !newest) return [];
        const times = runs.map((one) => Number(one.run.total_run_time ?? 0));
        const found = splitSlow(times);
        if (!found) return [];
        const slow = runs.slice(0, found.count);
        const now = median(times.slice(0, found.count));
        return [
          {
            code: "duration_regression",
            severity: "problem" as const,
            summary: sentence`Deployment ${asName(deploymentOfRun(newest) ?? id)} has become slower: the last ${plural(found.count, "run")} took ${seconds(now)}, the ${times.length - found.count} before ${seconds(found.usual)} (median).`,
            evidence: {
              slow_runs: slow.slice(0, 3).map((one) => ({
                id: one.run.id,
                name: one.run.name,
                seconds: round(Number(one.run.total_run_time ?? 0)),
              })),
              usual_seconds: round(found.usual),
              longest_before_seconds: round(found.longest),
              factor: round(now / Math.max(found.usual, 0.001)),
            },
            fix: own(
              "Compare a slow run with an earlier one: parameters, deployment version, task durations, the systems it calls.",
            ),
            next: slow[0]
              ? [{ tool: "get_timeline", args: { flow_run: slow[0].run.id }, why: own("which step is slow") }]
              : [],
            certainty: found.count > 1 ? 0.9 : 0.7,
            runsExplained: found.count,
          },
        ];
      },
    ),
};

function isCompleted({ run }: NamedRun): boolean {
  return run.state_type === "COMPLETED";
}

/** `times`: newest first. `count`: how many of the newest are slow compared with all older ones. */
export function splitSlow(times: readonly number[]): { count: number; usual: number; longest: number } | null {
  for (let count = Math.min(times.length - MIN_BEFORE, 20); count >= MIN_SLOW; count--) {
    const before = times.slice(count);
    const usual = median(before);
    const longest = largest(before);
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

function seconds(value: number): Sentence {
  return sentence`${round(value)} s`;
}
