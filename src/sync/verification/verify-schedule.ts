/** Decides when a covered range is verified again, because events may arrive late by any length of time. */
import { addUs, DAY_US, earliestUs, HOUR_US, latestUs, MINUTE_US, type ServerUs } from "../../lib/time.ts";
import { mergeRanges, type TimeRange } from "../../model/freshness.ts";

/** A coverage range. `verifiedUs` is on the server clock here, as the range is. */
export interface VerifiedRange extends TimeRange {
  readonly verifiedUs: ServerUs;
}

/** Ages at which each moment is verified again, and how much time is collected for one verification. */
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

/** Longest range of one verification, so that an interrupted one loses little. */
const LARGEST_US = DAY_US;

/**
 * Per step (key: its age in microseconds): everything that occurred up to this moment (server clock) has been verified
 * for it.
 */
export type VerifyCursors = Readonly<Record<string, ServerUs>>;

export interface DueVerification {
  /** Ranges to verify, ascending. */
  readonly ranges: readonly TimeRange[];
  /** The cursors after these verifications. */
  readonly cursors: VerifyCursors;
}

/**
 * What is due now. `nowUs` is on the server clock. Ranges before `oldestUs` are never due, because the server may have
 * deleted events. A moment is due for a step when it is older than the step's age and was last verified when it was
 * younger.
 */
export function dueVerification(
  covered: readonly VerifiedRange[],
  cursors: VerifyCursors,
  nowUs: ServerUs,
  oldestUs: ServerUs,
): DueVerification {
  const first = covered[0];
  if (!first) return { ranges: [], cursors };
  const next: Record<string, ServerUs> = { ...cursors };
  const due: TimeRange[] = [];
  for (const { ageUs, grainUs } of STEPS) {
    const toUs = addUs(nowUs, -ageUs);
    const cursorUs = cursors[ageUs] ?? Number.NEGATIVE_INFINITY;
    // After the server clock was set back, it passes moments again that are before the cursor.
    if (cursorUs - toUs > grainUs) next[ageUs] = toUs;
    const doneUs = latestUs(earliestUs(cursorUs, toUs), addUs(first.fromUs, -1));
    if (toUs - doneUs < grainUs) continue;
    next[ageUs] = toUs;
    for (const range of covered) {
      const part = {
        fromUs: latestUs(range.fromUs, addUs(doneUs, 1), addUs(range.verifiedUs, 1 - ageUs), oldestUs),
        toUs: earliestUs(range.toUs, toUs),
      };
      if (part.fromUs <= part.toUs) due.push(part);
    }
  }
  return { ranges: mergeRanges(due).flatMap(split), cursors: next };
}

function split(range: TimeRange): TimeRange[] {
  const parts: TimeRange[] = [];
  for (let fromUs = range.fromUs; fromUs <= range.toUs; fromUs = addUs(fromUs, LARGEST_US)) {
    parts.push({ fromUs, toUs: earliestUs(range.toUs, addUs(fromUs, LARGEST_US - 1)) });
  }
  return parts;
}
