/** The answer of a list: as many items as the token budget allows, as text and as structured content, and a cursor for the rest. */
import {
  asPlace,
  type Cell,
  counted,
  jsonLine,
  type Line,
  own,
  type Sentence,
  sentence,
} from "../../lib/shown-text.ts";
import { parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { Freshness } from "../../model/freshness.ts";
import { type AnswerText, answerText, type Fenced, fenced } from "../answer/fenced.ts";
import { dayOf, freshnessFields, freshnessLines } from "../answer/freshness.ts";
import { shrinkItem } from "../answer/shrink-item.ts";
import type { Item, TableOptions } from "../answer/table.ts";
import { cellsOf, foldIds, tableLines } from "../answer/table.ts";
import {
  estimateJsonTokens,
  estimateRowTokens,
  estimateTokens,
  MAX_TOKENS,
  type Measured,
  measureText,
} from "../answer/token-budget.ts";
import type { ToolAnswer } from "./define-tool.ts";

export interface ListSpec {
  /** Member that holds the items: `flow_runs`. */
  readonly key: string;
  /** What the items are, for the header: one of them, and several of them. */
  readonly noun: readonly [one: Sentence, many: Sentence];
  /** Follows the count and the noun: ", newest first". */
  readonly title?: Sentence;
  /** In the order of the answer, at most the caller's `limit`. */
  readonly items: readonly Item[];
  /** Further rows match. */
  readonly hasMore: boolean;
  /** Cursor that continues after `items[index]` (before it with `takeFrom: "end"`). */
  cursorAfter(index: number): string;
  readonly freshness: Freshness;
  readonly nowUs: ServerUs;
  /** Tokens for the whole answer, from `tokenBudget`. */
  readonly budget: number;
  /** Further members of the structured content. `facts` must state each of them too. */
  readonly extra?: Item;
  /** Lines of the text below the header. */
  readonly facts?: readonly Sentence[];
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
  /** How to narrow the list; shown when there is more. */
  readonly hint?: Sentence;
  /** Shown instead of an empty list. */
  readonly none?: Sentence;
}

/** Estimated tokens of the header, the fence and the freshness, in the text and in the structured content. */
const FRAME_TOKENS = 110;

export function listAnswer(given: ListSpec): ToolAnswer {
  const spec = { ...given, freshness: asOfItems(given) };
  const meta = freshnessFields(spec.freshness);
  const head = freshnessLines(spec.freshness, spec.nowUs);
  const fixed =
    FRAME_TOKENS +
    estimateJsonTokens({ ...meta, ...spec.extra }) +
    estimateTokens([...head, ...(spec.facts ?? [])].join("\n"));
  const page = fitItems(spec, Math.max(0, spec.budget - fixed), fixed);
  const isCut = page.items.length < spec.items.length || spec.hasMore;
  const edge = spec.takeFrom === "end" ? spec.items.length - page.items.length : page.items.length - 1;
  const cursor = isCut && page.items.length > 0 ? spec.cursorAfter(edge) : undefined;
  const structured = { [spec.key]: page.items, ...spec.extra, ...meta, ...(cursor ? { next_cursor: cursor } : {}) };
  return { structured, text: listText(spec, page, head, cursor), untrusted: [spec.key] };
}

/** Members with times of what has happened, not of what is due. */
const PAST_TIMES = ["occurred", "timestamp", "at", "last", "start_time", "end_time"] as const;

/**
 * The freshness of an answer that shows what has happened after the end of the coverage, such as an event that the websocket has just
 * delivered: as recent as that.
 */
function asOfItems({ items, freshness, nowUs }: ListSpec): Freshness {
  let latest = "";
  for (const item of items) {
    for (const member of PAST_TIMES) {
      const time = item[member];
      if (typeof time === "string" && time.length >= 20 && time > latest) latest = time;
    }
  }
  const us = parseIsoUs(latest);
  return us === undefined || us <= freshness.asOfUs || us > nowUs ? freshness : { ...freshness, asOfUs: us };
}

interface Page {
  readonly items: readonly Item[];
  readonly rows: readonly Row[];
}

/** An item as cells of a table, or as lines. */
type Row = ({ readonly cells: ReadonlyMap<string, Cell> } | { readonly lines: readonly Line[] }) & {
  readonly hasShortTime: boolean;
};

/** The items that fit the budget as text and as JSON; always at least one. */
function fitItems(spec: ListSpec, budget: number, reserve: number): Page {
  const ordered = spec.takeFrom === "end" ? [...spec.items].reverse() : spec.items;
  const options = { day: dayOf(spec.nowUs), keepsMillis: spec.keepsMillis ?? false };
  const seen = new Set<string>();
  const rows: Row[] = [];
  const items: Item[] = [];
  let text = 0;
  let json = 0;
  for (const given of ordered) {
    // The first item is always shown, so that a page is never empty; above the largest budget its members are cut.
    const item = rows.length === 0 ? shrinkItem(given, MAX_TOKENS - reserve) : given;
    const shown = shownItem(spec, item, options);
    text += estimateRowTokens(shown.measured, seen) + 1;
    json += shown.jsonTokens + 1;
    if (rows.length > 0 && Math.max(text, json) > budget) break;
    rows.push(shown.row);
    items.push(item);
  }
  return spec.takeFrom === "end" ? { items: items.reverse(), rows: rows.reverse() } : { items, rows };
}

interface ShownItem {
  readonly row: Row;
  readonly measured: Measured;
  readonly jsonTokens: number;
  /** What the members above depend on, beside the item. */
  readonly day: string;
  readonly keepsMillis: boolean | undefined;
  readonly toRow: ListSpec["toRow"];
  readonly rowLines: ListSpec["rowLines"];
  readonly layout: ListSpec["layout"];
}

/** Events are the same objects in several answers: their measures are reused. */
const shownItems = new WeakMap<Item, ShownItem>();

function shownItem({ toRow, rowLines, layout }: ListSpec, item: Item, { day, keepsMillis }: TableOptions): ShownItem {
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

function listText(
  spec: ListSpec,
  page: Page,
  [head = own(""), ...notes]: readonly Sentence[],
  cursor: string | undefined,
): AnswerText {
  const count = page.items.length;
  return answerText([
    sentence`${counted(count, ...spec.noun)}${spec.title ?? ""}${cursor ? ", more match" : ""} | ${head}`,
    ...notes,
    ...(spec.facts ?? []),
    ...(page.rows.some((row) => row.hasShortTime) ? [sentence`Undated times: ${asPlace(dayOf(spec.nowUs))} UTC`] : []),
    ...(count === 0 ? [noneText(spec)] : rowsText(page.rows, spec.order)),
    ...(cursor ? [sentence`next_cursor: ${asPlace(cursor)}`, spec.hint ?? null] : []),
  ]);
}

/** "Nothing" is said only of what is covered. */
function noneText({ none = sentence`Nothing matches.`, freshness }: ListSpec): Sentence {
  return freshness.coverage.complete ? none : sentence`In what could be read: ${none}`;
}

/** As `shortTime` writes them. */
const SHORT_TIME = /(?:^|[^\w:.+-])\d\d:\d\d:\d\d(?![\w:])/;

function rowsText(rows: readonly Row[], order: ListSpec["order"]): (Sentence | Fenced | null)[] {
  const lines = rows.flatMap((row) => ("lines" in row ? row.lines : []));
  if (lines.length > 0) return [fenced(lines)];
  const table = tableLines(
    rows.flatMap((row) => ("cells" in row ? [row.cells] : [])),
    order,
  );
  const folded = foldIds([...(table.shared ? [table.shared] : []), table.columns, ...table.lines]);
  return [folded.legend, fenced(folded.lines)];
}
