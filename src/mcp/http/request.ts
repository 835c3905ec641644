/** What a request of the protocol is about, as far as the transport has to know. */
import type { Need } from "./tenants/tenants.ts";

/** Methods whose answers hold something of the workspace. All others list what this program offers. */
const DATA_METHODS: ReadonlySet<string> = new Set([
  "tools/call",
  "resources/read",
  "resources/subscribe",
  "completion/complete",
  "subscriptions/listen",
]);

interface Message {
  readonly method?: unknown;
  readonly id?: unknown;
  readonly params?: { readonly name?: unknown; readonly arguments?: unknown; readonly requestId?: unknown };
}

function messagesOf(body: unknown): readonly Message[] {
  const all = Array.isArray(body) ? body : [body];
  return all.filter((one) => typeof one === "object" && one !== null);
}

export function needOf(body: unknown): Need {
  const messages = messagesOf(body);
  return {
    data: messages.some(({ method }) => typeof method === "string" && DATA_METHODS.has(method)),
    fresh: messages.some(({ method, params }) => method === "tools/call" && asksFresh(params?.arguments)),
  };
}

/** Arguments may come as JSON text, and a flag as a word: as the tools read them. */
function asksFresh(args: unknown): boolean {
  if (typeof args === "string") return /"fresh"\s*:\s*"?true/i.test(args);
  if (typeof args !== "object" || args === null) return false;
  const { fresh } = args as { fresh?: unknown };
  return fresh === true || (typeof fresh === "string" && fresh.trim().toLowerCase() === "true");
}

/** For logs and metrics: fixed words only, whatever a caller writes there. */
export function methodLabel(body: unknown): string {
  const [message, second] = messagesOf(body);
  if (second) return "batch";
  const method = message?.method;
  return typeof method === "string" && KNOWN.has(method) ? method : "other";
}

export function isInitialize(body: unknown): boolean {
  return messagesOf(body).some(({ method }) => method === "initialize");
}

/** A stream of notices. In a batch it is none: the other answers of the batch come on the same stream. */
export function isListen(body: unknown): boolean {
  return !Array.isArray(body) && messagesOf(body).some(({ method }) => method === "subscriptions/listen");
}

/** What a request counts for: each message of a batch. */
export function costOf(body: unknown): number {
  return Array.isArray(body) ? Math.max(1, body.length) : 1;
}

type RequestId = string | number;

/** Ids of requests that share one answer with others. */
export function batchedIds(body: unknown): RequestId[] {
  if (!Array.isArray(body) || body.length < 2) return [];
  return messagesOf(body).flatMap(({ id }) => (isRequestId(id) ? [id] : []));
}

/** Ids of the requests that this message takes back. */
export function cancelledIds(body: unknown): RequestId[] {
  const taken = messagesOf(body).filter(({ method }) => method === "notifications/cancelled");
  return taken.map(({ params }) => params?.requestId).filter(isRequestId);
}

/** Takes requests back and asks for nothing. */
export function isCancellation(body: unknown): boolean {
  return cancelledIds(body).length === costOf(body);
}

function isRequestId(id: unknown): id is RequestId {
  return typeof id === "string" || typeof id === "number";
}

const KNOWN: ReadonlySet<string> = new Set([
  ...DATA_METHODS,
  "initialize",
  "server/discover",
  "ping",
  "tools/list",
  "resources/list",
  "resources/templates/list",
  "resources/unsubscribe",
  "prompts/list",
  "prompts/get",
  "logging/setLevel",
  "notifications/initialized",
  "notifications/cancelled",
]);
