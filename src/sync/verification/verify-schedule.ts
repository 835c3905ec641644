/** When a range that was complete once is compared again: events arrive late, from seconds to any length of time. */
import { DAY_US, HOUR_US, MINUTE_US } from "../../lib/time.ts";
import { mergeRanges, type TimeRange } from "../../model/freshness.ts";

/** A range claimed by the ledger; `verifiedUs` here on the server's clock, like the range. */
export interface VerifiedRange extends TimeRange {
  readonly verifiedUs: number;
}

/** Ages at which an event's moment is looked at again, and how much time is gathered for one comparison. */
const STEPS: readonly { readonly ageUs: number; readonly grainUs: number }[] = [
  { ageUs: 5 * MINUTE_US, grainUs: 5 * MINUTE_US },
  { ageUs: HOUR_US, grainUs: 20 * MINUTE_US },
  { ageUs: 6 * HOUR_US, grainUs: 2 * HOUR_US },
  { ageUs: DAY_US, grainUs: 6 * HOUR_US },
  { ageUs: 2 * DAY_US, grainUs: 12 * HOUR_US },
  { ageUs: 4 * DAY_US, grainUs: DAY_US },
  { ageUs: 8 * DAY_US, grainUs: DAY_US },
  { ageUs: 16 * DAY_US, grainUs: DAY_US },
  { ageUs: 32 * DAY_US, grainUs: DAY_US },
];

/** No comparison spans more than this, so that an interrupted one costs little. */
const LARGEST_US = DAY_US;

/** Per step (its age in microseconds, as text): everything that occurred up to there has been looked at for it. */
export type VerifyCursors = Readonly<Record<string, number>>;

export interface DueVerification {
  /** Ranges to compare, ascending. */
  readonly ranges: readonly TimeRange[];
  /** The cursors once that is done. */
  readonly cursors: VerifyCursors;
}

/**
 * What is due now. `nowUs` on the server's clock; ranges older than `floorUs` are left alone (the server deletes them).
 * A moment is due for a step when it is older than the step's age and was verified last while it was younger.
 */
export function dueVerification(
  covered: readonly VerifiedRange[],
  cursors: VerifyCursors,
  nowUs: number,
  floorUs: number,
): DueVerification {
  const first = covered[0];
  if (!first) return { ranges: [], cursors };
  const next: Record<string, number> = { ...cursors };
  const due: TimeRange[] = [];
  for (const { ageUs, grainUs } of STEPS) {
    const doneUs = Math.max(cursors[ageUs] ?? Number.NEGATIVE_INFINITY, first.fromUs - 1);
    const toUs = nowUs - ageUs;
    if (toUs - doneUs < grainUs) continue;
    next[ageUs] = toUs;
    for (const range of covered) {
      const part = {
        fromUs: Math.max(range.fromUs, doneUs + 1, range.verifiedUs - ageUs + 1, floorUs),
        toUs: Math.min(range.toUs, toUs),
      };
      if (part.fromUs <= part.toUs) due.push(part);
    }
  }
  return { ranges: mergeRanges(due).flatMap(split), cursors: next };
}

function split(range: TimeRange): TimeRange[] {
  const parts: TimeRange[] = [];
  for (let fromUs = range.fromUs; fromUs <= range.toUs; fromUs += LARGEST_US) {
    parts.push({ fromUs, toUs: Math.min(range.toUs, fromUs + LARGEST_US - 1) });
  }
  return parts;
}
