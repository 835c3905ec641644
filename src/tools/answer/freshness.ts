/** Source, age and coverage of an answer, as structured content and as lines of the text. */

import { durationText } from "../../lib/duration-text.ts";
import { joined, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import { formatIsoSeconds, formatIsoUs, type ServerUs } from "../../lib/time.ts";
import type { Coverage, Freshness, TimeRange } from "../../model/freshness.ts";
import { gapText, rangeText } from "./range-text.ts";

/** `source`, `as_of`, `coverage`. */
export function freshnessFields({ source, asOfUs, coverage }: Freshness): Record<string, unknown> {
  return {
    source,
    as_of: formatIsoUs(asOfUs),
    coverage: {
      complete: coverage.complete,
      from: isoOrNull(coverage.fromUs),
      to: isoOrNull(coverage.toUs),
      gaps: coverage.gaps.map(isoRange),
      ...(coverage.verifiedUs === null ? {} : { verified_at: formatIsoUs(coverage.verifiedUs) }),
      ...(coverage.notes.length === 0 ? {} : { notes: coverage.notes }),
    },
  };
}

/** For answers whose content is part of the program. */
export function builtInFields(nowUs: ServerUs): Record<string, unknown> {
  return freshnessFields({ source: "record", asOfUs: nowUs, coverage: withoutWindow(true, []) });
}

/** Coverage of an answer that is not about a time window. */
export function withoutWindow(complete: boolean, notes: readonly Sentence[]): Coverage {
  return { complete, fromUs: null, toUs: null, gaps: [], verifiedUs: null, notes };
}

/** First line: source, as_of, window. Further lines: gaps and notes. */
export function freshnessLines(freshness: Freshness, nowUs: ServerUs): Sentence[] {
  const { fromUs, toUs } = freshness.coverage;
  const isWindow = fromUs !== null && toUs !== null && fromUs !== toUs;
  const window = isWindow ? sentence`, covers ${rangeText({ fromUs, toUs })}` : own("");
  return linesWith(window, freshness, nowUs);
}

/** The same for texts that state the window themselves. */
export function linesWithoutWindow(freshness: Freshness, nowUs: ServerUs): Sentence[] {
  return linesWith(own(""), freshness, nowUs);
}

function linesWith(window: Sentence, { source, asOfUs, coverage }: Freshness, nowUs: ServerUs): Sentence[] {
  const lines = [
    sentence`${source} as of ${formatIsoSeconds(asOfUs)} (${durationText(nowUs - asOfUs)} ago)${window}${coverage.complete ? "" : ", INCOMPLETE"}`,
  ];
  if (coverage.gaps.length > 0) {
    const shown = coverage.gaps.slice(0, 5).map(gapText);
    const rest = coverage.gaps.length > 5 ? sentence` and ${coverage.gaps.length - 5} more` : "";
    lines.push(sentence`not covered: ${joined(shown, "; ")}${rest}`);
  }
  return [...lines, ...coverage.notes];
}

export function isoRange({ fromUs, toUs }: TimeRange): { from: string; to: string } {
  return { from: formatIsoUs(fromUs), to: formatIsoUs(toUs) };
}

export function isoOrNull(us: number | null): string | null {
  return us === null ? null : formatIsoUs(us);
}

/** `2026-01-31`. */
export function dayOf(us: number): string {
  return formatIsoUs(us).slice(0, 10);
}
