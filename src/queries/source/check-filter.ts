/**
 * Checks a filter object field by field against a description of it. Prefect answers 422 without a hint, or ignores a
 * misspelt field without a word; here every unknown name is an error that lists the valid ones.
 */
import { AppError } from "../../errors.ts";
import { formatIsoUs, parseIsoUs } from "../../lib/time.ts";
import { isUuid } from "../../lib/uuid.ts";

/** What a field holds. */
export type FieldSpec =
  | "text"
  | "texts"
  | "uuids"
  | "time"
  | "flag"
  | "number"
  | "labels"
  /** Pairs of texts. */
  | "pairs"
  | { readonly oneOf: readonly string[] }
  | { readonly listOf: readonly string[] }
  | { readonly fields: FilterSpec }
  /** One such object, or a list of them that must all hold. */
  | { readonly oneOrMany: FilterSpec };
export type FilterSpec = { readonly [field: string]: FieldSpec };

/** The filter without its null members. Throws AppError `invalid_input` that names path and valid fields. */
export function checkFilter(value: unknown, spec: FilterSpec, path = "filter"): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(path, "an object", value);
  const checked: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const field = Object.hasOwn(spec, name) ? spec[name] : undefined;
    if (field === undefined) {
      throw new AppError("invalid_input", `unknown field "${name}" in ${path}`, {
        hint: `Valid fields of ${path}: ${Object.keys(spec).join(", ")}.`,
      });
    }
    if (member !== null && member !== undefined) checked[name] = checkField(member, field, `${path}.${name}`);
  }
  return checked;
}

function checkField(value: unknown, field: FieldSpec, path: string): unknown {
  if (typeof field === "object") {
    if ("fields" in field) return checkFilter(value, field.fields, path);
    if ("oneOf" in field) return oneOf(value, field.oneOf, path);
    if ("listOf" in field)
      return listOf(value, path, "a list of values", (part) => field.listOf.includes(part), field.listOf);
    const specs = field.oneOrMany;
    return Array.isArray(value)
      ? value.map((part, index) => checkFilter(part, specs, `${path}[${index}]`))
      : checkFilter(value, specs, path);
  }
  return checkScalar(value, field, path);
}

function checkScalar(value: unknown, field: Exclude<FieldSpec, object>, path: string): unknown {
  switch (field) {
    case "text":
      if (typeof value !== "string") throw wrong(path, "a text", value);
      return value;
    case "texts":
      return listOf(value, path, "a list of texts", () => true);
    case "uuids":
      return listOf(value, path, "a list of UUIDs", isUuid);
    case "time":
      return checkTime(value, path);
    case "flag":
      if (typeof value !== "boolean") throw wrong(path, "true or false", value);
      return value;
    case "number":
      if (typeof value !== "number") throw wrong(path, "a number", value);
      return value;
    case "labels":
      return checkLabels(value, path);
    case "pairs":
      if (!Array.isArray(value) || !value.every((pair) => isTexts(pair) && pair.length === 2)) {
        throw wrong(path, "a list of [resource id, role] pairs", value);
      }
      return value;
  }
}

function listOf(
  value: unknown,
  path: string,
  what: string,
  isValid: (part: string) => boolean,
  valid?: readonly string[],
): readonly string[] {
  const list = typeof value === "string" ? [value] : value;
  if (!isTexts(list)) throw wrong(path, what, value);
  const bad = list.find((part) => !isValid(part));
  if (bad === undefined) return list;
  throw new AppError("invalid_input", `"${bad}" in ${path} is not valid`, {
    hint: valid ? `Valid values: ${valid.join(", ")}.` : `${path} must be ${what}.`,
  });
}

function oneOf(value: unknown, valid: readonly string[], path: string): string {
  if (typeof value === "string" && valid.includes(value)) return value;
  throw wrong(path, `one of ${valid.join(", ")}`, value);
}

/** Prefect takes ISO 8601 with any offset, without one (UTC), bare dates and epoch seconds. */
function checkTime(value: unknown, path: string): string {
  if (typeof value === "number") return formatIsoUs(Math.round(value * 1_000_000));
  if (typeof value === "string" && parseIsoUs(value) !== undefined) return value;
  throw wrong(path, 'an ISO 8601 time such as "2026-01-31T09:00:00Z"', value);
}

function checkLabels(value: unknown, path: string): unknown {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (isObject && Object.values(value).every((label) => typeof label === "string" || isTexts(label))) return value;
  throw wrong(path, "an object of label → text or list of texts", value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((part) => typeof part === "string");
}

function wrong(path: string, expected: string, given: unknown): AppError {
  return new AppError(
    "invalid_input",
    `${path} must be ${expected}, not ${(JSON.stringify(given) ?? "nothing").slice(0, 80)}`,
  );
}
