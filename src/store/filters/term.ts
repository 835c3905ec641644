/**
 * Prefect's filters as a tree of terms, each with the schema of its value and its translation into SQL. They mean what
 * Prefect's own SQL on SQLite means; test/real/filters.test.ts checks it on Prefect 3.8.8.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/filters.py
 */
import { z } from "zod";
import { figure } from "../../lib/shown-text.ts";
import { formatIsoUs, parseIsoUs } from "../../lib/time.ts";
import { STATE_TYPES } from "../../model/state.ts";
import { type Clause, clause, join, TRUE } from "./clause.ts";

/**
 * The clause of an empty `startswith_`, which Prefect ignores: unlike an empty object, which holds for every row, it also adds
 * nothing to an `or_`.
 */
const VOID: Clause = { sql: "1", params: [] };

/** A field of a filter. `clause` takes a value that `schema` has accepted; null means no restriction. */
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
  /** Has a field `operator` (`and_`, `or_`); otherwise all members must hold. */
  readonly hasOperator?: boolean;
  /** Ignored unless exactly one criterion is given, as Prefect does for state types and names. */
  readonly needsSingleCriterion?: boolean;
}

const OPERATOR: Term = { schema: z.enum(["and_", "or_"]), clause: () => null };

/** An object of terms. Null and missing members restrict nothing; an object without members holds for every row. */
export function group(members: Readonly<Record<string, Term>>, options: GroupOptions = {}): Term {
  const all = options.hasOperator ? { operator: OPERATOR, ...members } : members;
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
      if (options.needsSingleCriterion && clauses.length !== 1) return null;
      return join(clauses, given.operator === "or_" ? "or_" : "and_");
    },
  };
}

const uuid = z.union([z.guid(), z.string().regex(/^[0-9a-fA-F]{32}$/)], "must be a UUID");
/** Ids as Prefect accepts them: with or without dashes. */
export const uuids = z.array(uuid);
const texts = z.array(z.string());
/** SQLite rejects much longer patterns and deeper statements; no name or list in use comes near these limits. */
const MAX_PATTERN_CHARS = 1_000;
const MAX_PATTERNS = 500;
const pattern = z.string().max(MAX_PATTERN_CHARS, `must have at most ${figure(MAX_PATTERN_CHARS)} characters`);
/** A list in which each item becomes a condition. */
const conditions = (item: z.ZodType<string>) =>
  z.array(item).max(MAX_PATTERNS, `must have at most ${MAX_PATTERNS} items`);
export const timeSchema = z
  .string()
  .refine((text) => parseIsoUs(text) !== undefined, 'must be an ISO 8601 time such as "2026-01-31T09:00:00Z"');

/** A column of ids: 16 bytes in run tables, text in `object`. */
export type IdColumn = { readonly bytes: string } | { readonly text: string };

/** `column IN (…)`, with one parameter for any number of ids. */
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

/** One id is compared with `=`, so that an index can also return the rows in order. */
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

/** `not_any_` of ids: an empty list restricts nothing; rows without an id match no other list. */
export function notAnyId(column: IdColumn): Term {
  return term(uuids, (ids) => (ids.length === 0 ? null : inIds(column, ids, "NOT ")));
}

/** `any_` of texts: an empty list matches nothing. */
export function anyText(column: string): Term {
  return term(texts, (values) => inTexts(column, values));
}

/** `not_any_` of texts: an empty list restricts nothing. */
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

/** LIKE with the case of ASCII letters ignored. */
export function likeClause(column: string, pattern: string): Clause {
  return clause(`lower(${column}) LIKE lower(?)`, pattern);
}

/** Begins with one of the texts, case-insensitive (ASCII). An empty list restricts nothing. */
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
  return booleanTerm((wanted) => clause(`(${expression}) IS ${wanted ? "" : "NOT "}NULL`));
}

/** A boolean that is translated by `toClause`. */
export function booleanTerm(toClause: (wanted: boolean) => Clause | null): Term {
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

/** `before_` of a time in a document, which is Prefect's text: without the Z, `…:00` sorts before `…:00.5`. */
export function beforeText(expression: string): Term {
  return term(timeSchema, (text) =>
    clause(`${sortableTime(expression)} <= ?`, formatIsoUs(parseIsoUs(text) ?? 0).slice(0, -1)),
  );
}

/** SQL that turns Prefect's time text into a text that sorts by time. */
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
  return booleanTerm((wanted) => clause(`${wanted ? "NOT " : ""}EXISTS (SELECT 1 FROM json_each(${json}))`));
}

/** A field that Prefect accepts and ignores. */
export function ignored(schema: z.ZodType): Term {
  return { schema, clause: () => null };
}

/** A term with a translation of its own. */
export function custom<T>(schema: z.ZodType<T>, toClause: (value: T) => Clause | null): Term {
  return term(schema, toClause);
}

/** The clause of a whole filter. `undefined` and null hold for every row. */
export function filterClause(filter: Term, value: unknown): Clause {
  return value === undefined || value === null ? TRUE : (filter.clause(value) ?? TRUE);
}
