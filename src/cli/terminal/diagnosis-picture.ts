/** The causes of a diagnosis on a terminal: one line each, with the chain down to what a person can act on below it. */
import { type Line, lineOf, oneLine } from "../../lib/shown-text.ts";
import type { Screen } from "./dashboard-picture.ts";
import { cutPainted, type PaintedLine, type Tone } from "./paint.ts";

type Structured = Readonly<Record<string, unknown>>;

const VERDICTS: Readonly<Record<string, Tone>> = { problem: "bad", nothing_wrong: "good", unknown: "late" };

/** Pure. */
export function diagnosisPicture(structured: Structured, { columns, glyphs }: Screen): PaintedLine[] {
  const verdict = textOf(structured.verdict);
  if (verdict === null) return [];
  const subject: Structured = Object(structured.subject);
  const lines: PaintedLine[] = [
    [
      { text: oneLine(verdict.replaceAll("_", " ")), tone: VERDICTS[verdict] ?? "strong" },
      { text: lineOf` ${shown(subject.name ?? subject.kind)}`, tone: "strong" },
    ],
    ...listOf(structured.causes).flatMap((cause, index) => causeLines(cause, index, oneLine(glyphs.branch))),
  ];
  return lines.map((line) => cutPainted(line, columns, oneLine(glyphs.cut)));
}

function causeLines(cause: Structured, index: number, branch: Line): PaintedLine[] {
  return [
    [
      { text: lineOf`${index + 1} ` },
      { text: shown(cause.code), tone: cause.severity === "problem" ? "bad" : "late" },
      { text: lineOf` ${shown(cause.summary)}` },
    ],
    ...listOf(cause.because).map((link, depth): PaintedLine => {
      const name = link.name ?? link.id;
      const state = textOf(link.state);
      return [
        { text: lineOf`  ${oneLine("  ".repeat(depth))}${branch} ` },
        { text: lineOf`${shown(String(link.kind).replaceAll("_", " "))} `, tone: "quiet" },
        { text: shown(name), tone: "strong" },
        { text: state === null ? oneLine("") : lineOf` ${oneLine(state)}` },
        { text: textOf(link.why) === null ? oneLine("") : lineOf`: ${shown(link.why)}` },
      ];
    }),
  ];
}

function shown(value: unknown): Line {
  return oneLine(textOf(value) ?? "");
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function listOf(value: unknown): readonly Structured[] {
  return Array.isArray(value) ? value.map((one) => Object(one)) : [];
}
