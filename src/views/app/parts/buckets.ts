/** Buckets of `aggregate_events` by time, of several answers over the same window. */

import { listAt, numberAt, objectAt, textAt } from "../answers/read.ts";
import type { Structured } from "../connection/connection.ts";
import type { Bucket } from "./bars.tsx";
import { msOf } from "./time.ts";

export interface Series {
  readonly name: string;
  readonly group: string;
  readonly answer: Structured;
}

/** A bucket that lies in a gap of any answer, or outside of what it covers, has no counts. */
export function coveredBuckets(series: readonly Series[]): Bucket[] {
  const starts = [
    ...new Set(series.flatMap(({ answer }) => listAt(answer, "groups").map((one) => textAt(one, "start") ?? ""))),
  ];
  const counts = series.map(
    ({ answer }) =>
      new Map(listAt(answer, "groups").map((one) => [textAt(one, "start") ?? "", numberAt(one, "count") ?? 0])),
  );
  return starts
    .filter((start) => !Number.isNaN(msOf(start)))
    .sort()
    .map((start) => ({
      start,
      ...extentOf(series, start),
      parts: series.every(({ answer }) => isCovered(answer, start))
        ? series.map(({ name, group }, index) => ({ name, group, count: counts[index]?.get(start) ?? 0 }))
        : null,
    }));
}

/** Buckets are of one length; the first and the last of a window reach beyond it. */
function extentOf(series: readonly Series[], start: string) {
  const answer = series[0]?.answer;
  const window = objectAt(answer, "window");
  const startMs = msOf(start);
  const endMs = startMs + (numberAt(answer, "interval_seconds") ?? 0) * 1000;
  const isCut = msOf(textAt(window, "from")) > startMs || msOf(textAt(window, "to")) < endMs;
  return { startMs, endMs, isCut };
}

function isCovered(answer: Structured, start: string): boolean {
  const coverage = objectAt(answer, "coverage");
  const window = objectAt(answer, "window");
  const fromMs = msOf(start);
  const untilMs = fromMs + (numberAt(answer, "interval_seconds") ?? 0) * 1000;
  const overlaps = (from: string | null, to: string | null) =>
    from !== null && to !== null && msOf(from) < untilMs && msOf(to) > fromMs;
  if (listAt(coverage, "gaps").some((gap) => overlaps(textAt(gap, "from"), textAt(gap, "to")))) return false;
  if (coverage.complete === true) return true;
  // The first and the last bucket of the window reach beyond it.
  const from = Math.max(fromMs, msOf(textAt(window, "from") ?? start));
  const to = Math.min(untilMs, msOf(textAt(window, "to") ?? start) || untilMs);
  return msOf(textAt(coverage, "from") ?? "") <= from && msOf(textAt(coverage, "to") ?? "") >= to;
}
