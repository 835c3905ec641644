import { truncate } from "../../findings/error-text.ts";
import { throttledLines } from "../../findings/throttled-lines.ts";
import type { CauseModule } from "../../findings/types.ts";
import { nameList, plural } from "../../findings/wording.ts";

/**
 * Prefect Cloud refused requests (429). Proof: minutes in which an account asked for more of a key than it was granted. For
 * a run it matters where its own log tells of refused requests; a run that completed all the same is only a note.
 */
export const rateLimited: CauseModule = {
  code: "rate_limited",
  subjects: ["workspace", "flow_run"],
  judge: ({ run, throttling }) => {
    if (!throttling || throttling.length === 0) return [];
    const denied = new Map<string, number>();
    for (const { keys_affected } of throttling)
      for (const one of keys_affected) denied.set(one.key, (denied.get(one.key) ?? 0) + one.total_denied);
    const keys = [...denied].sort((a, b) => b[1] - a[1]);
    const minutes = throttling.reduce((sum, period) => sum + period.duration_minutes, 0);
    const lines = run ? throttledLines(run) : [];
    const isDone = run?.run.state_type === "COMPLETED";
    const times = `${throttling[0]?.start} to ${throttling.at(-1)?.end}`;
    const what = `Prefect Cloud throttled requests of ${nameList(
      keys.map(([key]) => key),
      6,
    )} (rate limit, answer 429) in ${plural(minutes, "minute")}, ${times}`;
    return [
      {
        code: "rate_limited",
        severity: isDone ? "note" : "problem",
        summary: run
          ? `${run.run.name} ${isDone ? "completed, but" : `is ${run.run.state_name}, and`} it was throttled on its way (${plural(lines.length, "log line")} of 429): ${what}.`
          : `${what}.`,
        evidence: {
          denied: Object.fromEntries(keys.slice(0, 8)),
          throttled_minutes: minutes,
          periods: throttling.slice(-3).map(({ start, end, duration_minutes }) => ({ start, end, duration_minutes })),
          ...(lines.length > 0 ? { log_lines: lines.slice(-2).map((line) => truncate(line, 200)) } : {}),
        },
        fix: "Send fewer requests at once (fewer parallel runs and tasks, less logging, slower polling), or raise the plan; clients retry by themselves.",
        next: [{ tool: "review_rate_limits", args: {}, why: "every throttled period with its keys" }],
        certainty: 1,
        runsExplained: minutes,
      },
    ];
  },
  ruledOut: ({ throttling }) => (throttling?.length === 0 ? "no request was throttled" : null),
};
