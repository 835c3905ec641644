import { formatIsoUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";

/** Filter and sort of one part of a walk over runs by expected start. Flow runs and task runs have the same names for both. */
export function byExpectedStart(part: TimeRange) {
  return {
    expected_start_time: { after_: formatIsoUs(part.fromUs), before_: formatIsoUs(part.toUs) },
    // Inside one instant the default sort by id is the only one that keeps its order between pages.
    sort: part.fromUs === part.toUs ? "ID_DESC" : "EXPECTED_START_TIME_DESC",
  };
}
