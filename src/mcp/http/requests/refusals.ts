/** Refusals of the HTTP server itself, as JSON-RPC errors that a client can show. */

import { type AppError, toAppError } from "../../../errors.ts";
import { own, type Sentence, sentence } from "../../../lib/shown-text.ts";

export interface Refusal {
  readonly status: number;
  readonly message: Sentence;
  readonly code?: string;
  readonly hint?: Sentence | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Id of the request that is refused, where it is known. */
  readonly id?: string | number | null;
}

const SERVER_ERROR = -32_000;
const PARSE_ERROR = -32_700;

export function refusal({ status, message, code, hint, headers = {}, id = null }: Refusal): Response {
  const rpcCode = status === 400 && code === "parse_error" ? PARSE_ERROR : SERVER_ERROR;
  const data = { ...(code ? { code } : {}), ...(hint ? { hint } : {}), retryable: status === 429 || status === 503 };
  const text = hint ? sentence`${message} ${hint}` : message;
  return Response.json(
    { jsonrpc: "2.0", id, error: { code: rpcCode, message: text, data } },
    { status, headers: { "cache-control": "no-store", ...headers } },
  );
}

const STATUS: Readonly<Record<AppError["code"], number>> = {
  invalid_input: 400,
  invalid_config: 500,
  not_found: 404,
  unauthorized: 403,
  rate_limited: 429,
  unavailable: 503,
  internal: 500,
};

/** An error as an answer. The text of an internal error is not sent: it may hold anything. */
export function errorRefusal(error: unknown, id: string | number | null = null): Response {
  const known = toAppError(error);
  const { code, ownHint: hint, retryAfterMs } = known;
  const isInternal = code === "internal";
  const wait = Math.max(1, Math.ceil((retryAfterMs ?? 1_000) / 1_000));
  const status = STATUS[code];
  return refusal({
    status,
    code,
    message: isInternal ? own("An internal error occurred; the log on stderr has the details.") : known.sentence,
    hint: isInternal ? undefined : hint,
    headers: status === 429 || status === 503 ? { "retry-after": String(wait) } : {},
    id,
  });
}

/** The id of the message that is refused, or null where it has no valid one. */
export function idOf(message: unknown): string | number | null {
  const id = (message as { id?: unknown } | null)?.id;
  return typeof id === "string" || typeof id === "number" ? id : null;
}
