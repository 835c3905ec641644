/** Tools as `tools/list` shows them. */
import { z } from "zod";
import type { JsonSchema, ToolDefinition, ToolListing } from "./define-tool.ts";

/** One tool. Schemas are reduced, because clients put the whole list into the model's context. */
export function toolListing(tool: ToolDefinition): ToolListing {
  if (tool.listing) return tool.listing;
  const { name, title, description, annotations } = tool;
  return {
    name,
    title,
    description,
    inputSchema: inputSchema(tool),
    outputSchema: slim(z.toJSONSchema(tool.output)),
    annotations,
  };
}

const inputSchemas = new WeakMap<z.ZodObject, JsonSchema>();

/** JSON Schema of the arguments. */
export function inputSchema(tool: Pick<ToolDefinition, "input" | "listing">): JsonSchema {
  if (tool.listing) return tool.listing.inputSchema;
  const known = inputSchemas.get(tool.input);
  if (known) return known;
  const made = slim(z.toJSONSchema(tool.input));
  inputSchemas.set(tool.input, made);
  return made;
}

/** Leaves out what carries no information: `$schema`, empty `properties`, open `additionalProperties`, `propertyNames`. */
function slim(schema: unknown, isRoot = true): JsonSchema {
  const slimmed: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema as JsonSchema)) {
    if (key === "$schema" || key === "propertyNames") continue;
    if (key === "additionalProperties" && value !== false) continue;
    if (key === "properties") {
      const members = Object.entries(value as JsonSchema).map(([name, member]) => [name, slim(member, false)]);
      if (members.length > 0 || isRoot) slimmed[key] = Object.fromEntries(members);
    } else slimmed[key] = key === "items" ? slim(value, false) : value;
  }
  return slimmed;
}
