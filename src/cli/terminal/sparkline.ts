import { largest } from "../../lib/lists.ts";
import type { Glyphs } from "./drawing.ts";

/** One character for each count; null is not covered. A count above zero is never drawn as zero. Pure. */
export function sparkline(counts: readonly (number | null)[], { levels, unknown }: Glyphs): string {
  const marks = [...levels];
  const highest = largest([1, ...counts.map((count) => count ?? 0)]);
  return counts
    .map((count) => (count === null ? unknown : marks[Math.ceil((count / highest) * (marks.length - 1))]))
    .join("");
}
