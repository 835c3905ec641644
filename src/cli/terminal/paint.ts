/** Lines with colours. A colour is beside its text until the text was made safe: foreign text brings no escape sequence of its own. */
import { cutToColumns, type Line, own } from "../../lib/shown-text.ts";
import { visibleText } from "../../lib/visible-text.ts";
import { stateGroup } from "../../views/state-group.ts";

/** Select Graphic Rendition, ECMA-48 8.3.117: of the 16 colours, which each terminal shows legibly on its own background. */
const CODES = { good: 32, bad: 31, crash: 35, late: 33, busy: 36, wait: 34, off: 90, quiet: 90, strong: 1 } as const;
export type Tone = keyof typeof CODES;

export interface Painted {
  readonly text: Line;
  readonly tone?: Tone | undefined;
}

export type PaintedLine = readonly Painted[];

export function toneOf(state: string): Tone {
  const group = stateGroup(state);
  return Object.keys(CODES).includes(group) ? (group as Tone) : "off";
}

/** Pure. */
export function painted(line: PaintedLine, hasColours: boolean): string {
  return line
    .map(({ text, tone }) => {
      const safe = visibleText(text);
      return hasColours && tone !== undefined && safe !== "" ? `\u001b[${CODES[tone]}m${safe}\u001b[0m` : safe;
    })
    .join("");
}

/** The part that fits into so many columns; `end` follows what was cut. */
export function cutPainted(line: PaintedLine, columns: number, end: Line = own("")): PaintedLine {
  const width = line.reduce((sum, { text }) => sum + Bun.stringWidth(text), 0);
  if (width <= columns) return line;
  const cut: Painted[] = [];
  let left = columns - Bun.stringWidth(end);
  for (const part of line) {
    if (left <= 0) break;
    const text = cutToColumns(part.text, left);
    cut.push({ ...part, text });
    left -= Bun.stringWidth(text);
  }
  return [...cut, { text: end }];
}
