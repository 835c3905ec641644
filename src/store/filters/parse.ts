/** Reads a filter that a caller gave: every unknown field or operator is an error that names the valid ones. */
import type { z } from "zod";
import { AppError } from "../../errors.ts";
import type { Term } from "./term.ts";

/**
 * The filter as given, checked; `value` may be JSON text. `name`: Prefect's name of it, for messages.
 * Throws AppError `invalid_input`.
 */
export function parseFilter(filter: Term, value: unknown, name: string): Readonly<Record<string, unknown>> {
  const given = typeof value === "string" ? parseJson(value, name) : value;
  const parsed = filter.schema.safeParse(given);
  if (parsed.success) return parsed.data as Readonly<Record<string, unknown>>;
  throw describe(filter, parsed.error.issues[0], name);
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AppError("invalid_input", `filter is not valid JSON: ${text.slice(0, 80)}`, {
      hint: `Give ${name} as an object, for example {"name": {"like_": "etl"}}.`,
    });
  }
}

function describe(filter: Term, issue: z.core.$ZodIssue | undefined, name: string): AppError {
  const path = issue?.path ?? [];
  const where = ["filter", ...path.map(String)].join(".");
  if (issue?.code === "unrecognized_keys") {
    const unknown = issue.keys.map((key) => `"${key}"`).join(", ");
    const valid = Object.keys(memberAt(filter, path)?.members ?? {});
    const said = path.length === 0 ? `Valid fields of ${name}` : `Valid fields of ${where}`;
    return new AppError("invalid_input", `unknown field ${unknown} in ${where}`, {
      hint: `${said}: ${valid.join(", ")}.`,
    });
  }
  const term = memberAt(filter, path);
  const valid = term?.members ? ` It is an object of: ${Object.keys(term.members).join(", ")}.` : "";
  return new AppError("invalid_input", `${where}: ${issue?.message ?? "not valid"}`, {
    hint: `See get_object_schema for ${name}.${valid}`,
  });
}

function memberAt(filter: Term, path: readonly PropertyKey[]): Term | undefined {
  let term: Term | undefined = filter;
  for (const step of path) term = term?.members?.[String(step)];
  return term;
}
