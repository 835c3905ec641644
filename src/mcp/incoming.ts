/** Received messages before the SDK checks them: some deviations of clients are corrected, and invalid messages get a reason. */

import { isJsonObject, mapMembers, toDoubles } from "../lib/exact-json.ts";
import { own, type Sentence, sentence } from "../lib/shown-text.ts";
import { readMessageText } from "./message-text.ts";
import { INVALID_REQUEST_CODE } from "./protocol/protocol-names.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * Corrects two deviations that the protocol's schemas refuse: `null` for an absent `params`, `cursor` and the like, which some
 * serializers write, and `arguments` as JSON text, which some models write. Exact numbers stay in the arguments of tools; elsewhere, as
 * in ids, the protocol's schemas expect doubles. Returns the same object where nothing changes. A batch inside a batch is left as it is.
 */
export function normalizeMessage(message: unknown): unknown {
  if (!Array.isArray(message)) return normalizeOne(message);
  const each = message.map(normalizeOne);
  return each.some((one, index) => one !== message[index]) ? each : message;
}

function normalizeOne(given: unknown): unknown {
  const message = withDoubles(given);
  if (!isFields(message) || typeof message.method !== "string") return message;
  if (message.params === null) return without(message, "params");
  if (!isFields(message.params)) return message;
  const params = normalizeParams(message.params, message.method === "tools/call");
  return params === message.params ? message : { ...message, params };
}

function withDoubles(message: unknown): unknown {
  if (!isFields(message) || message.method !== "tools/call")
    return Array.isArray(message) ? message : toDoubles(message);
  return mapMembers(message, (member, key) => {
    if (key !== "params" || !isFields(member)) return toDoubles(member);
    return mapMembers(member, (param, name) => (name === "arguments" ? param : toDoubles(param)));
  });
}

function normalizeParams(given: Fields, isCall: boolean): Fields {
  let params = given;
  for (const key of ["_meta", "cursor", "arguments"]) if (params[key] === null) params = without(params, key);
  if (isFields(params._meta) && params._meta.progressToken === null) {
    params = { ...params, _meta: without(params._meta, "progressToken") };
  }
  const args = isCall && typeof params.arguments === "string" ? objectIn(params.arguments) : null;
  return args === null ? params : { ...params, arguments: args };
}

/** `id` is null where the message has no valid one, as JSON-RPC requires. Clients of both SDKs report such an answer and continue. */
export interface InvalidRequest {
  readonly jsonrpc: "2.0";
  readonly id: string | number | null;
  readonly error: { readonly code: number; readonly message: Sentence };
}

/** The answer to JSON that is not a valid request; null where the sender expects none: for notifications and responses. */
export function invalidRequest(message: unknown): InvalidRequest | null {
  if (Array.isArray(message)) return invalid(null, own("batches are not supported; send one message per line."));
  if (!isFields(message)) return null;
  const { id, method } = message;
  if (method === undefined && ("result" in message || "error" in message)) return null;
  if (isId(id)) return invalid(id, faultOf(message));
  return "id" in message && method !== undefined ? invalid(null, faultOf(message)) : null;
}

/** The answer to a request that is refused for another reason; null where the sender expects none. */
export function refusedRequest(message: unknown, fault: Sentence): InvalidRequest | null {
  if (!isFields(message)) return invalid(null, fault);
  return isId(message.id) && message.method !== undefined ? invalid(message.id, fault) : null;
}

const MEMBERS = new Set(["jsonrpc", "id", "method", "params"]);

function faultOf(message: Fields): Sentence {
  const { jsonrpc, id, method, params } = message;
  if (jsonrpc !== "2.0") return own('jsonrpc must be "2.0".');
  if (typeof method !== "string") return own("method must be a string.");
  if (typeof id !== "string" && !Number.isSafeInteger(id)) return own("id must be a string or an integer.");
  if (params !== undefined && !isFields(params)) return own("params must be an object.");
  const others = Object.keys(message).filter((key) => !MEMBERS.has(key));
  if (others.length > 0) return own("a request has no members beside jsonrpc, id, method and params.");
  return own("params._meta is not valid.");
}

function invalid(id: string | number | null, fault: Sentence): InvalidRequest {
  return {
    jsonrpc: "2.0",
    id,
    error: { code: INVALID_REQUEST_CODE, message: sentence`Invalid request: ${fault}` },
  };
}

function isId(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}

function isFields(value: unknown): value is Fields {
  return isJsonObject(value);
}

function without(fields: Fields, key: string): Fields {
  const { [key]: _, ...rest } = fields;
  return rest;
}

function objectIn(text: string): Fields | null {
  try {
    const { value, excess } = readMessageText(text);
    return isFields(value) && excess === null ? value : null;
  } catch {
    return null;
  }
}
