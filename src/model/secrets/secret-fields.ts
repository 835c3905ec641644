/** Replaces values that are secret by their place: those of variables, and fields of blocks. */
import { isJsonObject } from "../../lib/exact-json.ts";
import { isSecretName, redactionMark } from "./secret-shapes.ts";

const VARIABLE_VALUE = redactionMark("variable-value");
const BLOCK_SECRET = redactionMark("block-secret");

/** An object of JSON. */
export type Container = Record<string, unknown>;

export function isContainer(value: unknown): value is Container {
  return isJsonObject(value);
}

/** A copy with changed values and names. A key `__proto__` stays an ordinary key. */
export function withEntries(
  source: Container,
  changes: ReadonlyMap<string, unknown>,
  names: ReadonlyMap<string, string>,
): Container {
  return Object.fromEntries(
    Object.entries(source).map(([key, value]) => [names.get(key) ?? key, changes.has(key) ? changes.get(key) : value]),
  );
}

function isHidden(value: unknown): boolean {
  return (
    value === null ||
    value === undefined ||
    (typeof value === "string" && /^(\**|\[redacted:[a-z0-9-]+\])$/.test(value))
  );
}

/** A copy with another value of the field; the object itself when the value is the same. */
function replaced(source: Container, key: string, value: unknown): Container {
  return source[key] === value ? source : { ...source, [key]: value };
}

function hideVariable(payload: Container): Container {
  const hide = (value: unknown) => (isHidden(value) ? value : VARIABLE_VALUE);
  const hidden = Object.hasOwn(payload, "value") ? replaced(payload, "value", hide(payload.value)) : payload;
  if (!isContainer(hidden.updates) || !Object.hasOwn(hidden.updates, "value")) return hidden;
  const change = hidden.updates.value;
  const sides = isContainer(change)
    ? Object.keys(change).reduce((all, side) => replaced(all, side, hide(change[side])), change)
    : hide(change);
  return replaced(hidden, "updates", replaced(hidden.updates, "value", sides));
}

/** Below a secret name every text and number is replaced; references to other blocks stay. */
function hideFields(value: unknown, isSecret: boolean, secretNames: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => hideFields(item, isSecret, secretNames));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  if (!isContainer(value)) return isSecret && !isHidden(value) && typeof value !== "boolean" ? BLOCK_SECRET : value;
  const changes = new Map<string, unknown>();
  for (const [key, field] of Object.entries(value)) {
    if (key === "$ref") continue;
    const hidden = hideFields(field, isSecret || isSecretName(key) || secretNames.has(key), secretNames);
    if (hidden !== field) changes.set(key, hidden);
  }
  return changes.size === 0 ? value : withEntries(value, changes, new Map());
}

const VALUE: ReadonlySet<string> = new Set(["value"]);
const NOTHING: ReadonlySet<string> = new Set();

function hideBlock(payload: Container): Container {
  const schema = payload.block_schema;
  const type = isContainer(schema) && isContainer(schema.block_type) ? schema.block_type.name : undefined;
  return replaced(payload, "data", hideFields(payload.data, false, type === "Secret" ? VALUE : NOTHING));
}

const VARIABLE_EVENT = /^prefect(?:-cloud)?\.variable\./;
const BLOCK_EVENT = /^prefect(?:-cloud)?\.block-document\./;

/** Redacts the payload by the name of the event. Also used for events inside others (`triggering_event`). */
export function hidePayload(event: Container): Container {
  if (typeof event.event !== "string" || !isContainer(event.payload)) return event;
  if (VARIABLE_EVENT.test(event.event)) return replaced(event, "payload", hideVariable(event.payload));
  return BLOCK_EVENT.test(event.event) && event.payload.data !== undefined
    ? replaced(event, "payload", hideBlock(event.payload))
    : event;
}
