/** The answer of a list: as many items as the token budget allows, as text and as structured content, and a cursor for the rest. */
import type { ServerUs } from "../../lib/time.ts";
import type { Freshness } from "../../model/freshness.ts";
import { fenced } from "../answer/fenced.ts";
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
  /** What the items are, for the header: "flow runs, newest first". */
  readonly title: string;
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
  readonly facts?: readonly string[];
  /** `json`: one item per line, for full detail. */
  readonly layout?: "table" | "json";
  /** A shorter form of the item for the table, without loss of facts. */
  readonly toRow?: (item: Item) => Item;
  /** Instead of a table: the text of one item, which may span lines. */
  readonly rowText?: ((item: Item) => string) | undefined;
  readonly order?: readonly string[];
  readonly keepsMillis?: boolean;
  /** The end of `items` from which the budget is filled. `end`: for the last lines of a log. */
  readonly takeFrom?: "start" | "end";
  /** How to narrow the list; shown when there is more. */
  readonly hint?: string;
  /** Shown instead of an empty list. */
  readonly none?: string;
}

/** Estimated tokens of the header, the fence and the freshness, in the text and in the structured content. */
const FRAME_TOKENS = 110;

export function listAnswer(spec: ListSpec): ToolAnswer {
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

interface Page {
  readonly items: readonly Item[];
  readonly rows: readonly ReadonlyMap<string, string>[];
}

/** The items that fit the budget as text and as JSON; always at least one. */
function fitItems(spec: ListSpec, budget: number, reserve: number): Page {
  const ordered = spec.takeFrom === "end" ? [...spec.items].reverse() : spec.items;
  const options = { day: dayOf(spec.nowUs), keepsMillis: spec.keepsMillis ?? false };
  const seen = new Set<string>();
  const rows: ReadonlyMap<string, string>[] = [];
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
    rows.push(shown.cells);
    items.push(item);
  }
  return spec.takeFrom === "end" ? { items: items.reverse(), rows: rows.reverse() } : { items, rows };
}

interface ShownItem {
  readonly cells: ReadonlyMap<string, string>;
  readonly measured: Measured;
  readonly jsonTokens: number;
  /** What the members above depend on, beside the item. */
  readonly day: string;
  readonly keepsMillis: boolean | undefined;
  readonly toRow: ListSpec["toRow"];
  readonly rowText: ListSpec["rowText"];
  readonly layout: ListSpec["layout"];
}

/** Events are the same objects in several answers: their measures are reused. */
const shownItems = new WeakMap<Item, ShownItem>();

function shownItem({ toRow, rowText, layout }: ListSpec, item: Item, { day, keepsMillis }: TableOptions): ShownItem {
  const known = shownItems.get(item);
  const isSame = known?.day === day && known.keepsMillis === keepsMillis && known.layout === layout;
  if (known && isSame && known.toRow === toRow && known.rowText === rowText) return known;
  const json = JSON.stringify(item);
  const plain = rowText ? rowText(item) : layout === "json" ? json : undefined;
  const cells =
    plain === undefined ? cellsOf(toRow ? toRow(item) : item, { day, keepsMillis }) : new Map([["", plain]]);
  const measured = measureText([...cells.values()].join("|"));
  const shown = { cells, measured, jsonTokens: estimateTokens(json), day, keepsMillis, toRow, rowText, layout };
  shownItems.set(item, shown);
  return shown;
}

function listText(spec: ListSpec, page: Page, head: readonly string[], cursor: string | undefined): string {
  const count = page.items.length;
  const title = `${count} ${spec.title}${cursor ? ", more match" : ""}`;
  const lines = [`${title} | ${head[0]}`, ...head.slice(1), ...(spec.facts ?? [])];
  if (count === 0) lines.push(spec.none ?? "Nothing matches.");
  else lines.push(...rowLines(spec, page));
  if (cursor) lines.push(`next_cursor: ${cursor}`);
  if (cursor && spec.hint) lines.push(spec.hint);
  return lines.join("\n");
}

function rowLines(spec: ListSpec, page: Page): string[] {
  if (spec.layout === "json" || spec.rowText) return [fenced(page.rows.map((row) => row.get("") ?? ""))];
  const table = tableLines(page.rows, spec.order);
  const { text, legend } = foldIds([...(table.shared ? [table.shared] : []), table.columns, ...table.lines].join("\n"));
  return [...(legend ? [legend] : []), fenced([text])];
}
