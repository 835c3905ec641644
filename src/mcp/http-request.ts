/** What a request of the protocol is about, as far as the transport has to know. */
import type { Need } from "./tenants.ts";

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
  readonly params?: { readonly name?: unknown; readonly arguments?: unknown };
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

export function isListen(body: unknown): boolean {
  return messagesOf(body).some(({ method }) => method === "subscriptions/listen");
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
