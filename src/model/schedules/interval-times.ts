/**
 * Times of an interval schedule, as Prefect computes them: it jumps near the start in seconds, then adds days on the zone's clock and the
 * rest in seconds. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/schedules.py (`IntervalSchedule`)
 */
import { DAY_US, type ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../freshness.ts";
import { momentOf, wallOf } from "./wall-clock.ts";

export interface IntervalRule {
  readonly intervalUs: number;
  readonly anchorUs: ServerUs;
  readonly zone: string;
}

/** At most `limit` times within the closed range, ascending. */
export function intervalTimes(
  { intervalUs, anchorUs, zone }: IntervalRule,
  range: TimeRange,
  limit: number,
): ServerUs[] {
  if (intervalUs <= 0) return [];
  const days = Math.floor(intervalUs / DAY_US);
  const restUs = intervalUs - days * DAY_US;
  const advance = (us: ServerUs) =>
    (days === 0 ? us : momentOf(wallOf(us, zone) + days * DAY_US, zone, "before")) + restUs;
  let next = anchorUs + intervalUs * Math.trunc((range.fromUs - anchorUs) / intervalUs);
  while (next < range.fromUs) next = advance(next);
  const times: ServerUs[] = [];
  // A time that the clock shows twice makes one run.
  const shown = new Set<number>();
  for (; next <= range.toUs && times.length < limit; next = advance(next)) {
    const wallUs = wallOf(next, zone);
    if (!shown.has(wallUs)) times.push(next);
    shown.add(wallUs);
  }
  return times;
}
