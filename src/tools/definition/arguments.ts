/**
 * Reads the arguments of a call. Accepts other forms (text for objects and numbers; null, an empty text or an unreplaced placeholder
 * of a client for an argument that is absent), but no unknown names.
 */

import type { z } from "zod";
import { isBlank, isPlaceholder } from "../../config/placeholders.ts";
import { AppError } from "../../errors.ts";
import { ExactNumber, isJsonNumber, isJsonObject, parseJson } from "../../lib/exact-json.ts";
import { findJsonExcess, findValueExcess } from "../../lib/json-bounds.ts";
import { largest } from "../../lib/lists.ts";
import { asName, asNames, asReason, counted, quote, type Sentence, sentence } from "../../lib/shown-text.ts";
import { HOUR_US, parseDurationUs } from "../../lib/time.ts";
import { requirement, wrongValue } from "./argument-words.ts";
import type { JsonSchema, ToolDefinition } from "./define-tool.ts";
import { inputSchema } from "./listing.ts";
import { LONGEST_NAME, nearest } from "./suggestions.ts";

/** Characters; the longest allowed search query. Cursors and filters may be longer, up to the limit of the request. */
const LONGEST_TEXT = 10_000;
const MAX_ENTRIES = 500;
/** Of one argument. A filter of Prefect has some levels and may list thousands of ids. */
const BOUNDS = { maxDepth: 60, maxValues: 50_000 };

/** The validated arguments. Throws AppError `invalid_input` that names the valid ones. */
export function parseArguments(tool: ToolDefinition, args: unknown): Readonly<Record<string, unknown>> {
  const given = asObject(args);
  const properties = (inputSchema(tool).properties ?? {}) as Readonly<Record<string, JsonSchema>>;
  const named: Record<string, unknown> = Object.create(null);
  const unreplaced = new Set<string>();
  for (const [name, value] of Object.entries(given)) {
    if (isBlank(value)) {
      if (hasPlaceholder(value)) unreplaced.add(meantName(tool, name));
      continue;
    }
    const key = knownName(tool, properties, name);
    if (key in named)
      throw new AppError("invalid_input", sentence`argument "${asName(key)}" is given twice (also as ${quote(name)})`);
    named[key] = coerce(inUnitOf(key, value), properties[key]);
    if (key !== "cursor") checkSize(key, named[key]);
  }
  const parsed = tool.input.safeParse(named);
  if (!parsed.success) throw invalid(tool, parsed.error, named, unreplaced);
  return parsed.data;
}

/** Which arguments hold a text that a client did not replace, as `${FLOW_NAME}`: the call was answered without them. Null: none. */
export function placeholderNote(args: unknown): Sentence | null {
  const names = Object.entries(asObject(args)).flatMap(([name, value]) => {
    return isBlank(value) && hasPlaceholder(value) ? [name] : [];
  });
  if (names.length === 0) return null;
  return sentence`NOT limited by ${asNames(names)}: the value is a placeholder that the client did not replace, so the answer is without it.`;
}

function hasPlaceholder(value: unknown): boolean {
  const texts = Array.isArray(value) ? value : [value];
  return texts.some((text) => typeof text === "string" && isPlaceholder(text));
}

function asObject(args: unknown): Record<string, unknown> {
  if (args === undefined || args === null || args === "") return {};
  const value = typeof args === "string" ? parseText(args) : args;
  if (isJsonObject(value)) return value;
  throw new AppError("invalid_input", "arguments must be a JSON object", { hint: 'Example: {"limit": 20}' });
}

/** Runs before the value is used, because work on a huge text would block the calls of other clients. */
function checkSize(key: string, value: unknown): void {
  const texts = Array.isArray(value) ? value : [value];
  if (texts.length > MAX_ENTRIES) {
    throw new AppError(
      "invalid_input",
      sentence`argument "${asName(key)}" has ${counted(texts.length, "entry", "entries")}`,
      {
        hint: sentence`A list may have at most ${MAX_ENTRIES} entries; split it over several calls.`,
      },
    );
  }
  const excess = findValueExcess(value, BOUNDS);
  if (excess !== null) throw new AppError("invalid_input", sentence`argument "${asName(key)}" ${excess.what}`);
  const longest = largest([0, ...texts.map((text) => (typeof text === "string" ? text.length : 0))]);
  if (longest <= LONGEST_TEXT) return;
  throw new AppError(
    "invalid_input",
    sentence`argument "${asName(key)}" has a text of ${counted(longest, "character")}`,
    {
      hint: sentence`A text may have at most ${LONGEST_TEXT} characters.`,
    },
  );
}

function knownName(tool: ToolDefinition, properties: Readonly<Record<string, JsonSchema>>, name: string): string {
  if (Object.hasOwn(properties, name)) return name;
  if (name.length > LONGEST_NAME) {
    throw new AppError("invalid_input", sentence`unknown argument ${quote(name, LONGEST_NAME + 1)}`, {
      hint: sentence`No argument has a name of more than ${LONGEST_NAME} characters.`,
    });
  }
  const alias = meantName(tool, name);
  if (Object.hasOwn(properties, alias)) return alias;
  const valid = Object.keys(properties);
  const near = nearest(inSnakeCase(name), valid);
  const list =
    valid.length > 0
      ? sentence`Valid arguments of ${asName(tool.name)}: ${asNames(valid)}.`
      : sentence`${asName(tool.name)} takes no arguments.`;
  throw new AppError(
    "invalid_input",
    sentence`unknown argument ${quote(name)}${near ? sentence`; did you mean "${asName(near)}"?` : ""}`,
    {
      hint: list,
    },
  );
}

function inSnakeCase(name: string): string {
  return name.replaceAll("-", "_").replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The argument that an alias, or another spelling, means. */
function meantName(tool: ToolDefinition, name: string): string {
  const snake = inSnakeCase(name);
  return aliasOf(tool, name) ?? aliasOf(tool, snake) ?? snake;
}

function aliasOf({ aliases }: ToolDefinition, name: string): string | undefined {
  return Object.hasOwn(aliases, name) ? aliases[name] : undefined;
}

/** Units that arguments have in their names. */
const UNITS_US: Readonly<Record<string, number>> = { hours: HOUR_US };

/** A duration for an argument that counts a unit: `12h` or `2 days` of `hours`. */
function inUnitOf(key: string, value: unknown): unknown {
  const unitUs = UNITS_US[key];
  const us = unitUs === undefined || typeof value !== "string" ? undefined : parseDurationUs(value);
  return unitUs === undefined || us === undefined ? value : us / unitUs;
}

/** Some clients send numbers, lists and objects as text, a single value for a list, or a number for text. */
function coerce(value: unknown, schema: JsonSchema | undefined): unknown {
  if (!schema) return value;
  const { type } = schema;
  if (typeof value === "string") return coerceText(value.trim(), value, schema);
  if (type === "string" && (isJsonNumber(value) || typeof value === "boolean")) return String(value);
  if (value instanceof ExactNumber && (type === "integer" || type === "number")) return Number(value);
  return type === "array" && !Array.isArray(value) ? [value] : value;
}

function coerceText(text: string, value: string, { type, enum: options }: JsonSchema): unknown {
  if ((type === "integer" || type === "number") && text !== "" && Number.isFinite(Number(text))) return Number(text);
  if (type === "boolean" && /^(true|false)$/i.test(text)) return text.toLowerCase() === "true";
  if (type === "object" && text.startsWith("{")) return parseText(text);
  if (type === "array") return text.startsWith("[") ? parseText(text) : text.split(",").map((part) => part.trim());
  if (Array.isArray(options))
    return options.find((option) => String(option).toLowerCase() === text.toLowerCase()) ?? value;
  return value;
}

function parseText(text: string): unknown {
  const excess = findJsonExcess(text, BOUNDS);
  if (excess !== null) throw new AppError("invalid_input", sentence`the JSON in the arguments ${excess.what}`);
  try {
    return parseJson(text);
  } catch {
    throw new AppError("invalid_input", sentence`not valid JSON: ${quote(text, 80)}`, {
      hint: "Names and texts in JSON need double quotes.",
    });
  }
}

/** The first thing that is wrong, in words of this program: those of the validator name its own types. */
function invalid(
  tool: ToolDefinition,
  error: z.ZodError,
  args: Readonly<Record<string, unknown>>,
  unreplaced: ReadonlySet<string>,
): AppError {
  const [issue] = error.issues;
  const [key, ...rest] = issue?.path ?? [];
  const properties = (inputSchema(tool).properties ?? {}) as Readonly<Record<string, JsonSchema>>;
  const schema = typeof key === "string" ? properties[key] : undefined;
  if (!schema) {
    return new AppError("invalid_input", asReason(issue?.message ?? "invalid arguments"), {
      hint: sentence`Arguments of ${asName(tool.name)}: ${asNames(Object.keys(properties))}.`,
    });
  }
  const name = asName(String(key));
  const value = args[String(key)];
  const isCount = schema.type === "boolean" && typeof value === "number" && properties.limit !== undefined;
  const hint = sentence`${name} must be ${requirement(schema)}.${isCount ? " For a number of items use limit." : ""}`;
  const lack = unreplaced.has(String(key)) ? "is a placeholder that the client did not replace" : "is missing";
  if (value === undefined) return new AppError("invalid_input", sentence`argument "${name}" ${lack}`, { hint });
  const problem = problemOf(issue, rest, value, schema);
  return new AppError("invalid_input", sentence`argument "${name}": ${problem}`, { hint });
}

function problemOf(
  issue: z.core.$ZodIssue | undefined,
  path: readonly PropertyKey[],
  value: unknown,
  schema: JsonSchema,
): Sentence {
  const [index] = path;
  if (index === undefined) return wrongValue(value, schema);
  if (path.length === 1 && Array.isArray(value) && isJsonObject(schema.items))
    return wrongValue(value[Number(index)], schema.items);
  return sentence`at ${quote(path.join("."))}: ${asReason(issue?.message ?? "invalid")}`;
}
