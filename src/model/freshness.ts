import type { Sentence } from "../lib/shown-text.ts";
import { addUs, latestUs, type ServerUs } from "../lib/time.ts";

/** Where an answer came from. */
export type AnswerSource = "record" | "live" | "mixed";

/** A closed range of microseconds. */
export interface TimeRange {
  readonly fromUs: ServerUs;
  readonly toUs: ServerUs;
}

export interface Coverage {
  /** The whole window of the question is in the record, or was just read from Prefect. */
  readonly complete: boolean;
  /** The covered part of that window; null when nothing is covered. */
  readonly fromUs: ServerUs | null;
  readonly toUs: ServerUs | null;
  /** The parts of that window that are not covered, ascending. */
  readonly gaps: readonly TimeRange[];
  /** When the part that was compared with Prefect least recently was compared. */
  readonly verifiedUs: ServerUs | null;
  /** Sentences that say what is missing and why ("Prefect is unreachable since …"). */
  readonly notes: readonly Sentence[];
}

/** Source, age and coverage of an answer. */
export interface Freshness {
  readonly source: AnswerSource;
  /** The answer shows the state of this moment. Offline: at the latest the moment when the connection was lost. */
  readonly asOfUs: ServerUs;
  readonly coverage: Coverage;
}

/** With more notes. */
export function withNotes(freshness: Freshness, notes: readonly Sentence[]): Freshness {
  if (notes.length === 0) return freshness;
  const { coverage } = freshness;
  return { ...freshness, coverage: { ...coverage, notes: [...coverage.notes, ...notes] } };
}

/** The record cannot answer with certainty; the note says what it does not know. */
export function asIncomplete(freshness: Freshness, note: Sentence): Freshness {
  const noted = withNotes(freshness, [note]);
  return { ...noted, coverage: { ...noted.coverage, complete: false } };
}

/** Ranges merged where they touch or overlap, ascending. `slackUs`: holes up to this size count as touching. */
export function mergeRanges(ranges: readonly TimeRange[], slackUs = 1): TimeRange[] {
  const sorted = [...ranges].sort((a, b) => a.fromUs - b.fromUs);
  const merged: TimeRange[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last && range.fromUs <= last.toUs + slackUs) {
      merged[merged.length - 1] = { fromUs: last.fromUs, toUs: latestUs(last.toUs, range.toUs) };
    } else merged.push(range);
  }
  return merged;
}

/** The parts of `asked` that no range covers, ascending. */
export function gapsIn(asked: TimeRange, covered: readonly TimeRange[]): TimeRange[] {
  const gaps: TimeRange[] = [];
  let from = asked.fromUs;
  for (const range of mergeRanges(covered)) {
    if (range.toUs < from) continue;
    if (range.fromUs > asked.toUs) break;
    if (range.fromUs > from) gaps.push({ fromUs: from, toUs: addUs(range.fromUs, -1) });
    from = latestUs(from, addUs(range.toUs, 1));
  }
  if (from <= asked.toUs) gaps.push({ fromUs: from, toUs: asked.toUs });
  return gaps;
}
