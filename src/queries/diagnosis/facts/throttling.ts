/** Throttling by Prefect Cloud. A Prefect server has no rate limits. */
import { own } from "../../../lib/shown-text.ts";
import { addUs, MINUTE_US, parseIsoUs, type ServerUs } from "../../../lib/time.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import type { ThrottlingPeriod } from "../../../model/throttling.ts";
import { cloudIds } from "../../../prefect/cloud.ts";
import type { QueryContext } from "../../source/context.ts";
import { getRateLimits } from "../../workspace/rate-limits.ts";
import { reportsThrottling, throttledLines } from "../findings/throttled-lines.ts";
import type { RunFacts } from "../findings/types.ts";
import { attempt, type Gathering } from "./gathering.ts";

/** From two minutes before the run to two minutes after it, when its log or state reports refused requests; else null. */
export function throttledRangeOf(run: RunFacts, nowUs: ServerUs): TimeRange | null {
  const isThrottled = throttledLines(run).length > 0 || reportsThrottling(run.run.state?.message ?? "");
  if (!isThrottled) return null;
  const fromUs = parseIsoUs(run.run.start_time ?? run.run.created ?? "") ?? nowUs;
  const toUs = parseIsoUs(run.run.end_time ?? "") ?? nowUs;
  return { fromUs: addUs(fromUs, -2 * MINUTE_US), toUs: addUs(toUs, 2 * MINUTE_US) };
}

/** Null on a Prefect server, and when Prefect Cloud did not answer. */
export function readThrottling(
  ctx: QueryContext,
  range: TimeRange,
  gathering: Gathering,
): Promise<readonly ThrottlingPeriod[] | null> {
  if (cloudIds(ctx.instance) === null) return Promise.resolve(null);
  return attempt<readonly ThrottlingPeriod[] | null>(gathering, own("rate limits of the account"), null, async () => {
    const found = await getRateLimits(ctx, { sinceUs: range.fromUs, untilUs: range.toUs });
    return found.periods;
  });
}
