/** Source, age and coverage of an answer, as text. */
import { formatIsoUs } from "../../lib/time.ts";
import type { Freshness } from "../../model/freshness.ts";

/** First line: source, as_of, window. Further lines: what is missing and notes. */
export function metaLines(freshness: Freshness, nowUs: number): string[] {
  const { source, asOfUs, coverage } = freshness;
  const { fromUs, toUs } = coverage;
  const isWindow = fromUs !== null && toUs !== null && fromUs !== toUs;
  const window = isWindow ? `, covers ${second(fromUs)} to ${second(toUs)}` : "";
  const lines = [
    `${source} as of ${second(asOfUs)} (${age(nowUs - asOfUs)} ago)${window}${coverage.complete ? "" : ", INCOMPLETE"}`,
  ];
  if (coverage.gaps.length > 0) {
    const shown = coverage.gaps.slice(0, 5).map((gap) => `${second(gap.fromUs)} to ${second(gap.toUs)}`);
    const rest = coverage.gaps.length > 5 ? ` and ${coverage.gaps.length - 5} more` : "";
    lines.push(`not covered: ${shown.join("; ")}${rest}`);
  }
  return [...lines, ...coverage.notes];
}

/** Whole seconds: `2026-01-31T09:00:00Z`. */
export function second(us: number): string {
  return formatIsoUs(Math.floor(us / 1_000_000) * 1_000_000);
}

/** `0s`, `45s`, `12m`, `3h`, `5d`. */
export function age(us: number): string {
  const seconds = Math.max(0, Math.round(us / 1_000_000));
  if (seconds < 90) return `${seconds}s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)}h` : `${Math.round(seconds / 86_400)}d`;
}
