/**
 * Prefect's filters as a tree of terms: each knows the schema of its value and the SQL it stands for. Semantics are those of
 * Prefect's own translation on SQLite, checked on Prefect 3.8.8 by test/real/filters.test.ts.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/filters.py
 */
import { z } from "zod";
import { formatIsoUs, parseIsoUs } from "../../lib/time.ts";
import { STATE_TYPES } from "../../model/state.ts";
import { type Clause, clause, join, TRUE } from "./clause.ts";

/**
 * What Prefect makes of an empty list of beginnings: nothing at all. Unlike an empty object, which holds for every row, it
 * leaves no trace in an `or_` either.
 */
const VOID: Clause = { sql: "1", params: [] };

/** A field of a filter. `clause` gets a value that `schema` accepted; null means that it does not restrict anything. */
export interface Term {
  readonly schema: z.ZodType;
  clause(value: unknown): Clause | null;
  /** Of an object. */
  readonly members?: Readonly<Record<string, Term>>;
}

function term<T>(schema: z.ZodType<T>, toClause: (value: T) => Clause | null): Term {
  return { schema, clause: (value) => toClause(value as T) };
}

export interface GroupOptions {
  /** Takes `operator` and_/or_; otherwise all members must hold. */
  readonly operator?: boolean;
  /** Given more or fewer than one criterion, the group is dropped: a quirk of state types and names. */
  readonly single?: boolean;
}

const OPERATOR: Term = { schema: z.enum(["and_", "or_"]), clause: () => null };

/** An object of terms. Explicit nulls and missing members restrict nothing; without any the object holds for every row. */
export function group(members: Readonly<Record<string, Term>>, options: GroupOptions = {}): Term {
  const all = options.operator ? { operator: OPERATOR, ...members } : members;
  const shape = Object.fromEntries(
    Object.entries(all).map(([name, member]) => [
      name,
      name === "operator" ? member.schema.optional() : member.schema.nullish(),
    ]),
  );
  return {
    schema: z.strictObject(shape),
    members: all,
    clause(value) {
      const given = value as Readonly<Record<string, unknown>>;
      const clauses: Clause[] = [];
      let isVoid = false;
      for (const [name, member] of Object.entries(members)) {
        const part = given[name] ?? null;
        const made = part === null ? null : member.clause(part);
        if (made === VOID) isVoid = true;
        else if (made !== null) clauses.push(made);
      }
      if (isVoid && clauses.length === 0) return VOID;
      if (options.single && clauses.length !== 1) return null;
      return join(clauses, given.operator === "or_" ? "or_" : "and_");
    },
  };
}

const uuid = z.union([z.guid(), z.string().regex(/^[0-9a-fA-F]{32}$/)], "must be a UUID");
/** Ids as Prefect takes them: with dashes or without. */
export const uuids = z.array(uuid);
const texts = z.array(z.string());
/** Beyond these SQLite refuses the pattern or the depth of the statement; no name comes near them. */
const MAX_PATTERN_CHARS = 1_000;
const MAX_PATTERNS = 500;
const pattern = z
  .string()
  .max(MAX_PATTERN_CHARS, `must have at most ${MAX_PATTERN_CHARS.toLocaleString("en-US")} characters`);
/** A list each item of which is a condition of its own. */
const conditions = (item: z.ZodType<string>) =>
  z.array(item).max(MAX_PATTERNS, `must have at most ${MAX_PATTERNS} items`);
export const timeSchema = z
  .string()
  .refine((text) => parseIsoUs(text) !== undefined, 'must be an ISO 8601 time such as "2026-01-31T09:00:00Z"');

/** How a column holds ids: bytes in run tables, text in `object`. */
export type IdColumn = { readonly bytes: string } | { readonly text: string };

/** `column IN (…)`, one parameter whatever the number of ids. */
export function inIds(column: IdColumn, ids: readonly string[], not = ""): Clause {
  const hex = ids.map((id) => id.replaceAll("-", "").toLowerCase());
  const [only] = hex;
  if (only !== undefined && hex.length === 1) return isId(column, only, not !== "");
  if ("bytes" in column) {
    return clause(`${column.bytes} ${not}IN (SELECT unhex(value) FROM json_each(?))`, JSON.stringify(hex));
  }
  const dashed = hex.map(dashes);
  return clause(`${column.text} ${not}IN (SELECT value FROM json_each(?))`, JSON.stringify(dashed));
}

const dashes = (hex: string) => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

/** One id is compared as such: then an index also gives the order. */
function isId(column: IdColumn, hex: string, not: boolean): Clause {
  const operator = not ? "<>" : "=";
  if ("bytes" in column) return clause(`${column.bytes} ${operator} unhex(?)`, hex);
  return clause(`${column.text} ${operator} ?`, dashes(hex));
}

function inTexts(column: string, values: readonly string[], not = ""): Clause {
  return clause(`${column} ${not}IN (SELECT value FROM json_each(?))`, JSON.stringify(values));
}

/** `any_` of ids: an empty list matches nothing. */
export function anyId(column: IdColumn): Term {
  return term(uuids, (ids) => inIds(column, ids));
}

/** `not_any_` of ids: an empty list restricts nothing, and rows without an id never match a list. */
export function notAnyId(column: IdColumn): Term {
  return term(uuids, (ids) => (ids.length === 0 ? null : inIds(column, ids, "NOT ")));
}

export function anyText(column: string): Term {
  return term(texts, (values) => inTexts(column, values));
}

export function notAnyText(column: string): Term {
  return term(texts, (values) => (values.length === 0 ? null : inTexts(column, values, "NOT ")));
}

const stateTypes = z.array(z.enum(STATE_TYPES));

export function anyStateType(column: string): Term {
  return term(stateTypes, (values) => inTexts(column, values));
}

export function notAnyStateType(column: string): Term {
  return term(stateTypes, (values) => (values.length === 0 ? null : inTexts(column, values, "NOT ")));
}

/** Case-insensitive (ASCII) substring of one of the columns; `%` and `_` are wildcards; "" restricts nothing. */
export function like(...columns: readonly string[]): Term {
  return term(pattern, (text) =>
    text === ""
      ? null
      : join(
          columns.map((column) => likeClause(column, `%${text}%`)),
          "or_",
        ),
  );
}

export function likeClause(column: string, pattern: string): Clause {
  return clause(`lower(${column}) LIKE lower(?)`, pattern);
}

/** One of several beginnings, case-insensitive (ASCII). An empty list restricts nothing. */
export function startsWith(column: string): Term {
  return term(conditions(pattern), (items) =>
    items.length === 0
      ? VOID
      : join(
          items.map((item) => likeClause(column, `${item}%`)),
          "or_",
        ),
  );
}

/** `is_null_` of an expression. */
export function isNull(expression: string): Term {
  return flag((wanted) => clause(`(${expression}) IS ${wanted ? "" : "NOT "}NULL`));
}

export function flag(toClause: (wanted: boolean) => Clause | null): Term {
  return term(z.boolean(), toClause);
}

/** `before_`: at or before. Columns are microseconds. */
export function before(expression: string): Term {
  return term(timeSchema, (text) => clause(`${expression} <= ?`, parseIsoUs(text) ?? 0));
}

/** `after_`: at or after. */
export function after(expression: string): Term {
  return term(timeSchema, (text) => clause(`${expression} >= ?`, parseIsoUs(text) ?? 0));
}

/** The same for a time that stands as Prefect's text in a document: `…:00Z` sorts before `…:00.5Z` without its Z. */
export function beforeText(expression: string): Term {
  return term(timeSchema, (text) =>
    clause(`${sortableTime(expression)} <= ?`, formatIsoUs(parseIsoUs(text) ?? 0).slice(0, -1)),
  );
}

/** SQL that turns Prefect's time text into one that sorts by time. */
export function sortableTime(expression: string): string {
  return `replace(${expression}, 'Z', '')`;
}

/** `all_`: the tags are a superset. An empty list restricts nothing. `json`: the arguments of json_each. */
export function allTags(json: string): Term {
  return term(conditions(z.string()), (tags) => {
    const wanted = [...new Set(tags)];
    if (wanted.length === 0) return null;
    const has = `EXISTS (SELECT 1 FROM json_each(${json}) WHERE value = ?)`;
    return join(wanted.map((tag) => clause(has, tag)));
  });
}

/** `any_`: at least one of the tags. An empty list matches nothing. */
export function anyTag(json: string): Term {
  return term(texts, (tags) =>
    clause(
      `EXISTS (SELECT 1 FROM json_each(${json}) WHERE value IN (SELECT value FROM json_each(?)))`,
      JSON.stringify(tags),
    ),
  );
}

/** `is_null_`: no tags. */
export function noTags(json: string): Term {
  return flag((wanted) => clause(`${wanted ? "NOT " : ""}EXISTS (SELECT 1 FROM json_each(${json}))`));
}

/** Accepted by Prefect and without effect. */
export function ignored(schema: z.ZodType): Term {
  return { schema, clause: () => null };
}

/** A term of one's own. */
export function custom<T>(schema: z.ZodType<T>, toClause: (value: T) => Clause | null): Term {
  return term(schema, toClause);
}

/** The clause of a whole filter; `undefined` and null hold for every row. */
export function filterClause(filter: Term, value: unknown): Clause {
  return value === undefined || value === null ? TRUE : (filter.clause(value) ?? TRUE);
}
