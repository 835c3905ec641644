/** What the transport has to know about a message of the protocol: what it asks for, and the ids in it. */

export interface RequestNeeds {
  /** Its answer may hold data of the workspace. */
  readonly readsWorkspace: boolean;
  /** It asks for fresh answers: the credentials are checked at once. */
  readonly wantsFresh: boolean;
}

/** Methods whose answers hold data of the workspace. All others list what this program offers. */
const DATA_METHODS: ReadonlySet<string> = new Set([
  "tools/call",
  "resources/read",
  "resources/subscribe",
  "completion/complete",
  "subscriptions/listen",
  "tasks/get",
  "tasks/result",
  "tasks/cancel",
  "tasks/update",
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

export function needsOf(body: unknown): RequestNeeds {
  const messages = messagesOf(body);
  return {
    readsWorkspace: messages.some(({ method }) => typeof method === "string" && DATA_METHODS.has(method)),
    wantsFresh: messages.some(({ method, params }) => method === "tools/call" && hasFreshArgument(params?.arguments)),
  };
}

/** Names of the tools that it calls. */
export function calledTools(body: unknown): readonly string[] {
  return messagesOf(body).flatMap(({ method, params }) =>
    method === "tools/call" && typeof params?.name === "string" ? [params.name] : [],
  );
}

/** Arguments may be JSON text and a flag may be text, because the tools accept both. */
function hasFreshArgument(args: unknown): boolean {
  if (typeof args === "string") return /"fresh"\s*:\s*"?true/i.test(args);
  if (typeof args !== "object" || args === null) return false;
  const { fresh } = args as { fresh?: unknown };
  return fresh === true || (typeof fresh === "string" && fresh.trim().toLowerCase() === "true");
}

/** The method for logs and metrics: only names of this list, so that a caller cannot create labels. */
export function methodLabel(body: unknown): string {
  const [message, second] = messagesOf(body);
  if (second) return "batch";
  const method = message?.method;
  return typeof method === "string" && KNOWN.has(method) ? method : "other";
}

export function isInitialize(body: unknown): boolean {
  return messagesOf(body).some(({ method }) => method === "initialize");
}

/** Whether the answer is a stream of notifications. In a batch it is not: the other answers of the batch share the stream. */
export function isListen(body: unknown): boolean {
  return !Array.isArray(body) && messagesOf(body).some(({ method }) => method === "subscriptions/listen");
}

/** How many requests it counts for: one for each message of a batch. */
export function costOf(body: unknown): number {
  return Array.isArray(body) ? Math.max(1, body.length) : 1;
}

type RequestId = string | number;

/** Ids of requests that share one answer with others. */
export function batchedIds(body: unknown): RequestId[] {
  if (!Array.isArray(body) || body.length < 2) return [];
  return messagesOf(body).flatMap(({ id }) => (isRequestId(id) ? [id] : []));
}

/** Ids of the requests that this message cancels. */
export function cancelledIds(body: unknown): RequestId[] {
  const cancelling = messagesOf(body).filter(({ method }) => method === "notifications/cancelled");
  return cancelling.map(({ params }) => params?.requestId).filter(isRequestId);
}

/** Whether it only cancels requests. */
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
