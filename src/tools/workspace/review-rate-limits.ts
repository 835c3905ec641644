import { z } from "zod";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { getRateLimits } from "../../queries/workspace/rate-limits.ts";
import { freshnessFields, linesWithoutWindow } from "../answer/freshness.ts";
import { defineTool } from "../definition/define-tool.ts";
import { metaOutput, textArg, timeArg, workspaceArg } from "../definition/shared-schemas.ts";

/** Number of latest periods shown. */
const MAX_PERIODS = 30;

export const reviewRateLimitsTool = defineTool({
  name: "review_rate_limits",
  title: "Rate limits",
  description:
    'Prefect Cloud only: which groups of API operations were throttled (429) and when, default the last 3 days. Use it for 429 or "Too Many Requests".',
  input: z.strictObject({ since: textArg, until: textArg, workspace_id: workspaceArg }),
  output: z.looseObject({ summary: z.looseObject({}).optional(), ...metaOutput }),
  isCloudOnly: true,
  async run({ query: ctx }, args) {
    const nowUs = serverNowUs(ctx);
    const limits = await getRateLimits(ctx, {
      sinceUs: timeArg("since", args.since, nowUs),
      untilUs: timeArg("until", args.until, nowUs),
    });
    const { since, until, summary, freshness } = limits;
    const throttling_periods = limits.periods.slice(-MAX_PERIODS);
    const structured = { since, until, summary, throttling_periods, ...freshnessFields(freshness) };
    const lines = throttling_periods.map(({ start, end, duration_minutes, keys_affected }) => {
      const keys = keys_affected.map(
        (key) => `${key.key} denied ${key.total_denied} (at most ${key.peak_denied_per_minute} a minute)`,
      );
      return `${start} to ${end}, ${duration_minutes} throttled minutes: ${keys.join(", ")}`;
    });
    const older = limits.periods.length - throttling_periods.length;
    const head = `rate limits ${since} to ${until} | ${linesWithoutWindow(freshness, nowUs).join("\n")}`;
    const total =
      summary.total_throttling_periods === 0
        ? "No request was throttled."
        : `${summary.total_throttling_periods} periods, ${summary.total_minutes_throttled} minutes throttled: ${summary.affected_keys.join(", ")}`;
    return { structured, text: [head, total, ...lines, ...(older > 0 ? [`${older} earlier periods`] : [])].join("\n") };
  },
});
