/** Replaces values that are secret by their place: those of variables, fields of blocks, and fields with the name of a secret. */
import { isJsonNumber, isJsonObject, mapMembers } from "../../lib/exact-json.ts";
import { isSecretField } from "./named-values.ts";
import { isBasicCredential, JWK_MEMBERS, JWK_SECRET } from "./statements/authorizations.ts";
import { NAMED_SECRET, redactionMark } from "./words/redaction-mark.ts";
import { classOfName, isSecretName } from "./words/secret-names.ts";
import { isUnlikeWord, looksGenerated } from "./words/secret-values.ts";

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
  const sides = isContainer(change) ? mapMembers(change, hide) : hide(change);
  return replaced(hidden, "updates", replaced(hidden.updates, "value", sides));
}

/** Levels of a block that are looked into; what is nested deeper is replaced as a whole. */
const MAX_BLOCK_DEPTH = 200;

/** Below a secret name every text and number is replaced; references to other blocks stay. */
function hideFields(value: unknown, isSecret: boolean, secretNames: ReadonlySet<string>, depth = 0): unknown {
  if (depth > MAX_BLOCK_DEPTH && typeof value === "object" && value !== null) return BLOCK_SECRET;
  if (Array.isArray(value)) {
    const items = value.map((item) => hideFields(item, isSecret, secretNames, depth + 1));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  if (!isContainer(value)) return isSecret && !isHidden(value) && typeof value !== "boolean" ? BLOCK_SECRET : value;
  const changes = new Map<string, unknown>();
  for (const [key, field] of Object.entries(value)) {
    if (key === "$ref") continue;
    const hidden = hideFields(field, isSecret || isSecretName(key) || secretNames.has(key), secretNames, depth + 1);
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

/** Fields of a schema or of a typed value that hold the value itself: a parameter's default, an item of Terraform's output. */
const VALUE_FIELDS: ReadonlySet<string> = new Set(["default", "const", "value", "Value", "example", "plaintext"]);
const LISTS = /(?:passwords|secrets|credentials|(?:api|access|auth)_?(?:keys|tokens))$/i;
/** Fields that describe or refer to a secret. */
const DESCRIPTIONS: ReadonlySet<string> = new Set("$ref title type description format name id key path ref".split(" "));

/** What may be hidden below one field, by its name. Names repeat in every row, so this is computed once for each. */
export interface FieldRule {
  /** Itself, or what replaces it. */
  hide(value: unknown): unknown;
}

function hideString(name: string, value: string): string {
  return isSecretField(name, value) ? NAMED_SECRET : value;
}

/** `auth` of Docker's configuration: https://docs.docker.com/reference/cli/docker/login/ */
const AUTH_RULE: FieldRule = {
  hide: (value) =>
    typeof value === "string" && value.length >= 8 && isBasicCredential(value)
      ? redactionMark("basic-credentials")
      : value,
};

/** The rule of fields with this name; null: a field like all others. */
export function fieldRule(name: string): FieldRule | null {
  if (name === "auth" || name === "_auth") return AUTH_RULE;
  const of = classOfName(name);
  const isList = LISTS.test(name);
  if (of === null && !isList) return null;
  return {
    hide: (value) => {
      if (typeof value === "string") return of === null ? value : hideString(name, value);
      if (isJsonNumber(value))
        return of === "password" || (of === "code" && isSecretField(name, String(value))) ? NAMED_SECRET : value;
      if (Array.isArray(value)) {
        if (!isList) return value;
        const items = value.map((item) => (typeof item === "string" ? hideString("token", item) : item));
        return items.every((item, index) => item === value[index]) ? value : items;
      }
      return isContainer(value) ? hideMembers(name, value, isList) : value;
    },
  };
}

function hideMembers(name: string, members: Container, isList: boolean): Container {
  const changes = new Map<string, unknown>();
  for (const [key, member] of Object.entries(members)) {
    if (typeof member !== "string") continue;
    const own = VALUE_FIELDS.has(key) ? name : isList && !DESCRIPTIONS.has(key) ? "token" : null;
    if (own === null) continue;
    const hidden = hideString(own, member);
    if (hidden !== member) changes.set(key, hidden);
  }
  return changes.size === 0 ? members : withEntries(members, changes, new Map());
}

const NAME_FIELDS = ["name", "Name", "key", "Key", "variable", "header", "env"] as const;

/** https://kubernetes.io/docs/concepts/configuration/secret/ */
function hideManifest(data: unknown): unknown {
  if (!isContainer(data)) return data;
  const secret = redactionMark("kubernetes-secret");
  const changes = new Map(
    Object.entries(data).flatMap(([key, value]) =>
      typeof value === "string" && !isHidden(value) ? [[key, secret]] : [],
    ),
  );
  return changes.size === 0 ? data : withEntries(data, changes, new Map());
}

/**
 * Replaces the value in pairs such as `{"name": "PGPASSWORD", "value": "…"}`, values that are marked as sensitive,
 * the data of Secrets of Kubernetes, and the private members of JSON web keys.
 */
export function hideBySibling(source: Container): Container {
  const changes = new Map<string, unknown>();
  for (const field of ["value", "Value"]) {
    const value = source[field];
    if (typeof value !== "string") continue;
    const isSecret = NAME_FIELDS.some((named) => {
      const name = source[named];
      return typeof name === "string" && isSecretField(name, value);
    });
    if (isSecret) changes.set(field, NAMED_SECRET);
  }
  if (
    source.sensitive === true &&
    (typeof source.value === "string" || isJsonNumber(source.value)) &&
    !isHidden(source.value)
  )
    changes.set("value", redactionMark("sensitive-value"));
  if (source.kind === "Secret")
    for (const field of ["data", "stringData"]) {
      const hidden = hideManifest(source[field]);
      if (hidden !== source[field]) changes.set(field, hidden);
    }
  if (typeof source.kty === "string")
    for (const member of JWK_MEMBERS) {
      const value = source[member];
      if (typeof value === "string" && value.length >= 16 && value !== JWK_SECRET) changes.set(member, JWK_SECRET);
    }
  return changes.size === 0 ? source : withEntries(source, changes, new Map());
}

/** Whether one of the fields makes `hideBySibling` look at its object. */
export function isSiblingField(name: string): boolean {
  return name === "value" || name === "Value" || name === "kty" || name === "kind";
}

/** The second of two arguments of a command, or of a pair, is secret: `["--password", "…"]`, `["password", "…"]`. */
export function isSecretArgument(name: unknown, value: string, length: number): boolean {
  if (typeof name !== "string" || name.length > 100) return false;
  if (/^(?:--?|\/)[A-Za-z]/.test(name)) return isSecretField(name.replace(/^[-/]+/, ""), value);
  const of = /^\/{0,2}[A-Za-z_][\w.:/@-]*$/.test(name) ? classOfName(name) : null;
  return (
    of !== null && isSecretField(name, value) && (looksGenerated(value) || (length === 2 && isUnlikeWord(value, of)))
  );
}
