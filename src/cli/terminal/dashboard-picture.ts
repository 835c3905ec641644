/** The dashboard on a terminal: runs by state, those that ended by hour, and the slots of limits. */
import { largest } from "../../lib/lists.ts";
import { cutToColumns, joined, type Line, lineOf, oneLine, own, padded } from "../../lib/shown-text.ts";
import { STATE_ORDER } from "../../views/state-order.ts";
import type { Glyphs } from "./drawing.ts";
import { cutPainted, type PaintedLine, toneOf } from "./paint.ts";
import { sparkline } from "./sparkline.ts";

type Structured = Readonly<Record<string, unknown>>;

export interface Screen {
  readonly columns: number;
  readonly glyphs: Glyphs;
}

/** An answer of `aggregate_events` by time. */
export interface EndedByHour {
  readonly state: string;
  readonly answer: Structured;
}

const LONGEST_BAR = 50;
const LONGEST_SLOTS = 10;
/** The longest name of a state and two blanks. */
const NAME_COLUMNS = 12;
/** Of a count and the blank before it. */
const COUNT_COLUMNS = 8;

/** Pure. */
export function dashboardPicture(structured: Structured, ended: readonly EndedByHour[], screen: Screen): PaintedLine[] {
  const lines = [...stateLines(structured, screen), ...hourLines(ended, screen), ...slotLines(structured, screen)];
  return lines.map((line) => cutPainted(line, screen.columns, oneLine(screen.glyphs.cut)));
}

function stateLines(structured: Structured, { columns, glyphs }: Screen): PaintedLine[] {
  const counts: Structured = Object(structured.flow_runs);
  const rows = STATE_ORDER.map((state) => ({ state, count: numberOf(counts[state]) })).filter(({ count }) => count > 0);
  const longest = Math.max(1, Math.min(LONGEST_BAR, columns - NAME_COLUMNS - COUNT_COLUMNS));
  const highest = largest([1, ...rows.map(({ count }) => count)]);
  return rows.map(({ state, count }) => [
    { text: padded(oneLine(state), NAME_COLUMNS) },
    { text: oneLine(glyphs.full.repeat(Math.max(1, Math.round((count / highest) * longest)))), tone: toneOf(state) },
    { text: lineOf` ${count}`, tone: "strong" },
  ]);
}

/** A bucket of which any answer lacks a part is not known. */
function hourLines(ended: readonly EndedByHour[], { columns, glyphs }: Screen): PaintedLine[] {
  const rows = ended.map(({ state, answer }) => ({ state, counts: countsOf(answer) }));
  const shown = Math.max(1, columns - NAME_COLUMNS - COUNT_COLUMNS);
  const drawn = rows.filter(({ counts }) => counts.some((count) => count !== 0));
  const length = largest([0, ...rows.map(({ counts }) => counts.length)]);
  if (drawn.length === 0) return [];
  const hours = Math.min(shown, length);
  const hasUnknown = drawn.some(({ counts }) => counts.slice(-hours).includes(null));
  return [
    [
      { text: lineOf`ended by hour, the last ${hours}, UTC` },
      ...(hasUnknown ? [{ text: lineOf` (${oneLine(glyphs.unknown)} is not covered)` }] : []),
    ],
    ...drawn.map(({ state, counts }): PaintedLine => {
      const last = counts.slice(-hours);
      const most = largest([0, ...last.map((count) => count ?? 0)]);
      return [
        { text: padded(oneLine(state), NAME_COLUMNS) },
        { text: oneLine(sparkline(last, glyphs)), tone: toneOf(state) },
        { text: lineOf` max ${most}`, tone: "quiet" },
      ];
    }),
  ];
}

/** Null for an hour that lies in a gap, or for all where the answer does not say that it is whole. */
function countsOf(answer: Structured): (number | null)[] {
  const coverage: Structured = Object(answer.coverage);
  const gaps = listOf(coverage.gaps).map((gap) => [Date.parse(String(gap.from)), Date.parse(String(gap.to))] as const);
  const lengthMs = numberOf(answer.interval_seconds) * 1000;
  return listOf(answer.groups).map((group) => {
    const fromMs = Date.parse(String(group.start));
    const isGap = gaps.some(([from, to]) => from < fromMs + lengthMs && to > fromMs);
    return isGap || coverage.complete !== true ? null : numberOf(group.count);
  });
}

function slotLines(structured: Structured, { columns, glyphs }: Screen): PaintedLine[] {
  const slots = listOf(structured.slots).filter((slot) => numberOf(slot.limit) > 0);
  if (slots.length === 0) return [];
  const longest = Math.min(LONGEST_SLOTS, Math.max(3, Math.floor(columns / 8)));
  return [
    [{ text: own("slots taken") }],
    ...slots.map((slot): PaintedLine => {
      const [taken, limit] = [numberOf(slot.active_slots), numberOf(slot.limit)];
      const full = Math.min(longest, Math.ceil((taken / limit) * longest));
      const holders = listOf(slot.holders).map((one) => oneLine(String(one.name ?? one.id)));
      const name = cutToColumns(
        lineOf`${oneLine(String(slot.kind))} ${oneLine(String(slot.name))}`,
        columns - longest - 9,
      );
      return [
        { text: oneLine(glyphs.full.repeat(full)), tone: taken >= limit ? "late" : "busy" },
        { text: oneLine(glyphs.empty.repeat(longest - full)), tone: "quiet" },
        { text: lineOf` ${taken}/${limit} ${name}` },
        ...(holders.length > 0 ? [{ text: lineOf`: ${joinedNames(holders)}`, tone: "quiet" } as const] : []),
      ];
    }),
  ];
}

function joinedNames(names: readonly Line[]): Line {
  return joined(names, ", ");
}

function listOf(value: unknown): readonly Structured[] {
  return Array.isArray(value) ? value.map((one) => Object(one)) : [];
}

function numberOf(value: unknown): number {
  const number = Number(value ?? 0);
  return Number.isFinite(number) ? number : 0;
}
