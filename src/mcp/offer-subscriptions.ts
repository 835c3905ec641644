import { type McpServer, ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server";
import { AppError } from "../errors.ts";
import { matchTemplate } from "../resources/define.ts";
import { RESOURCE_TEMPLATES, RESOURCES } from "../resources/index.ts";
import type { ResourceWatch } from "./resource-watch.ts";

/** Of one connection, session or stream. */
const MOST = 200;
const MOST_CHARACTERS = 500;
/** Of what a listener names. */
const MOST_READ = 10 * MOST;

/**
 * `resources/subscribe` of the 2025 era: the server of one connection or session tells about the URIs it was asked to watch.
 * (In the 2026 era subscriptions are streams, which the transports open.)
 */
export function offerSubscriptions(mcp: McpServer, watch: ResourceWatch): { end(): void } {
  const watched = new Map<string, () => void>();
  const drop = (uri: string) => {
    watched.get(uri)?.();
    watched.delete(uri);
  };
  mcp.server.setRequestHandler("resources/subscribe", ({ params: { uri } }) => {
    if (!isWatchable(uri)) {
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        `There is no resource ${uri.slice(0, MOST_CHARACTERS)}; resources/list and resources/templates/list name them.`,
      );
    }
    if (watched.size >= MOST && !watched.has(uri)) {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `At most ${MOST} resources can be subscribed to.`);
    }
    const end = addTo(watch, uri, () => void mcp.server.sendResourceUpdated({ uri }).catch(() => undefined));
    drop(uri);
    watched.set(uri, end);
    return {};
  });
  mcp.server.setRequestHandler("resources/unsubscribe", ({ params: { uri } }) => {
    drop(uri);
    return {};
  });
  return {
    end() {
      for (const uri of [...watched.keys()]) drop(uri);
    },
  };
}

function addTo(watch: ResourceWatch, uri: string, notify: () => void): () => void {
  try {
    return watch.add(uri, notify);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { code, message, hint } = error;
    throw new ProtocolError(ProtocolErrorCode.InternalError, [message, hint].filter(Boolean).join(" "), { code });
  }
}

/** Whether there is such a resource: what is none never changes. */
function isWatchable(uri: string): boolean {
  if (uri.length > MOST_CHARACTERS) return false;
  if (RESOURCES.some((one) => one.uri === uri)) return true;
  return RESOURCE_TEMPLATES.some(({ uriTemplate }) => matchTemplate(uriTemplate, uri) !== null);
}

/** The URIs that a `subscriptions/listen` request of the 2026 era names and that can be watched, each once. */
export function watchableUrisOf(message: unknown): string[] {
  const found = new Set<string>();
  for (const uri of (subscriptionsOf(message) ?? []).slice(0, MOST_READ)) {
    if (typeof uri === "string" && isWatchable(uri)) found.add(uri);
    if (found.size === MOST) break;
  }
  return [...found];
}

/**
 * A `subscriptions/listen` request that names only what is watched for it: the SDK acknowledges what the request names. Any other
 * message is answered as it is, and so is a list that is not one of texts: the SDK refuses it.
 */
export function withWatchableUris(message: unknown): unknown {
  const given = subscriptionsOf(message);
  if (given === null || !given.every((uri) => typeof uri === "string")) return message;
  const resourceSubscriptions = watchableUrisOf(message);
  if (resourceSubscriptions.length === given.length) return message;
  const request = message as { readonly params: { readonly notifications: object } };
  const { params } = request;
  return { ...request, params: { ...params, notifications: { ...params.notifications, resourceSubscriptions } } };
}

/** The list as it came; null where the message has none. */
function subscriptionsOf(message: unknown): readonly unknown[] | null {
  const { method, params } = (message ?? {}) as { method?: unknown; params?: { notifications?: unknown } | null };
  if (method !== "subscriptions/listen") return null;
  const filter = (params?.notifications ?? {}) as { resourceSubscriptions?: unknown };
  return Array.isArray(filter.resourceSubscriptions) ? filter.resourceSubscriptions : null;
}
