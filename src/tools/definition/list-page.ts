/** The rows of a list that fit the budget, ready as text and as JSON. Those of an earlier answer with the same items are used again. */

import { type Cell, jsonLine, type Line, type Sentence } from "../../lib/shown-text.ts";
import { parseIsoUs, type ServerUs } from "../../lib/time.ts";
import { type Inside, insideMarks } from "../answer/fenced.ts";
import { dayOf } from "../answer/freshness.ts";
import { shrinkItem } from "../answer/shrink-item.ts";
import { cellsOf, foldIds, type Item, type TableOptions, tableLines } from "../answer/table.ts";
import { estimateRowTokens, estimateTokens, MAX_TOKENS, type Measured, measureText } from "../answer/token-budget.ts";

export interface PageSpec {
  /** In the order of the answer, at most the caller's `limit`. */
  readonly items: readonly Item[];
  readonly nowUs: ServerUs;
  /** `json`: one item per line, for full detail. */
  readonly layout?: "table" | "json";
  /** A shorter form of the item for the table, without loss of facts. */
  readonly toRow?: (item: Item) => Item;
  /** Instead of a table: the lines of one item. */
  readonly rowLines?: ((item: Item) => readonly Line[]) | undefined;
  readonly order?: readonly string[];
  readonly keepsMillis?: boolean;
  /** The end of `items` from which the budget is filled. `end`: for the last lines of a log. */
  readonly takeFrom?: "start" | "end";
}

export interface ShownPage {
  readonly items: readonly Item[];
  /** Spells out the ids that the rows refer to. */
  readonly legend: Sentence | null;
  readonly body: Inside;
  /** A time in a row has no date. */
  readonly hasShortTime: boolean;
}

/** Members with times of what has happened, not of what is due. */
const PAST_TIMES = ["occurred", "timestamp", "at", "last", "start_time", "end_time"] as const;

/** The latest time at which something in the items has happened. */
export function latestUsOf(items: readonly Item[]): ServerUs | undefined {
  let latest = "";
  for (const item of items) {
    for (const member of PAST_TIMES) {
      const time = item[member];
      if (typeof time === "string" && time.length >= 20 && time > latest) latest = time;
    }
  }
  return parseIsoUs(latest);
}

/** A page, what it depends on, and for which budgets it is the right one. */
interface KnownPage {
  readonly spec: PageSpec;
  readonly day: string;
  readonly page: ShownPage;
  /** Tokens of the first item as JSON. */
  readonly firstTokens: number;
  readonly tokens: number;
  /** With the next row; infinite where all rows are on the page. */
  readonly nextTokens: number;
}

/** By first item: the items of the last page, and the page itself once the same items were asked for again. */
const seenItems = new WeakMap<Item, readonly Item[]>();
const knownPages = new WeakMap<Item, KnownPage>();

/**
 * The items that fit the budget as text and as JSON; always at least one. `reserve`: tokens of the answer without its items. An answer
 * to a question that is repeated has the same items, unless the record has changed: its page is used again.
 */
export function listPage(spec: PageSpec, budget: number, reserve: number): ShownPage {
  const [first] = spec.items;
  if (first === undefined) return EMPTY;
  const day = dayOf(spec.nowUs);
  const known = knownPages.get(first);
  if (known && isSamePage(known, spec, day) && isWithin(known, budget, reserve)) {
    keepJson(known.page.items);
    return known.page;
  }
  const fitted = fitItems(spec, budget, reserve, day);
  const page = { ...textOf(fitted.rows, spec.order), items: fitted.items };
  const wasSeen = areSame(seenItems.get(first) ?? [], spec.items);
  if (wasSeen && fitted.isWhole) knownPages.set(first, { ...fitted, spec, day, page });
  else seenItems.set(first, spec.items);
  return page;
}

const EMPTY: ShownPage = { items: [], legend: null, body: insideMarks([]), hasShortTime: false };

function isSamePage({ spec: before, day }: KnownPage, spec: PageSpec, today: string): boolean {
  return (
    day === today &&
    before.toRow === spec.toRow &&
    before.rowLines === spec.rowLines &&
    before.layout === spec.layout &&
    before.order === spec.order &&
    before.keepsMillis === spec.keepsMillis &&
    before.takeFrom === spec.takeFrom &&
    areSame(before.items, spec.items)
  );
}

function areSame(before: readonly Item[], items: readonly Item[]): boolean {
  return before.length === items.length && items.every((item, index) => item === before[index]);
}

function isWithin({ page, firstTokens, tokens, nextTokens }: KnownPage, budget: number, reserve: number): boolean {
  const isUncut = firstTokens <= MAX_TOKENS - reserve;
  return isUncut && nextTokens > budget && (page.items.length === 1 || tokens <= budget);
}

/** JSON of the items of pages that are used again. */
const jsonOfItems = new WeakMap<object, string>();

function keepJson(items: readonly Item[]): void {
  if (!jsonOfItems.has(items)) jsonOfItems.set(items, JSON.stringify(items));
}

/** What `JSON.stringify` makes of structured content. The items of a list are its first member. */
export function structuredJson(structured: Readonly<Record<string, unknown>>): string {
  const [key = ""] = Object.keys(structured);
  const items = structured[key];
  const known = typeof items === "object" && items !== null ? jsonOfItems.get(items) : undefined;
  if (known === undefined) return JSON.stringify(structured);
  const start = `{${JSON.stringify(key)}:`;
  return `${start}${known}${JSON.stringify({ ...structured, [key]: 0 }).slice(start.length + 1)}`;
}

interface FittedItems {
  readonly items: readonly Item[];
  readonly rows: readonly Row[];
  /** No item is cut. */
  readonly isWhole: boolean;
  readonly firstTokens: number;
  readonly tokens: number;
  readonly nextTokens: number;
}

/** An item as cells of a table, or as lines. */
type Row = ({ readonly cells: ReadonlyMap<string, Cell> } | { readonly lines: readonly Line[] }) & {
  readonly hasShortTime: boolean;
};

function fitItems(spec: PageSpec, budget: number, reserve: number, day: string): FittedItems {
  const isReversed = spec.takeFrom === "end";
  const ordered = isReversed ? [...spec.items].reverse() : spec.items;
  const options = { day, keepsMillis: spec.keepsMillis ?? false };
  const seen = new Set<string>();
  const rows: Row[] = [];
  const items: Item[] = [];
  let text = 0;
  let json = 0;
  let tokens = 0;
  let firstTokens = 0;
  let nextTokens = Number.POSITIVE_INFINITY;
  for (const given of ordered) {
    // The first item is always shown, so that a page is never empty; above the largest budget its members are cut.
    const item = rows.length === 0 ? shrinkItem(given, MAX_TOKENS - reserve) : given;
    const shown = shownItem(spec, item, options);
    text += estimateRowTokens(shown.measured, seen) + 1;
    json += shown.jsonTokens + 1;
    if (rows.length === 0) firstTokens = shown.jsonTokens;
    else if (Math.max(text, json) > budget) {
      nextTokens = Math.max(text, json);
      break;
    }
    tokens = Math.max(text, json);
    rows.push(shown.row);
    items.push(item);
  }
  const isWhole = items[0] === ordered[0];
  const sorted = isReversed ? { items: items.reverse(), rows: rows.reverse() } : { items, rows };
  return { ...sorted, isWhole, firstTokens, tokens, nextTokens };
}

interface ShownItem {
  readonly row: Row;
  readonly measured: Measured;
  readonly jsonTokens: number;
  /** What the members above depend on, beside the item. */
  readonly day: string;
  readonly keepsMillis: boolean | undefined;
  readonly toRow: PageSpec["toRow"];
  readonly rowLines: PageSpec["rowLines"];
  readonly layout: PageSpec["layout"];
}

/** Events are the same objects in several answers: their measures are reused. */
const shownItems = new WeakMap<Item, ShownItem>();

function shownItem({ toRow, rowLines, layout }: PageSpec, item: Item, { day, keepsMillis }: TableOptions): ShownItem {
  const known = shownItems.get(item);
  const isSame = known?.day === day && known.keepsMillis === keepsMillis && known.layout === layout;
  if (known && isSame && known.toRow === toRow && known.rowLines === rowLines) return known;
  const json = JSON.stringify(item);
  const lines = rowLines ? rowLines(item) : layout === "json" ? [jsonLine(item)] : undefined;
  const content = lines ? { lines } : { cells: cellsOf(toRow ? toRow(item) : item, { day, keepsMillis }) };
  const texts = "lines" in content ? content.lines : [...content.cells.values()];
  const measured = measureText(texts.join("lines" in content ? "\n" : "|"));
  const row: Row = { ...content, hasShortTime: texts.some((text) => SHORT_TIME.test(text)) };
  const shown = { row, measured, jsonTokens: estimateTokens(json), day, keepsMillis, toRow, rowLines, layout };
  shownItems.set(item, shown);
  return shown;
}

/** As `shortTime` writes them. */
const SHORT_TIME = /(?:^|[^\w:.+-])\d\d:\d\d:\d\d(?![\w:])/;

function textOf(rows: readonly Row[], order: PageSpec["order"]): Omit<ShownPage, "items"> {
  const hasShortTime = rows.some((row) => row.hasShortTime);
  const lines = rows.flatMap((row) => ("lines" in row ? row.lines : []));
  if (lines.length > 0) return { legend: null, body: insideMarks(lines), hasShortTime };
  const table = tableLines(
    rows.flatMap((row) => ("cells" in row ? [row.cells] : [])),
    order,
  );
  const folded = foldIds([...(table.shared ? [table.shared] : []), table.columns, ...table.lines]);
  return { legend: folded.legend, body: insideMarks(folded.lines), hasShortTime };
}
