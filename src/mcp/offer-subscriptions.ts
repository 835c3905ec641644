import type { McpServer } from "@modelcontextprotocol/server";
import { AppError } from "../errors.ts";
import { sentence } from "../lib/shown-text.ts";
import { matchTemplate, splitWorkspace } from "../resources/define.ts";
import { RESOURCE_TEMPLATES, RESOURCES } from "../resources/index.ts";
import { internalError, invalidParamsError, LISTS, shownUri, wholeText } from "./protocol/protocol-errors.ts";
import { watchIn } from "./resource-watch.ts";
import type { Tenant } from "./tenant.ts";

/** Resources of one connection, session or stream. */
const MAX_SUBSCRIBED = 200;
const MAX_URI_LENGTH = 500;
/** URIs of one `subscriptions/listen` request that are looked at. */
const MAX_READ = 10 * MAX_SUBSCRIBED;

/**
 * `resources/subscribe` of the 2025 era: the server of a connection or session notifies its client of changed resources.
 * In the 2026 era a subscription is a stream, which the transports handle.
 */
export function offerSubscriptions(mcp: McpServer, tenant: Pick<Tenant, "watch" | "workspaces">): { end(): void } {
  const watched = new Map<string, () => void>();
  const drop = (uri: string) => {
    watched.get(uri)?.();
    watched.delete(uri);
  };
  mcp.server.setRequestHandler("resources/subscribe", ({ params: { uri } }) => {
    if (!isWatchable(uri)) {
      throw invalidParamsError(sentence`There is no resource ${shownUri(uri)}; ${LISTS}`);
    }
    if (watched.size >= MAX_SUBSCRIBED && !watched.has(uri)) {
      throw invalidParamsError(sentence`At most ${MAX_SUBSCRIBED} resources can be subscribed to.`);
    }
    const end = watchResource(tenant, uri, () => void mcp.server.sendResourceUpdated({ uri }).catch(() => undefined));
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

function watchResource(tenant: Pick<Tenant, "watch" | "workspaces">, uri: string, notify: () => void): () => void {
  try {
    return watchIn(tenant, uri, notify) ?? (() => undefined);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw internalError(wholeText(error), error.code);
  }
}

/** Whether the resource exists: others never change. */
function isWatchable(uri: string): boolean {
  if (uri.length > MAX_URI_LENGTH) return false;
  const { uri: plain } = splitWorkspace(uri);
  if (RESOURCES.some((one) => one.uri === plain)) return true;
  return RESOURCE_TEMPLATES.some(({ uriTemplate }) => matchTemplate(uriTemplate, plain) !== null);
}

/** The watchable URIs of a `subscriptions/listen` request of the 2026 era, without duplicates. */
export function watchableUrisOf(message: unknown): string[] {
  const found = new Set<string>();
  for (const uri of (subscriptionsOf(message) ?? []).slice(0, MAX_READ)) {
    if (typeof uri === "string" && isWatchable(uri)) found.add(uri);
    if (found.size === MAX_SUBSCRIBED) break;
  }
  return [...found];
}

/**
 * A `subscriptions/listen` request without the URIs that cannot be watched, because the SDK acknowledges every URI of the request.
 * Any other message is returned as it is, and so is a list with values that are not strings: the SDK refuses it.
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

/** The list of URIs as received; null where the message has none. */
function subscriptionsOf(message: unknown): readonly unknown[] | null {
  const { method, params } = (message ?? {}) as { method?: unknown; params?: { notifications?: unknown } | null };
  if (method !== "subscriptions/listen") return null;
  const filter = (params?.notifications ?? {}) as { resourceSubscriptions?: unknown };
  return Array.isArray(filter.resourceSubscriptions) ? filter.resourceSubscriptions : null;
}
