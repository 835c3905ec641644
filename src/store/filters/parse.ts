/** Checks a filter that a caller gave. Prefect itself answers 422 without a hint, or ignores a misspelt field. */
import { z } from "zod";
import { AppError } from "../../errors.ts";

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
export function unmetRequirement(schema: z.ZodType, value: unknown): string | null {
  const issue = schema.safeParse(value, { reportInput: true }).error?.issues[0];
  return issue === undefined ? null : requirement(mostSpecific(issue));
}

type Issue = z.core.$ZodIssue;

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
  const where = path.reduce<string>(
    (text, step) => (typeof step === "number" ? `${text}[${step}]` : `${text}.${String(step)}`),
    "filter",
  );
  const fields = fieldsOf(schemaAt(schema, path)).join(", ");
  if (issue?.code === "unrecognized_keys") {
    const unknown = issue.keys.map((key) => `"${key}"`).join(", ");
    return new AppError("invalid_input", `unknown field ${unknown} in ${where}`, {
      hint: `Valid fields of ${path.length === 0 ? name : where}: ${fields}.`,
    });
  }
  return new AppError("invalid_input", `${where} ${issue ? requirement(issue) : "is not valid"}`, {
    hint: `get_object_schema with object_type ${snakeCase(name)} shows the valid form.${fields === "" ? "" : ` ${where} is an object of: ${fields}.`}`,
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
function requirement(issue: Issue): string {
  const not = `, not ${(JSON.stringify(issue.input) ?? "nothing").slice(0, 80)}`;
  if (isOwnMessage(issue)) return issue.message.startsWith("must be ") ? `${issue.message}${not}` : issue.message;
  if (issue.code === "invalid_type") return `must be ${TYPES[issue.expected] ?? issue.expected}${not}`;
  if (issue.code === "invalid_value") return `must be one of ${issue.values.map(String).join(", ")}${not}`;
  return `is not valid: ${issue.message}`;
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
