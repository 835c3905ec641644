/** Whether Prefect Cloud throttled the workspace. A Prefect server has no such limits. */
import { MINUTE_US, parseIsoUs } from "../../../lib/time.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import type { ThrottlingPeriod } from "../../../model/throttling.ts";
import type { QueryContext } from "../../source/context.ts";
import { cloudIds } from "../../workspace/identity.ts";
import { getRateLimits } from "../../workspace/rate-limits.ts";
import { reportsThrottling, throttledLines } from "../findings/throttled-lines.ts";
import type { RunFacts } from "../findings/types.ts";
import { attempt, type Gathering } from "./gathering.ts";

/** The run's time with some minutes around it where it tells of refused requests, else null. */
export function throttledSpan(run: RunFacts, nowUs: number): TimeRange | null {
  const said = throttledLines(run).length > 0 || reportsThrottling(run.run.state?.message ?? "");
  if (!said) return null;
  const fromUs = parseIsoUs(run.run.start_time ?? run.run.created ?? "") ?? nowUs;
  const toUs = parseIsoUs(run.run.end_time ?? "") ?? nowUs;
  return { fromUs: fromUs - 2 * MINUTE_US, toUs: toUs + 2 * MINUTE_US };
}

export function readThrottling(
  ctx: QueryContext,
  span: TimeRange,
  gathering: Gathering,
): Promise<readonly ThrottlingPeriod[] | null> {
  if (cloudIds(ctx.instance) === null) return Promise.resolve(null);
  return attempt<readonly ThrottlingPeriod[] | null>(gathering, "rate limits of the account", null, async () => {
    const found = await getRateLimits(ctx, { sinceUs: span.fromUs, untilUs: span.toUs });
    return found.periods;
  });
}
