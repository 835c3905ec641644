/**
 * Checks the parameters of requests. The SDK answers invalid ones of most methods with "internal error" and its schema's text; this
 * answers with "invalid params" and a sentence.
 * https://modelcontextprotocol.io/specification/2025-11-25/schema
 */

import { PROTOCOL_VERSION_META_KEY, ProtocolErrorCode } from "@modelcontextprotocol/server";
import { z } from "zod";
import { asName, asReason, joined, own, sentence } from "../lib/shown-text.ts";
import type { InvalidRequest } from "./incoming.ts";

const text = z.string("must be a string");
const object = <Shape extends z.ZodRawShape>(shape: Shape) => z.looseObject(shape, "must be an object");

const LIST = object({ cursor: text.optional() });
const RESOURCE = object({ uri: text });
const TASK = object({ taskId: text });
const PARAMS: Readonly<Record<string, z.ZodType>> = {
  "tools/list": LIST,
  "resources/list": LIST,
  "resources/templates/list": LIST,
  "prompts/list": LIST,
  "tools/call": object({ name: text, arguments: object({}).optional() }),
  "prompts/get": object({ name: text, arguments: z.record(z.string(), text, "must be an object").optional() }),
  "resources/read": RESOURCE,
  "tasks/get": TASK,
  "tasks/cancel": TASK,
  "completion/complete": object({
    ref: z.discriminatedUnion(
      "type",
      [object({ type: z.literal("ref/prompt"), name: text }), object({ type: z.literal("ref/resource"), uri: text })],
      'is neither "ref/prompt" nor "ref/resource"',
    ),
    argument: object({ name: text, value: text }),
  }),
};

/** Methods that only the 2025 era has. The SDK answers a newer request for one of them with "method not found". */
const PARAMS_2025: typeof PARAMS = { "resources/subscribe": RESOURCE, "resources/unsubscribe": RESOURCE };

/** The answer to a request with invalid parameters; null for every other message. */
export function invalidParams(message: unknown): InvalidRequest | null {
  const { id, method, params } = (message ?? {}) as { id?: unknown; method?: unknown; params?: unknown };
  if ((typeof id !== "string" && typeof id !== "number") || typeof method !== "string") return null;
  const known = method in PARAMS_2025 && !isModern(params) ? PARAMS_2025 : PARAMS;
  const schema = Object.hasOwn(known, method) ? known[method] : undefined;
  const [issue] = schema?.safeParse(params ?? {}).error?.issues ?? [];
  if (!issue) return null;
  const path = joined([own("params"), ...issue.path.map((step) => asName(String(step)))], ".");
  return {
    jsonrpc: "2.0",
    id,
    error: {
      code: ProtocolErrorCode.InvalidParams,
      message: sentence`Invalid params: ${path} ${asReason(issue.message)}.`,
    },
  };
}

/** Whether the request is of the 2026 era, where each request names its protocol version. */
function isModern(params: unknown): boolean {
  const { _meta } = (params ?? {}) as { _meta?: unknown };
  return typeof _meta === "object" && _meta !== null && PROTOCOL_VERSION_META_KEY in _meta;
}
