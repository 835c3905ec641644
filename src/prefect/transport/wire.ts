/**
 * From parsed JSON to rows. Rows are returned as they came (unknown keys kept, nothing copied); what does not parse is an
 * `unavailable` error naming route, row and field.
 */
import { z } from "zod";
import { isUuid } from "../../lib/uuid.ts";
import type { Http } from "./http.ts";

/** Kinds of fields that `checkRows` knows. `?`: absent and null pass too. */
export type FieldKind = "uuid" | "uuid?" | "text" | "text?" | "number" | "object" | "object?" | "list";

/** Fields by name; `checkRows` looks at nothing else. */
export type Fields = Readonly<Record<string, FieldKind>>;

/**
 * Rows of the busy routes (events, runs, logs), checked by hand: a page costs microseconds, with zod about a millisecond per
 * 200 runs (measured on 3.8.8 answers), which a backfill would pay thousands of times on the thread that writes.
 */
export function checkRows<Row>(http: Http, route: string, value: unknown, fields: Fields): readonly Row[] {
  if (!Array.isArray(value)) throw http.failures.notUnderstood(route, "a list was expected");
  const entries = Object.entries(fields);
  for (let index = 0; index < value.length; index += 1) {
    const problem = rowProblem(value[index], entries);
    if (problem !== null) throw http.failures.notUnderstood(route, `[${index}]${problem}`);
  }
  return value as Row[];
}

/** One object, checked as a row of `checkRows`. */
export function checkRow<Row>(http: Http, route: string, value: unknown, fields: Fields): Row {
  const problem = rowProblem(value, Object.entries(fields));
  if (problem !== null) throw http.failures.notUnderstood(route, problem.replace(/^\./, ""));
  return value as Row;
}

/** What is wrong with a row, as `.field should be …`; null when nothing is. */
export function rowProblem(row: unknown, fields: readonly (readonly [string, FieldKind])[]): string | null {
  if (typeof row !== "object" || row === null) return " should be an object";
  for (const [name, kind] of fields) {
    const value = (row as Record<string, unknown>)[name];
    if (!isKind(value, kind)) return `.${name} should be ${NAMES[kind]}`;
  }
  return null;
}

const NAMES: Readonly<Record<FieldKind, string>> = {
  uuid: "a UUID",
  "uuid?": "a UUID or null",
  text: "a text",
  "text?": "a text or null",
  number: "a number",
  object: "an object",
  "object?": "an object or null",
  list: "a list",
};

function isKind(value: unknown, kind: FieldKind): boolean {
  if (value === null || value === undefined) return kind.endsWith("?");
  switch (kind) {
    case "uuid":
    case "uuid?":
      return typeof value === "string" && isUuid(value);
    case "text":
    case "text?":
      return typeof value === "string";
    case "number":
      return typeof value === "number";
    case "list":
      return Array.isArray(value);
    default:
      return typeof value === "object" && !Array.isArray(value);
  }
}

/** Rows against a zod schema (the small, rarely read kinds). The rows themselves are returned, not zod's copies. */
export function parseRows<Row>(http: Http, route: string, value: unknown, schema: z.ZodType): readonly Row[] {
  const result = z.array(schema).safeParse(value);
  if (!result.success) throw http.failures.notUnderstood(route, zodProblem(result.error));
  return value as Row[];
}

/** One value against a zod schema; returned as it came. */
export function parseOne<Value>(http: Http, route: string, value: unknown, schema: z.ZodType): Value {
  const result = schema.safeParse(value);
  if (!result.success) throw http.failures.notUnderstood(route, zodProblem(result.error));
  return value as Value;
}

function zodProblem(error: z.ZodError): string {
  const issue = error.issues[0];
  if (!issue) return "unknown shape";
  const path = issue.path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return `${path.replace(/^\./, "") || "it"}: ${issue.message}`;
}
