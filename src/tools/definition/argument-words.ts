/** What an argument takes, in words: from its schema, for errors and for the help of `call`. */
import { isJsonObject } from "../../lib/exact-json.ts";
import { asNames, asReason, figure, own, quote, quoteJson, type Sentence, sentence } from "../../lib/shown-text.ts";
import type { JsonSchema } from "./define-tool.ts";
import { LONGEST_NAME, nearest } from "./suggestions.ts";

/** `a whole number from 1 to 200`, `one of asc, desc`, `a list of texts`. */
export function typeInWords(schema: JsonSchema): Sentence {
  const options = optionsOf(schema);
  if (options.length > 0) return sentence`one of ${asNames(options)}`;
  switch (schema.type) {
    case "integer":
    case "number":
      return sentence`${own(schema.type === "integer" ? "a whole number" : "a number")}${rangeInWords(schema)}`;
    case "boolean":
      return own("true or false");
    case "array":
      return listInWords(schema);
    case "object":
      return own("a JSON object");
    default:
      return own("a text");
  }
}

function listInWords({ items }: JsonSchema): Sentence {
  const options = isJsonObject(items) ? optionsOf(items) : [];
  return options.length > 0 ? sentence`a list of: ${asNames(options)}` : own("a list of texts");
}

/** Bounds that JSON Schema adds to every integer say nothing. */
function rangeInWords({ minimum, maximum, exclusiveMinimum }: JsonSchema): Sentence {
  const [from, to, above] = [minimum, maximum, exclusiveMinimum].map((one) =>
    typeof one === "number" && Number.isSafeInteger(one) && Math.abs(one) < Number.MAX_SAFE_INTEGER ? one : undefined,
  );
  if (from !== undefined && to !== undefined) return sentence` from ${figure(from)} to ${figure(to)}`;
  if (from !== undefined) return sentence` of at least ${figure(from)}`;
  const least = above === undefined ? "" : sentence` above ${figure(above)}`;
  const both = above !== undefined && to !== undefined ? sentence` and` : "";
  return to === undefined ? sentence`${least}` : sentence`${least}${both} of at most ${figure(to)}`;
}

function optionsOf(schema: JsonSchema): string[] {
  return Array.isArray(schema.enum) ? schema.enum.map(String) : [];
}

/** `"many" is not a whole number from 1 to 200`, with the option that is meant where one is near. */
export function wrongValue(value: unknown, schema: JsonSchema): Sentence {
  const options = optionsOf(schema);
  const near =
    typeof value === "string" ? meantOption(value.slice(0, LONGEST_NAME), options) : meantShare(value, schema);
  const meant = near === undefined ? "" : sentence`; did you mean ${asReason(near)}?`;
  const shown = typeof value === "number" || typeof value === "boolean" ? quoteJson(value) : quote(textOf(value), 80);
  return sentence`${shown} is not ${typeInWords(schema)}${meant}`;
}

/** `flow runs` is `flow_run` in another spelling, although `flow` has fewer other letters. */
function meantOption(value: string, options: readonly string[]): string | undefined {
  const snake = value.trim().toLowerCase().replace(/[ -]/g, "_");
  return options.find((option) => option === snake || `${option}s` === snake) ?? nearest(value, options);
}

/** Of a share from 0 to 1 that is given as percent. */
function meantShare(value: unknown, { minimum, maximum }: JsonSchema): string | undefined {
  const isPercent = minimum === 0 && maximum === 1 && typeof value === "number" && value > 1 && value <= 100;
  return isPercent ? String(Number((value / 100).toPrecision(12))) : undefined;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

/** What the value must be, with the description of the schema. */
export function requirement(schema: JsonSchema): Sentence {
  const { description } = schema;
  return sentence`${typeInWords(schema)}${typeof description === "string" ? sentence` (${asReason(description)})` : ""}`;
}
