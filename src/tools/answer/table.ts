/**
 * Tables made from structured content: columns named once, one line per item, nulls left out, names beside ids. The text contains every
 * UUID of the structured content; one that occurs more than once is written out in a legend and referred to as `#a`.
 */

import { durationText } from "../../lib/duration-text.ts";
import { ExactNumber, isJsonNumber, isJsonObject } from "../../lib/exact-json.ts";
import {
  asCell,
  asName,
  type Cell,
  joined,
  jsonLine,
  type Line,
  lineOf,
  quote,
  type Sentence,
  sentence,
} from "../../lib/shown-text.ts";
import { SECOND_US } from "../../lib/time.ts";
import { uuidsIn } from "../../lib/uuid.ts";

export type Item = Readonly<Record<string, unknown>>;

export interface TableOptions {
  /** Columns that come first, in this order. The others follow in the order of their first use, `id` last. */
  readonly order?: readonly string[];
  /** Times of this day (`2026-01-31`) are written without date. */
  readonly day: string;
  /** Times keep milliseconds. */
  readonly keepsMillis?: boolean | undefined;
}

/** One item as cells by column name. `X_id` and `X_name` share the column `X`; nested `{id, name}` too. */
export function cellsOf(item: Item, options: TableOptions): Map<string, Cell> {
  const cells = new Map<string, Cell>();
  for (const key in item) {
    const text = durationCell(key, item[key]) ?? cellText(item[key], options);
    if (text === "") continue;
    const column = columnOf(key);
    const before = cells.get(column);
    if (before === undefined) cells.set(column, text);
    else cells.set(column, joined(key.endsWith("_name") ? [text, before] : [before, text], " "));
  }
  return cells;
}

/** The heading of the column of a member. */
export function columnOf(key: string): string {
  return key.replace(/(?:_name|_id|_seconds|_seconds_ago)$/, "");
}

/** Heading of one column for the flow and the deployment of a run. */
export const OWNER_HEADING = "flow/deployment";
const OWNER_MEMBERS = [
  ["flow_name", "deployment_name"],
  ["flow", "deployment"],
] as const;

/** The item with one member for its flow and its deployment, whose name begins with that of its flow. */
export function withOwner(item: Item): Item {
  const members = OWNER_MEMBERS.find(([flow]) => typeof item[flow] === "string");
  if (members === undefined) return item;
  const { [members[0]]: flow, [members[1]]: deployment, ...rest } = item;
  const isOwn = deployment === undefined ? rest.deployment_id === undefined : String(deployment).startsWith(`${flow}/`);
  return isOwn ? { ...rest, [OWNER_HEADING]: deployment ?? flow } : item;
}

/** Prefect's own fields with seconds: https://github.com/PrefectHQ/prefect/blob/3.8.8/src/prefect/server/schemas/core.py */
const PREFECT_DURATIONS: readonly string[] = ["total_run_time", "estimated_run_time", "estimated_start_time_delta"];

/** Members with a number of seconds in words; undefined for others. */
export function durationCell(key: string, value: unknown): Cell | undefined {
  if (!isJsonNumber(value)) return undefined;
  const isAge = key.endsWith("_seconds_ago");
  const isDuration = key.endsWith("_seconds") || key === "duration" || PREFECT_DURATIONS.includes(key);
  if (!isAge && !isDuration) return undefined;
  const seconds = Number(value);
  const text = durationText(Math.abs(seconds) * SECOND_US);
  return asCell(isAge ? sentence`${text} ago` : seconds < 0 ? sentence`-${text}` : text);
}

function cellText(value: unknown, options: TableOptions): Cell {
  if (value === null || value === undefined || value === "") return asCell("");
  if (typeof value === "string") return looksLikeTime(value) ? asCell(shortTime(value, options)) : asCell(value);
  if (typeof value === "number") return asCell(String(Number.isInteger(value) ? value : Number(value.toFixed(3))));
  if (typeof value === "boolean") return asCell(value ? "yes" : "no");
  if (Array.isArray(value)) {
    const parts = value.map((part) => entryText(part, options)).filter(Boolean);
    return joined(parts, value.some(isPlainObject) ? "; " : ",");
  }
  if (typeof value !== "object" || value instanceof ExactNumber) return asCell(String(value));
  const entries = Object.entries(value as Item);
  const isReference = entries.length > 0 && entries.every(([member]) => member === "id" || member === "name");
  if (!isReference) return entries.length === 0 ? asCell("") : asCell(jsonLine(value));
  const { name, id } = value as { name?: unknown; id?: unknown };
  return joined([name, id].map((part) => cellText(part, options)).filter(Boolean), " ");
}

/** An entry of a list; in quotes where it would read as two entries. */
function entryText(value: unknown, options: TableOptions): Cell {
  return typeof value === "string" && /[,;"]/.test(value) ? asCell(quote(value, 10_000)) : cellText(value, options);
}

function isPlainObject(value: unknown): boolean {
  return isJsonObject(value);
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$/;

/** A time as Prefect writes it. The two comparisons come first because they are cheaper than the expression. */
export function looksLikeTime(text: string): boolean {
  return text[10] === "T" && text[4] === "-" && TIME.test(text);
}

/** `11:21:21` on `day`, `11-20 11:21:21` in the same year, otherwise with the year; `2026-01-31T11:21:21Z` without a day. `iso` is in UTC. */
export function shortTime(
  iso: string,
  { day, keepsMillis }: { readonly day: string | null; readonly keepsMillis?: boolean | undefined },
): string {
  const time = iso.slice(11, keepsMillis && iso[19] === "." ? 23 : 19);
  if (day === null) return `${iso.slice(0, 11)}${time}Z`;
  if (iso.startsWith(day)) return time;
  return `${iso.startsWith(day.slice(0, 4)) ? iso.slice(5, 10) : iso.slice(0, 10)} ${time}`;
}

/** Backslashes before a quote, and those at the end, would otherwise escape the one that is written after them. */
function escapeQuotes(text: string): string {
  // Each run of backslashes begins at its first one, so that a long run is read once.
  return text.replace(/(?<!\\)(\\+)(?="|$)/g, "$1$1").replaceAll('"', '\\"');
}

/** The cells that all rows share, the names of the columns, and a line for each row. */
export function tableLines(rows: readonly ReadonlyMap<string, Cell>[], order: readonly string[] = []): TableText {
  const names = new Set(order.filter((name) => rows.some((row) => row.has(name))));
  for (const row of rows) for (const name of row.keys()) if (name !== "id") names.add(name);
  if (rows.some((row) => row.has("id"))) names.add("id");
  const shared: Line[] = [];
  if (rows.length >= 3) {
    for (const name of names) {
      const value = rows[0]?.get(name);
      if (name === "id" || value === undefined || !rows.every((row) => row.get(name) === value)) continue;
      // A value that would read as a further shared one is in quotes.
      const text = /[;"]/.test(value) ? lineOf`"${asCell(escapeQuotes(value))}"` : value;
      shared.push(lineOf`${asCell(name)}=${text}`);
      names.delete(name);
    }
  }
  const columns = [...names];
  const key = columns.join("\0");
  const heading = joined(columns.map(asCell), " | ");
  return {
    shared: shared.length > 0 ? lineOf`all: ${joined(shared, "; ")}` : null,
    columns: heading,
    lines: rows.map((row) => lineOfRow(row, columns, key)),
  };
}

/** The line of a row, for the columns of the table that it was in last: rows are the same objects in several answers. */
const lastLines = new WeakMap<ReadonlyMap<string, Cell>, { readonly columns: string; readonly line: Line }>();

function lineOfRow(row: ReadonlyMap<string, Cell>, columns: readonly string[], key: string): Line {
  const known = lastLines.get(row);
  if (known?.columns === key) return known.line;
  const cells = columns.map((name) => row.get(name) ?? asCell(""));
  // Empty cells at the end are left out.
  const last = cells.findLastIndex((cell) => cell !== "");
  const line = joined(cells.slice(0, last + 1), "|");
  lastLines.set(row, { columns: key, line });
  return line;
}

export interface TableText {
  readonly shared: Line | null;
  readonly columns: Line;
  readonly lines: readonly Line[];
}

/** Writes UUIDs that occur more than once as `#a` and returns the legend that spells them out, or null. */
export function foldIds(lines: readonly Line[]): { lines: readonly Line[]; legend: Sentence | null } {
  const found = lines.map((line) => uuidsIn(line));
  const counts = new Map<string, number>();
  for (const ids of found) for (const { id } of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  const labels = new Map<string, string>();
  for (const [id, count] of counts) if (count > 1) labels.set(id, label(labels.size));
  if (labels.size === 0) return { lines, legend: null };
  const legend = sentence`ids: ${joined(
    [...labels].map(([id, name]) => sentence`${asName(name)}=${asName(id)}`),
    " ",
  )}`;
  return { lines: lines.map((line, index) => withLabels(line, found[index] ?? [], labels)), legend };
}

function withLabels(line: Line, found: ReturnType<typeof uuidsIn>, labels: ReadonlyMap<string, string>): Line {
  if (found.length === 0) return line;
  let folded = "";
  let done = 0;
  for (const { id, at } of found) {
    const name = labels.get(id);
    if (name === undefined) continue;
    folded += `${line.slice(done, at)}#${name}`;
    done = at + id.length;
  }
  return (folded + line.slice(done)) as Line;
}

/** a … z, aa, ab … */
function label(index: number): string {
  const head = index >= 26 ? label(Math.floor(index / 26) - 1) : "";
  return head + String.fromCharCode(97 + (index % 26));
}
