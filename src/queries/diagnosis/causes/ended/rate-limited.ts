import { asName, asReason, own, sentence } from "../../../../lib/shown-text.ts";
import { truncate } from "../../../../lib/truncate.ts";
import { ALL_OF_RUNS } from "../../findings/scopes.ts";
import { throttledLines } from "../../findings/throttled-lines.ts";
import type { CauseModule } from "../../findings/types.ts";
import { nameList, plural } from "../../findings/wording.ts";

const OF_ACCOUNT = own(
  "Rate limits are those of the account: they are judged for the workspace, and for runs that report them.",
);

/**
 * Prefect Cloud refused requests (429). Proof: minutes in which the account made more requests of a kind than it was granted. A
 * run is affected when its own log reports refused requests; a note when it completed all the same.
 */
export const rateLimited: CauseModule = {
  code: "rate_limited",
  scopes: {
    ...ALL_OF_RUNS,
    deployment: OF_ACCOUNT,
    flow: OF_ACCOUNT,
    work_pool: OF_ACCOUNT,
  },
  judge: ({ run, throttling }) => {
    if (!throttling || throttling.length === 0) return [];
    const denied = new Map<string, number>();
    for (const { keys_affected } of throttling)
      for (const one of keys_affected) denied.set(one.key, (denied.get(one.key) ?? 0) + one.total_denied);
    const keys = [...denied].sort((a, b) => b[1] - a[1]);
    const minutes = throttling.reduce((sum, period) => sum + period.duration_minutes, 0);
    const lines = run ? throttledLines(run) : [];
    const isDone = run?.run.state_type === "COMPLETED";
    const times = sentence`${asReason(throttling[0]?.start ?? "unknown")} to ${asReason(throttling.at(-1)?.end ?? "unknown")}`;
    const what = sentence`Prefect Cloud throttled requests of ${nameList(
      keys.map(([key]) => key),
      6,
    )} (rate limit, HTTP 429) in ${plural(minutes, "minute")}, ${times}`;
    return [
      {
        code: "rate_limited",
        severity: isDone ? "note" : "problem",
        summary: run
          ? sentence`${asName(run.run.name)} ${isDone ? "completed, but" : sentence`is ${asName(run.run.state_name ?? "unknown")}, and`} its requests were throttled (${plural(lines.length, "log line")} with 429): ${what}.`
          : sentence`${what}.`,
        evidence: {
          denied: Object.fromEntries(keys.slice(0, 8)),
          throttled_minutes: minutes,
          periods: throttling.slice(-3).map(({ start, end, duration_minutes }) => ({ start, end, duration_minutes })),
          ...(lines.length > 0 ? { log_lines: lines.slice(-2).map((line) => truncate(line, 200)) } : {}),
        },
        fix: own(
          "Send fewer requests at once (fewer parallel runs and tasks, less logging, slower polling), or upgrade the plan. Clients retry refused requests on their own.",
        ),
        next: [{ tool: "review_rate_limits", args: {}, why: own("every throttled period with its keys") }],
        certainty: 1,
        runsExplained: minutes,
      },
    ];
  },
  ruledOut: ({ throttling }) => (throttling?.length === 0 ? own("no request was throttled") : null),
};
