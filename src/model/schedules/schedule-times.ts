/**
 * The times at which a schedule makes runs, as Prefect computes them. In the bundle this module and its libraries are text that is
 * compiled at first use (`ON_DEMAND` in `scripts/build.ts`).
 */
import { isJsonNumber } from "../../lib/exact-json.ts";
import { parseIsoUs, SECOND_US, type ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../freshness.ts";
import type { JsonObject } from "../objects.ts";
import { cronTimes } from "./cron-times.ts";
import { intervalTimes } from "./interval-times.ts";
import { rruleTimes } from "./rrule-times.ts";
import { wallOf } from "./wall-clock.ts";

/** A longer rule takes long to expand. */
const MAX_RULE_CHARS = 4_000;

/** At most `limit` times within the closed range, ascending; null for a schedule that is not understood. */
export function scheduleTimes(schedule: JsonObject, range: TimeRange, limit: number): ServerUs[] | null {
  const { cron, interval, rrule, timezone, day_or, anchor_date } = schedule;
  const zone = typeof timezone === "string" && timezone !== "" ? timezone : "UTC";
  try {
    if (typeof cron === "string" && cron.length <= MAX_RULE_CHARS)
      return cronTimes({ cron, isDayOr: day_or !== false, zone }, range, limit);
    if (typeof rrule === "string" && rrule.length <= MAX_RULE_CHARS) return rruleTimes({ rrule, zone }, range, limit);
    const anchorUs = typeof anchor_date === "string" ? parseIsoUs(anchor_date) : undefined;
    if (!isJsonNumber(interval) || anchorUs === undefined) return null;
    return intervalTimes({ intervalUs: Math.round(Number(interval) * SECOND_US), anchorUs, zone }, range, limit);
  } catch {
    return null;
  }
}

/** The clock of the schedule's zone is set within the range. */
export function changesClock({ timezone }: JsonObject, { fromUs, toUs }: TimeRange): boolean {
  if (typeof timezone !== "string" || timezone === "") return false;
  try {
    return wallOf(fromUs, timezone) - fromUs !== wallOf(toUs, timezone) - toUs;
  } catch {
    return false;
  }
}
