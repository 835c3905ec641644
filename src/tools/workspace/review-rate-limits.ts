import { z } from "zod";
import { asName, asNames, asReason, counted, joined, own, sentence } from "../../lib/shown-text.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { getRateLimits } from "../../queries/workspace/rate-limits.ts";
import { answerText } from "../answer/fenced.ts";
import { freshnessFields, linesWithoutWindow } from "../answer/freshness.ts";
import { defineTool } from "../definition/define-tool.ts";
import { metaOutput, textArg, timeArg } from "../definition/shared-schemas.ts";

/** Number of latest periods shown. */
const MAX_PERIODS = 30;

export const reviewRateLimitsTool = defineTool({
  name: "review_rate_limits",
  title: "Rate limits",
  description:
    'Prefect Cloud only: which groups of API operations were throttled (429) and when, default the last 3 days. Use it for 429 or "Too Many Requests".',
  input: z.strictObject({ since: textArg, until: textArg }),
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
        (key) =>
          sentence`${asName(key.key)} denied ${key.total_denied} (at most ${key.peak_denied_per_minute} a minute)`,
      );
      return sentence`${asReason(start)} to ${asReason(end)}, ${counted(duration_minutes, "throttled minute")}: ${joined(keys, ", ")}`;
    });
    const older = limits.periods.length - throttling_periods.length;
    const [head = own(""), ...notes] = linesWithoutWindow(freshness, nowUs);
    const total =
      summary.total_throttling_periods === 0
        ? sentence`No request was throttled.`
        : sentence`${counted(summary.total_throttling_periods, "period")}, ${counted(summary.total_minutes_throttled, "minute")} throttled: ${asNames(summary.affected_keys)}`;
    const text = answerText([
      sentence`rate limits ${asName(since)} to ${asName(until)} | ${head}`,
      ...notes,
      total,
      ...lines,
      older > 0 ? counted(older, "earlier period") : null,
    ]);
    return { structured, text };
  },
});
