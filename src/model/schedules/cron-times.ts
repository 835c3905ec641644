/**
 * Times of a cron schedule. Prefect computes them with croniter on the zone's clock, without offsets.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/schedules.py (`CronSchedule`)
 */
import { Cron } from "croner";
import { SECOND_US, type ServerUs, toDate } from "../../lib/time.ts";
import type { TimeRange } from "../freshness.ts";
import { momentOf, wallOf } from "./wall-clock.ts";

export interface CronRule {
  readonly cron: string;
  /** A run is due when the day of the month or the weekday matches; false: when both do. */
  readonly isDayOr: boolean;
  readonly zone: string;
}

/**
 * Times of the rule that are passed over, at most: in the hour that the clock shows twice all of them mean the first showing, which may lie
 * before the range. Cron with seconds has 7,200 in two hours.
 */
const MAX_PASSED = 7_200;

/** At most `limit` times within the closed range, ascending. Throws for an expression that is not understood. */
export function cronTimes(rule: CronRule, range: TimeRange, limit: number): ServerUs[] {
  const { zone } = rule;
  // Times on the zone's clock: for the library they are in UTC, which has no changes of its own.
  const cron = new Cron(toCroner(rule.cron), { timezone: "UTC", domAndDow: !rule.isDayOr });
  const times: ServerUs[] = [];
  let from = wallOf(range.fromUs, zone) - SECOND_US;
  for (let tries = 0; tries < 2 * limit + MAX_PASSED && times.length < limit; tries++) {
    const next = cron.nextRun(toDate(from));
    if (next === null) break;
    from = next.getTime() * 1000;
    const us = momentOf(from, zone, "after");
    if (us > range.toUs) break;
    // The clock shows a time twice, or skips one: two times of the rule can be one moment, or begin before the range.
    if (us >= range.fromUs && us > (times.at(-1) ?? Number.NEGATIVE_INFINITY)) times.push(us);
  }
  return times;
}

/**
 * croniter has seconds as the sixth field and the year as the seventh, croner seconds first and the year last; the last weekday of a
 * month is `L5` for the one and `5#L` for the other.
 */
function toCroner(cron: string): string {
  const fields = cron.trim().split(/\s+/);
  if (fields.length < 5) return fields.join(" ").replace(/^@midnight$/i, "@daily");
  const [minute = "*", hour = "*", day = "*", month = "*", weekday = "*", second, year] = fields;
  const weekdays = weekday.replace(/\bL([0-7])\b/gi, "$1#L");
  const days = day.replace(/^l$/, "L");
  const base = [minute, hour, days, month, weekdays];
  return [...(second === undefined ? [] : [second]), ...base, ...(year === undefined ? [] : [year])].join(" ");
}
