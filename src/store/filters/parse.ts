/** Checks a filter that a caller gave. Prefect itself answers 422 without a hint, or ignores a misspelt field. */

import { z } from "zod";
import { AppError } from "../../errors.ts";
import {
  asName,
  asNames,
  asPlace,
  asReason,
  joined,
  own,
  quote,
  quoteJson,
  type Sentence,
  sentence,
} from "../../lib/shown-text.ts";

/**
 * The filter as its schema returns it. `name`: Prefect's name of the filter, for messages.
 * Throws AppError `invalid_input` that names the path and what is valid there.
 */
export function parseFilter(schema: z.ZodType, value: unknown, name: string): Readonly<Record<string, unknown>> {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data as Readonly<Record<string, unknown>>;
  const [issue] = parsed.error.issues;
  throw toError(schema, issue === undefined ? undefined : mostSpecific(issue), name);
}

/** What a value would have to be ("must be a text, not 5"); null when the schema takes it. */
export function unmetRequirement(schema: z.ZodType, value: unknown): Sentence | null {
  const issue = schema.safeParse(value, { reportInput: true }).error?.issues[0];
  return issue === undefined ? null : requirement(mostSpecific(issue));
}

type Issue = z.core.$ZodIssue;

/** Unknown fields that an error names. */
const MAX_KEYS = 5;

/** Of a union, the issue of the alternative that the value came closest to. Messages of our own stay with the union. */
function mostSpecific(issue: Issue): Issue {
  if (issue.code !== "invalid_union" || isOwnMessage(issue)) return issue;
  const inner = issue.errors.flat().map(mostSpecific);
  const rank = ({ path, code }: Issue) => 2 * path.length + (code === "invalid_type" ? 0 : 1);
  const best = inner.toSorted((a, b) => rank(b) - rank(a))[0];
  return best === undefined ? issue : { ...best, path: [...issue.path, ...best.path] };
}

function toError(schema: z.ZodType, issue: Issue | undefined, name: string): AppError {
  const path = issue?.path ?? [];
  const where = path.reduce<Sentence>(
    (text, step) => (typeof step === "number" ? sentence`${text}[${step}]` : sentence`${text}.${asName(String(step))}`),
    own("filter"),
  );
  const fields = asNames(fieldsOf(schemaAt(schema, path)));
  if (issue?.code === "unrecognized_keys") {
    const unknown = issue.keys.slice(0, MAX_KEYS).map((key) => quote(key, 100));
    const more = issue.keys.length > MAX_KEYS ? sentence` and ${issue.keys.length - MAX_KEYS} more` : "";
    return new AppError("invalid_input", sentence`unknown field ${joined(unknown, ", ")}${more} in ${where}`, {
      hint: sentence`Valid fields of ${path.length === 0 ? asName(name) : where}: ${fields}.`,
    });
  }
  const form = fields === "" ? "" : sentence` ${where} is an object of: ${fields}.`;
  return new AppError("invalid_input", sentence`${where} ${issue ? requirement(issue) : "is not valid"}`, {
    hint: sentence`get_object_schema with object_type ${asName(snakeCase(name))} shows the valid form.${form}`,
  });
}

/** `FlowRunFilter` → `flow_run_filter`. */
function snakeCase(name: string): string {
  return name.replace(/(?<!^)[A-Z]/g, "_$&").toLowerCase();
}

const TYPES: Readonly<Record<string, string>> = {
  string: "a text",
  array: "a list",
  boolean: "true or false",
  number: "a number",
  int: "a whole number",
  object: "an object",
  record: "an object",
};

function isOwnMessage({ message }: Issue): boolean {
  return message.startsWith("must ");
}

/** "must be a text, not 5" */
function requirement(issue: Issue): Sentence {
  const not = sentence`, not ${issue.input === undefined ? "nothing" : quoteJson(issue.input, 80)}`;
  if (isOwnMessage(issue)) {
    const message = asPlace(issue.message);
    return issue.message.startsWith("must be ") ? sentence`${message}${not}` : message;
  }
  if (issue.code === "invalid_type")
    return sentence`must be ${asReason(TYPES[issue.expected] ?? issue.expected)}${not}`;
  if (issue.code === "invalid_value") return sentence`must be one of ${asNames(issue.values.map(String))}${not}`;
  return sentence`is not valid: ${asReason(issue.message)}`;
}

function fieldsOf(schema: z.ZodType | undefined): readonly string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** The part of a schema that a path leads to, without what wraps it; undefined where the path leaves the schema. */
function schemaAt(schema: z.ZodType, path: readonly PropertyKey[]): z.ZodType | undefined {
  const [step, ...rest] = path;
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return schemaAt(schema.unwrap() as z.ZodType, path);
  }
  if (schema instanceof z.ZodUnion) {
    const found = schema.options.map((option) => schemaAt(option as z.ZodType, path));
    return found.find((part) => part instanceof z.ZodObject) ?? found.find((part) => part !== undefined);
  }
  if (step === undefined) return schema;
  if (schema instanceof z.ZodArray) {
    return typeof step === "number" ? schemaAt(schema.element as z.ZodType, rest) : undefined;
  }
  if (!(schema instanceof z.ZodObject)) return undefined;
  const member: unknown = Object.hasOwn(schema.shape, step) ? schema.shape[String(step)] : undefined;
  return member instanceof z.ZodType ? schemaAt(member, rest) : undefined;
}
