/**
 * Criteria that older servers refuse with 422. The rest of the filter is asked of the server, and these are evaluated on its rows.
 * https://github.com/PrefectHQ/prefect/blob/3.0.11/src/prefect/server/schemas/filters.py
 * https://github.com/PrefectHQ/prefect/blob/3.9.1/src/prefect/server/schemas/filters.py
 * https://github.com/PrefectHQ/prefect/blob/3.9.1/src/prefect/server/events/filters.py
 */

import { AppError } from "../../errors.ts";
import { append } from "../../lib/lists.ts";
import { asName, figure, joined, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import { parseIsoUs } from "../../lib/time.ts";
import { type FilterKey, KINDS } from "../../model/kinds.ts";
import type { Json, JsonObject } from "../../model/objects.ts";
import { isOlderVersion } from "../../model/prefect-version.ts";
import type { CallOptions } from "../transport/call-options.ts";
import { ROWS_PER_PAGE } from "../transport/page-sizes.ts";
import type { FilterBody, PostFilter } from "../transport/pages.ts";
import type { ServerVersion } from "./server-version.ts";
import { merged } from "./sorted-rows.ts";

/** More rows are not read for one question. */
const MAX_ROWS = 10_000;

interface UnknownCriterion {
  readonly key: FilterKey;
  readonly field: string;
  /** Only this part of the criterion is unknown. Absent: all of it. */
  readonly part?: string;
  /** The first version with it. Of automations by id, the first one that was seen to have it. */
  readonly since: string;
  readonly evaluate: (row: JsonObject, criterion: JsonObject) => readonly boolean[];
  readonly what: Sentence;
}

const asList = (value: Json | undefined): readonly Json[] | null => (Array.isArray(value) ? value : null);
const asText = (value: Json | undefined) => String(value ?? "").toLowerCase();

function ids(row: JsonObject, { any_, not_any_ }: JsonObject): boolean[] {
  const isIn = (list: readonly Json[]) => list.some((id) => asText(id) === asText(row.id));
  const excluded = asList(not_any_);
  return [asList(any_), excluded?.length ? excluded : null].flatMap((list, index) =>
    list === null ? [] : [isIn(list) === (index === 0)],
  );
}

function tags(row: JsonObject, { all_, any_, is_null_ }: JsonObject): boolean[] {
  const held = asList(row.tags) ?? [];
  const [all, any] = [asList(all_), asList(any_)];
  return [
    // Newer servers, and so the record, ignore an empty list.
    ...(all === null || all.length === 0 ? [] : [all.every((tag) => held.includes(tag))]),
    ...(any === null ? [] : [any.some((tag) => held.includes(tag))]),
    ...(typeof is_null_ === "boolean" ? [(held.length === 0) === is_null_] : []),
  ];
}

function creator(row: JsonObject, { id_, type_, is_null_ }: JsonObject): boolean[] {
  const by = (row.created_by ?? null) as JsonObject | null;
  const [idList, types] = [asList(id_), asList(type_)];
  return [
    ...(idList === null ? [] : [by !== null && idList.some((id) => asText(id) === asText(by.id))]),
    ...(types === null ? [] : [by !== null && types.includes(by.type ?? null)]),
    ...(typeof is_null_ === "boolean" ? [(by === null) === is_null_] : []),
  ];
}

function endTime(row: JsonObject, { after_, before_, is_null_ }: JsonObject): boolean[] {
  const us = (value: Json | undefined) => (typeof value === "string" ? (parseIsoUs(value) ?? null) : null);
  const [endUs, fromUs, toUs] = [us(row.end_time), us(after_), us(before_)];
  return [
    ...(fromUs === null ? [] : [endUs !== null && endUs >= fromUs]),
    ...(toUs === null ? [] : [endUs !== null && endUs <= toUs]),
    ...(typeof is_null_ === "boolean" ? [(endUs === null) === is_null_] : []),
  ];
}

const UNKNOWN: readonly UnknownCriterion[] = [
  {
    key: "flow_runs",
    field: "created_by",
    since: "3.6.13",
    evaluate: creator,
    what: own("flow runs by who created them"),
  },
  {
    key: "flow_runs",
    field: "tags",
    part: "any_",
    since: "3.1.5",
    evaluate: tags,
    what: own("flow runs by any of several tags"),
  },
  { key: "task_runs", field: "end_time", since: "3.6.22", evaluate: endTime, what: own("task runs by their end") },
  {
    key: "flows",
    field: "id",
    part: "not_any_",
    since: "3.6.16",
    evaluate: ids,
    what: own("flows by other ids"),
  },
  {
    key: "deployments",
    field: "id",
    part: "not_any_",
    since: "3.4.7",
    evaluate: ids,
    what: own("deployments by other ids"),
  },
  {
    key: "deployments",
    field: "tags",
    part: "any_",
    since: "3.1.11",
    evaluate: tags,
    what: own("deployments by any of several tags"),
  },
  { key: "automations", field: "id", since: "3.8.8", evaluate: ids, what: own("automations by id") },
  { key: "automations", field: "tags", since: "3.4.7", evaluate: tags, what: own("automations by tags") },
];

/** What a server of this version cannot filter. */
export function unknownCriteriaOf(version: string): readonly Sentence[] {
  return UNKNOWN.filter(({ since }) => isOlderVersion(version, since)).map(({ what }) => what);
}

const KEY_BY_ROUTE: ReadonlyMap<string, FilterKey> = new Map(
  Object.values(KINDS).flatMap(({ route, filterKey }) =>
    route === null || filterKey === null ? [] : [[route, filterKey]],
  ),
);

const asObject = (value: Json | undefined): JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};

/** The same routes; criteria that the server does not know are evaluated on its rows. */
export function withUnknownCriteria(postFilter: PostFilter, version: ServerVersion): PostFilter {
  return async (path, given, options) => {
    const body = withoutUnset(given);
    const unknown = await unknownIn(body, version, options);
    if (unknown.length === 0) return postFilter(path, body, options);
    const key = KEY_BY_ROUTE.get(path);
    const foreign = unknown.find((one) => one.key !== key);
    if (foreign) throw notSupported(foreign);
    return readMatching((page) => postFilter(path, page, options), path, body, unknown);
  };
}

/**
 * Without criteria that are null, which restrict nothing and which a server that does not know them refuses nevertheless, and without
 * empty lists of tags: servers since 3.6.25, and so the record, ignore them, while older ones match everything by them under `or_`.
 */
function withoutUnset(body: FilterBody): FilterBody {
  const clean: { [key: string]: Json } = { ...body };
  for (const [key, filter] of Object.entries(body)) {
    const { all_, ...others } = asObject(asObject(filter).tags);
    if (asList(all_)?.length === 0) clean[key] = { ...asObject(filter), tags: others };
  }
  for (const { key, field, part } of UNKNOWN) {
    const filter = asObject(clean[key]);
    if (!Object.hasOwn(filter, field)) continue;
    const { [field]: criterion, ...others } = filter;
    const { [part ?? ""]: value, ...rest } = asObject(criterion);
    if (criterion === null) clean[key] = others;
    else if (part !== undefined && value === null) clean[key] = { ...filter, [field]: rest };
  }
  return clean;
}

async function unknownIn(
  body: FilterBody,
  version: ServerVersion,
  options?: CallOptions,
): Promise<readonly UnknownCriterion[]> {
  const used = UNKNOWN.filter(({ key, field, part }) => {
    const criterion = asObject(body[key])[field] ?? null;
    return criterion !== null && (part === undefined || (asObject(criterion)[part] ?? null) !== null);
  });
  const found: UnknownCriterion[] = [];
  for (const one of used) if (await version.isBefore(one.since, options)) found.push(one);
  return found;
}

/** A question that the server can answer, and which of its rows are wanted. */
interface Part {
  readonly body: FilterBody;
  readonly matches: (row: JsonObject) => boolean;
}

function partsOf(body: FilterBody, unknown: readonly UnknownCriterion[]): readonly Part[] {
  const [{ key } = { key: "flow_runs" as FilterKey }] = unknown;
  const filter = asObject(body[key]);
  const rest = Object.fromEntries(
    Object.entries(filter).filter(([field]) => !unknown.some((one) => one.field === field)),
  );
  const verdicts = (row: JsonObject) => unknown.map((one) => meets(one, row, asObject(filter[one.field])));
  if (filter.operator !== "or_") {
    return [{ body: { ...body, [key]: rest }, matches: (row) => verdicts(row).every(Boolean) }];
  }
  const { [key]: _, ...others } = body;
  const byUnknown = { body: others, matches: (row: JsonObject) => verdicts(row).some(Boolean) };
  const hasRest = Object.entries(rest).some(([field, criterion]) => field !== "operator" && criterion !== null);
  return hasRest ? [{ body: { ...body, [key]: rest }, matches: () => true }, byUnknown] : [byUnknown];
}

function meets({ evaluate }: UnknownCriterion, row: JsonObject, criterion: JsonObject): boolean {
  const verdicts = evaluate(row, criterion);
  return criterion.operator === "or_" && verdicts.length > 0 ? verdicts.some(Boolean) : verdicts.every(Boolean);
}

async function readMatching(
  read: (body: FilterBody) => Promise<unknown>,
  path: string,
  body: FilterBody,
  unknown: readonly UnknownCriterion[],
): Promise<readonly JsonObject[]> {
  const limit = typeof body.limit === "number" ? body.limit : ROWS_PER_PAGE;
  const offset = typeof body.offset === "number" ? body.offset : 0;
  const parts = partsOf(body, unknown);
  const lists: JsonObject[][] = [];
  for (const part of parts) lists.push(await firstMatching(read, part, offset + limit, unknown));
  const [only = []] = lists;
  if (lists.length < 2) return only.slice(offset, offset + limit);
  return merged(lists, path, body).slice(offset, offset + limit);
}

/** The first `wanted` rows of a part that match. Throws AppError `invalid_input` when too many others would have to be read. */
async function firstMatching(
  read: (body: FilterBody) => Promise<unknown>,
  { body, matches }: Part,
  wanted: number,
  unknown: readonly UnknownCriterion[],
): Promise<JsonObject[]> {
  const found: JsonObject[] = [];
  for (let offset = 0; found.length < wanted; offset += ROWS_PER_PAGE) {
    if (offset >= MAX_ROWS) throw tooMany(unknown);
    const page = await read({ ...body, limit: ROWS_PER_PAGE, offset });
    if (!Array.isArray(page)) break;
    append(found, (page as JsonObject[]).filter(matches));
    if (page.length < ROWS_PER_PAGE) break;
  }
  return found.slice(0, wanted);
}

function notSupported({ what, since }: UnknownCriterion): AppError {
  return new AppError(
    "invalid_input",
    sentence`This Prefect server cannot filter ${what}, as those from ${asName(since)} on can, in a question about something else.`,
    { hint: "Ask for them first, and then for what belongs to their ids." },
  );
}

function tooMany(unknown: readonly UnknownCriterion[]): AppError {
  const what = joined(
    unknown.map((one) => one.what),
    ", ",
  );
  return new AppError(
    "invalid_input",
    sentence`This Prefect server cannot filter ${what}, and more than ${figure(MAX_ROWS)} rows would have to be read.`,
    { hint: "Narrow the question by time, name or state." },
  );
}
