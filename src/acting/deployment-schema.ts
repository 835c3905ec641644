/** The schema of a deployment's parameters as Prefect reads it when it creates a run. */
import { isJsonObject } from "../lib/exact-json.ts";

type Schema = Readonly<Record<string, unknown>>;

/** Members that hold schemas by name. */
const MAPS = new Set(["properties", "patternProperties", "definitions", "$defs", "dependentSchemas"]);
/** Members that hold values. */
const VALUES = new Set(["const", "enum", "default", "example", "examples", "required", "dependentRequired"]);

/**
 * Prefect checks no `format`, takes null for a member that is neither required nor has a default, and takes a reference to a block
 * document in place of the block. `values` are what is checked: the patterns that are left take no noticeable time on them.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/utilities/schema_tools/validation.py
 */
export function asPrefectReads(schema: Schema, values: unknown): Schema {
  const text = JSON.stringify(values) ?? "";
  const read = readSchema(withNulls(schema), text.length <= MAX_MATCHED && ASCII.test(text));
  const definitions = isJsonObject(read.definitions) ? read.definitions : {};
  const withBlocks = Object.entries(definitions).map(([name, member]) => {
    const isWithNulls = isJsonObject(member) ? withNulls(member) : member;
    const isBlock = isJsonObject(member) && "block_type_slug" in member;
    return [name, isBlock ? { oneOf: [isWithNulls, BLOCK_REFERENCE] } : isWithNulls];
  });
  return { ...read, ...(withBlocks.length === 0 ? {} : { definitions: Object.fromEntries(withBlocks) }) };
}

const BLOCK_REFERENCE: Schema = {
  type: "object",
  properties: {
    $ref: {
      oneOf: [{ type: "string" }, { type: "object", additionalProperties: { type: "string" }, minProperties: 1 }],
    },
  },
  required: ["$ref"],
};

/** Of the members, and of members of members; not of what is referred to, whose own schema is in `definitions`. */
function withNulls(schema: Schema): Schema {
  if (!isJsonObject(schema.properties)) return schema;
  const required: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  const properties = Object.entries(schema.properties).map(([name, member]) => {
    if (!isJsonObject(member)) return [name, member];
    const { type } = member;
    const mayBeNull = !required.includes(name) && type !== undefined && !("default" in member);
    return [name, withNulls(mayBeNull ? { ...member, type: [type, "null"].flat() } : member)];
  });
  return { ...schema, properties: Object.fromEntries(properties) };
}

function readSchema(schema: Schema, mayMatch: boolean): Schema {
  const members = Object.entries(schema).flatMap(([name, member]): [string, unknown][] => {
    if (name === "format" && typeof member === "string") return [];
    if (name === "pattern" && !(mayMatch && isQuick(member))) return [];
    if (VALUES.has(name)) return [[name, member]];
    if (MAPS.has(name) && isJsonObject(member)) {
      const named = Object.entries(member).filter(([key]) => name !== "patternProperties" || isQuick(key));
      return [[name, Object.fromEntries(named.map(([key, one]) => [key, readMember(one, mayMatch)]))]];
    }
    return [[name, readMember(member, mayMatch)]];
  });
  const read = Object.fromEntries(members);
  // Names that only a pattern allows which is not looked at.
  if (countOf(read.patternProperties) < countOf(schema.patternProperties)) delete read.additionalProperties;
  return read;
}

function readMember(member: unknown, mayMatch: boolean): unknown {
  if (Array.isArray(member)) return member.map((one) => readMember(one, mayMatch));
  return isJsonObject(member) ? readSchema(member, mayMatch) : member;
}

const countOf = (map: unknown) => (isJsonObject(map) ? Object.keys(map).length : 0);

const MAX_MATCHED = 300;
/** Python's `\w` and `\d` match letters and digits of all scripts. */
const ASCII = /^[\x20-\x7e]*$/;
/** Without groups and alternatives, and without what Python and JavaScript read differently. */
const PLAIN = /^(?:[^()|\\]|\\[dws.\-/[\]{}+*?^$])*$/;
const OPEN_ENDED = /[*+]|\{\d*,\d*\}/g;

/** Whether a pattern of the workspace takes few steps on a short text, and means the same here as in Prefect. */
function isQuick(pattern: unknown): boolean {
  if (typeof pattern !== "string" || pattern.length > 200 || !PLAIN.test(pattern)) return false;
  if ((pattern.match(OPEN_ENDED)?.length ?? 0) > 2) return false;
  try {
    return new RegExp(pattern, "u") instanceof RegExp;
  } catch {
    return false;
  }
}
