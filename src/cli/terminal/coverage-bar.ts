import { oneLine } from "../../lib/shown-text.ts";
import type { ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { Glyphs } from "./drawing.ts";
import type { PaintedLine, Tone } from "./paint.ts";

/** From the left to the right: covered, in part, and not. Pure. */
export function coverageBar(
  covered: readonly TimeRange[],
  { fromUs, toUs }: { readonly fromUs: ServerUs; readonly toUs: ServerUs },
  length: number,
  { full, half, empty }: Glyphs,
): PaintedLine {
  if (!(toUs > fromUs) || length < 1) return [];
  const cells = Array.from({ length }, (_, index) => {
    const start = fromUs + ((toUs - fromUs) * index) / length;
    const end = fromUs + ((toUs - fromUs) * (index + 1)) / length;
    const us = covered.reduce(
      (sum, one) => sum + Math.max(0, Math.min(end, one.toUs) - Math.max(start, one.fromUs)),
      0,
    );
    // Limits between cells are no whole microseconds.
    if (us >= end - start - 1) return { glyph: full, tone: "good" } as const;
    return us > 0 ? ({ glyph: half, tone: "late" } as const) : ({ glyph: empty, tone: "bad" } as const);
  });
  const parts: { text: string; tone: Tone }[] = [];
  for (const { glyph, tone } of cells) {
    const last = parts.at(-1);
    if (last?.tone === tone) last.text += glyph;
    else parts.push({ text: glyph, tone });
  }
  return parts.map(({ text, tone }) => ({ text: oneLine(text), tone }));
}
