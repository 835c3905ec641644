/** Checks values against a JSON Schema. The validator is loaded by the first check. */
import { isJsonObject, toDoubles } from "../lib/exact-json.ts";
import type { JsonObject } from "../model/objects.ts";

type Schema = Readonly<Record<string, unknown>>;

/** What is wrong with the value, the innermost place first; null when it fits. */
export async function schemaProblem(schema: Schema, value: unknown): Promise<string | null> {
  const { CfWorkerJsonSchemaValidator } = await import("@modelcontextprotocol/server/validators/cf-worker");
  const plain = toDoubles(value);
  const meant = { ...narrowed(schema, plain, schema), $defs: schema.$defs, definitions: schema.definitions };
  const defined = Object.fromEntries(Object.entries(meant).filter(([, member]) => member !== undefined));
  const validate = new CfWorkerJsonSchemaValidator().getValidator<unknown>(toDoubles(defined) as JsonObject);
  const result = validate(plain);
  return result.valid ? null : innermost(result.errorMessage ?? "invalid");
}

/** The validator reports each level, the one at fault last: `#: Property "a" does not match schema.; #/a: Instance type …`. */
function innermost(message: string): string {
  return (message.split("; #").at(-1) ?? message).replace(/^#?\/?:? ?/, "");
}

/**
 * The same schema where a value chooses by its `type` among alternatives: only that one, so that the problem is about it and not about
 * the alternatives that are not meant.
 */
function narrowed(schema: Schema, value: unknown, root: Schema, outer: readonly Schema[] = []): Schema {
  const target = resolved(schema, root);
  if (isJsonObject(value)) {
    const options = alternatives(target).map((one) => resolved(one, root));
    // An alternative may lead back to itself.
    if (outer.includes(target)) return target;
    if (options.length > 0) return chosen(target, options, value, root, outer);
    if (!isJsonObject(target.properties)) return target;
    const properties = Object.entries(target.properties).map(([name, member]) => [
      name,
      isJsonObject(member) && Object.hasOwn(value, name) ? narrowed(member, value[name], root) : member,
    ]);
    return { ...target, properties: Object.fromEntries(properties) };
  }
  const { items, ...rest } = target;
  if (!Array.isArray(value) || !isJsonObject(items)) return target;
  return { ...rest, prefixItems: value.map((one) => narrowed(items, one, root)) };
}

function alternatives({ anyOf, oneOf }: Schema): Schema[] {
  const options = anyOf ?? oneOf;
  return Array.isArray(options) ? options.filter(isJsonObject) : [];
}

function chosen(
  target: Schema,
  options: readonly Schema[],
  value: Schema,
  root: Schema,
  outer: readonly Schema[],
): Schema {
  const types = options.map(typesOf);
  if (types.some((names) => names === null)) return target;
  const { anyOf, oneOf, ...rest } = target;
  const beside = anyOf === undefined || oneOf === undefined ? rest : { ...rest, oneOf };
  const [only, ...others] = options.filter((_, index) => types[index]?.includes(String(value.type)) === true);
  if (only !== undefined && others.length === 0)
    return { allOf: [beside, narrowed(only, value, root, [...outer, target])] };
  const isRequired = options.every(({ required }) => Array.isArray(required) && required.includes("type"));
  if (only !== undefined || (!isRequired && !Object.hasOwn(value, "type"))) return target;
  return { required: ["type"], properties: { type: { enum: types.flat() } } };
}

/** The values of `type` by which an alternative is chosen; null where it has none. */
function typesOf({ properties }: Schema): readonly string[] | null {
  const type = isJsonObject(properties) ? properties.type : undefined;
  if (!isJsonObject(type)) return null;
  if (Array.isArray(type.enum)) return type.enum.map(String);
  return type.const === undefined ? null : [String(type.const)];
}

/** Follows `#/$defs/Name`. */
function resolved(schema: Schema, root: Schema): Schema {
  const { $ref: ref } = schema;
  if (typeof ref !== "string" || !ref.startsWith("#/")) return schema;
  let found: unknown = root;
  for (const part of ref.slice(2).split("/")) found = isJsonObject(found) ? found[part] : undefined;
  return isJsonObject(found) ? found : schema;
}
