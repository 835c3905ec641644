/** The tools that list one kind of Prefect's objects. Each states its filters, its query and how it shows a row. */

import type { z } from "zod";
import { asPlace, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import type { ServerUs } from "../../lib/time.ts";
import { type Freshness, withNotes } from "../../model/freshness.ts";
import { type FilterKind, KINDS, type LinkedKind, type NamedKind } from "../../model/kinds.ts";
import type { ResolvedName } from "../../queries/names/names.ts";
import { uiLink, uiLinkTemplate } from "../../queries/names/ui-links.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import { asksForPastStates, STATES_AS_NOW } from "../../queries/source/run-window.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import type { RecordDb } from "../../store/database.ts";
import type { FilterSet } from "../../store/filters/bodies.ts";
import { type CursorValue, decodeCursor, encodeCursor } from "../answer/cursor.ts";
import { dayOf } from "../answer/freshness.ts";
import { itemLines } from "../answer/item-text.ts";
import { columnOf, type Item } from "../answer/table.ts";
import { defineTool, type ToolAnswer, type ToolDefinition, type ToolOptions } from "./define-tool.ts";
import { listAnswer } from "./list-answer.ts";
import { DEFAULT_LIMIT, offsetOf, questionOf, sortArg } from "./list-arguments.ts";
import { type Criterion, type FilterRules, nearNotes, readFilters } from "./list-filters.ts";
import { listOutput, membersOf, type PageInput, pickFields, tokenBudget } from "./shared-schemas.ts";

/** What all list tools take. */
interface ListArguments extends PageInput, Readonly<Record<string, unknown>> {
  readonly sort?: string | undefined;
  readonly cursor?: string | undefined;
  readonly fresh?: boolean | undefined;
  readonly fields?: readonly string[] | undefined;
}

/** One call: what to list, and how much of each object. */
export interface ListCall<Sort extends string> {
  readonly set: FilterSet;
  readonly named: Readonly<Record<string, ResolvedName>>;
  readonly sort: Sort | undefined;
  readonly limit: number;
  /** Where the page begins, from the cursor. Undefined: the first page. */
  readonly position: readonly CursorValue[] | undefined;
  readonly fresh: boolean | undefined;
  /** Whole objects are wanted: `detail: "full"`, or a field that only whole objects have. */
  readonly isFull: boolean;
  /** The call names one object. */
  readonly isSingle: boolean;
  /** Members are chosen by `fields`. */
  readonly hasFields: boolean;
  /** Server clock. */
  readonly nowUs: ServerUs;
}

export interface ListPage<Row> {
  readonly rows: readonly Row[];
  /** There are matches beyond `rows`. */
  readonly hasMore: boolean;
  readonly freshness: Freshness;
  /** Position that continues after `rows[index]`. Absent: the number of rows up to there. */
  positionAfter?(index: number): readonly CursorValue[];
}

type ListableKind = FilterKind & LinkedKind & NamedKind;

export interface ListToolOptions<Input extends z.ZodObject, Row, Sort extends string>
  extends Pick<ToolOptions<Input>, "title" | "description" | "input" | "aliases">,
    Pick<FilterRules, "timeField"> {
  /** Gives the tool its name, and the answer the name of its items. */
  readonly kind: ListableKind;
  readonly criteria: { readonly [Argument in keyof z.infer<Input> & string]?: Criterion };
  /** The argument that names one object. */
  readonly single?: keyof z.infer<Input> & string;
  /** A single object is shown as lines of `member: value`, not as a table. */
  readonly isSingleInLines?: boolean;
  readonly sorts?: readonly Sort[];
  /** Names of the members of brief items, and of those that only whole objects have. */
  readonly brief: readonly string[];
  readonly full: readonly string[];
  /** Follows the kind in the header: ", newest first". */
  orderText?(args: z.infer<Input>): Sentence;
  /** Columns that come first. */
  readonly order: readonly string[];
  /** The item as the table shows it. */
  readonly toRow?: (item: Item) => Item;
  /** The same where the caller has chosen the members. */
  readonly toRowOfFields?: (item: Item) => Item;
  readonly hint: Sentence;
  readonly none: Sentence;
  query(ctx: QueryContext, call: ListCall<Sort>, args: z.infer<Input>): Promise<ListPage<Row>>;
  /** Without `ui_url`, which is added. */
  toItem(row: Row, call: ListCall<Sort>): Item;
}

export function listTool<Input extends z.ZodObject, Row, Sort extends string = never>(
  options: ListToolOptions<Input, Row, Sort>,
): ToolDefinition {
  const { title, description, input, aliases = {}, kind } = options;
  return defineTool({
    name: KINDS[kind].listedBy,
    title,
    description,
    input,
    output: listOutput(KINDS[kind].filterKey),
    aliases,
    run: ({ query: ctx }, args) => runList(options, ctx, args),
  });
}

async function runList<Input extends z.ZodObject, Row, Sort extends string>(
  options: ListToolOptions<Input, Row, Sort>,
  ctx: QueryContext,
  given: z.infer<Input>,
): Promise<ToolAnswer> {
  const { kind, criteria, timeField, brief, full, order, hint, none } = options;
  const { listedBy, filterKey: key, label, plural } = KINDS[kind];
  const args: ListArguments = given;
  const nowUs = serverNowUs(ctx);
  const question = questionOf(ctx, listedBy, args);
  const position = args.cursor === undefined ? undefined : decodeCursor(question, args.cursor);
  const hasFields = args.fields !== undefined;
  // `state` is a column and also an object in Prefect's documents, which is meant with full detail only.
  const fields = args.detail === "full" ? args.fields : args.fields && membersOf(args.fields, brief);
  const call: ListCall<Sort> = {
    ...(await readFilters(ctx, { key, criteria, timeField }, args, nowUs)),
    sort: sortArg(args.sort, options.sorts ?? []),
    limit: args.limit ?? DEFAULT_LIMIT,
    position,
    fresh: args.fresh,
    isFull: args.detail === "full" || (fields ?? []).some((field) => full.includes(field)),
    isSingle: options.single !== undefined && args[options.single] !== undefined,
    hasFields,
    nowUs,
  };
  const page = await options.query(ctx, call, given);
  const isPast = (key === "flow_runs" || key === "task_runs") && asksForPastStates(ctx, call.set[key], nowUs);
  const items = page.rows.map((row) => withLink(options.toItem(row, call), call.isFull ? ctx.uiUrl : null, kind));
  const picked = pickFields(items, fields, [...brief, ...full]);
  const isNone = items.length === 0 && position === undefined;
  const near = isNone ? nearNotes(ctx.record(), kind, criteria, args) : [];
  const notes = [...(isPast ? [STATES_AS_NOW] : []), ...near];
  const template = call.isFull || items.length === 0 ? null : uiLinkTemplate(ctx.uiUrl, kind);
  const inLines = options.isSingleInLines === true && call.isSingle && !call.isFull && !hasFields;
  const day = dayOf(nowUs);
  const toRow = hasFields ? options.toRowOfFields : options.toRow;
  return listAnswer({
    key,
    noun: [own(label), own(plural)],
    title: options.orderText?.(given) ?? sentence``,
    items: call.isFull ? picked : withKnownItems(ctx.record(), picked),
    hasMore: page.hasMore,
    cursorAfter: (index) => encodeCursor(question, page.positionAfter?.(index) ?? [offsetOf(position) + index + 1]),
    freshness: notes.length > 0 ? withNotes(page.freshness, notes) : page.freshness,
    nowUs,
    budget: tokenBudget(args),
    ...(template === null ? {} : { extra: { ui_url: template }, facts: [sentence`link: ${asPlace(template)}`] }),
    layout: call.isFull && !hasFields ? "json" : "table",
    ...(toRow ? { toRow } : {}),
    rowLines: inLines ? (item) => itemLines(toRow ? toRow(item) : item, day, columnOf) : undefined,
    order,
    hint,
    none,
  });
}

/** Items that a connection remembers, and the longest of them. */
const KNOWN_ITEMS = 300;
const KNOWN_CHARS = 4_000;

/**
 * The objects of earlier answers in place of equal ones: cells, measures and the absence of secrets are known of them already. Rows are
 * made from their columns again in each call.
 */
function withKnownItems(db: RecordDb | null, items: readonly Item[]): readonly Item[] {
  if (db === null) return items;
  const known = db.perConnection("listed-items", () => new Map<string, Item>());
  return items.map((item) => {
    const json = JSON.stringify(item);
    const before = known.get(json);
    if (before !== undefined) return before;
    if (json.length > KNOWN_CHARS) return item;
    if (known.size >= KNOWN_ITEMS) known.delete(known.keys().next().value ?? "");
    known.set(json, item);
    return item;
  });
}

function withLink(item: Item, uiUrl: string | null, kind: LinkedKind): Item {
  const link = uiLink(uiUrl, kind, String(item[KINDS[kind].uiKey]));
  return link === null ? item : { ...item, ui_url: link };
}
