import { type JSONRPCMessage, parseJSONRPCMessage } from "@modelcontextprotocol/server";
import { type InvalidRequest, invalidRequest } from "../incoming.ts";
import { invalidParams } from "../request-params.ts";

/** Either the message, or the answer to what is none; null where the sender expects no answer. */
export type CheckedMessage = { readonly message: JSONRPCMessage } | { readonly refusal: InvalidRequest | null };

/** Checks JSON against the schemas of the protocol. */
export function checkMessage(content: unknown): CheckedMessage {
  const message = toMessage(content);
  if (message === null) return { refusal: invalidRequest(content) };
  const refusal = invalidParams(message);
  return refusal === null ? { message } : { refusal };
}

/** Null for JSON that is not a message of the protocol. */
function toMessage(content: unknown): JSONRPCMessage | null {
  try {
    return parseJSONRPCMessage(content);
  } catch {
    return null;
  }
}
