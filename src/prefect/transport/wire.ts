/**
 * Checks that answers have the expected form. Rows are returned as they are: unknown keys stay, nothing is copied. A wrong answer is
 * an `unavailable` error that names route, row and field.
 */
import { z } from "zod";
import { isJsonNumber, isJsonObject } from "../../lib/exact-json.ts";
import { isUuid } from "../../lib/uuid.ts";
import type { Http } from "./http.ts";

/** Kinds of fields for `checkRows`. With `?`, the field may be absent or null. */
export type FieldKind = "uuid" | "uuid?" | "text" | "text?" | "number" | "object" | "object?" | "list";

/** The fields that `checkRows` checks, by name. */
export type Fields = Readonly<Record<string, FieldKind>>;

/**
 * Rows of the routes that are read most (events, runs, logs), checked by hand: that takes microseconds a page, and zod about a
 * millisecond per 200 runs (measured with answers of 3.8.8), thousands of times during a backfill, on the writer's thread.
 */
export function checkRows<Row>(http: Http, route: string, value: unknown, fields: Fields): readonly Row[] {
  if (!Array.isArray(value)) throw http.failures.unexpectedAnswer(route, "a list was expected");
  const entries = Object.entries(fields);
  for (let index = 0; index < value.length; index += 1) {
    const problem = rowProblem(value[index], entries);
    if (problem !== null) throw http.failures.unexpectedAnswer(route, `[${index}]${problem}`);
  }
  return value as Row[];
}

/** One object, checked like a row of `checkRows`. */
export function checkRow<Row>(http: Http, route: string, value: unknown, fields: Fields): Row {
  const problem = rowProblem(value, Object.entries(fields));
  if (problem !== null) throw http.failures.unexpectedAnswer(route, problem.replace(/^\./, ""));
  return value as Row;
}

/** What is wrong with a row, as `.field should be …`; null when it is valid. */
export function rowProblem(row: unknown, fields: readonly (readonly [string, FieldKind])[]): string | null {
  if (typeof row !== "object" || row === null) return " should be an object";
  for (const [name, kind] of fields) {
    const value = (row as Record<string, unknown>)[name];
    if (!isKind(value, kind)) return `.${name} should be ${KIND_NAMES[kind]}`;
  }
  return null;
}

const KIND_NAMES: Readonly<Record<FieldKind, string>> = {
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
      return isJsonNumber(value);
    case "list":
      return Array.isArray(value);
    default:
      return isJsonObject(value);
  }
}

/** Rows of the other routes, checked with a zod schema. The rows themselves are returned, not zod's copies. */
export function parseRows<Row>(http: Http, route: string, value: unknown, schema: z.ZodType): readonly Row[] {
  const result = z.array(schema).safeParse(value);
  if (!result.success) throw http.failures.unexpectedAnswer(route, zodProblem(result.error));
  return value as Row[];
}

/** One value, checked with a zod schema and returned as it is. */
export function parseOne<Value>(http: Http, route: string, value: unknown, schema: z.ZodType): Value {
  const result = schema.safeParse(value);
  if (!result.success) throw http.failures.unexpectedAnswer(route, zodProblem(result.error));
  return value as Value;
}

function zodProblem(error: z.ZodError): string {
  const issue = error.issues[0];
  if (!issue) return "unknown shape";
  const path = issue.path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return `${path.replace(/^\./, "") || "it"}: ${issue.message}`;
}
