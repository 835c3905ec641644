import { type McpServer, ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server";
import type { ResourceWatch } from "./subscriptions.ts";

const MOST = 200;

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
    if (!isWatchable(uri)) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Resource ${uri} not found`);
    if (watched.size >= MOST && !watched.has(uri)) {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `At most ${MOST} resources can be subscribed to.`);
    }
    drop(uri);
    watched.set(
      uri,
      watch.add(uri, () => void mcp.server.sendResourceUpdated({ uri }).catch(() => undefined)),
    );
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

export function isWatchable(uri: string): boolean {
  return uri.startsWith("prefect://") && uri.length <= 500;
}

/** The URIs that a `subscriptions/listen` request of the 2026 era names. */
export function listenedUris(message: unknown): string[] {
  const { method, params } = (message ?? {}) as { method?: unknown; params?: { notifications?: unknown } };
  if (method !== "subscriptions/listen") return [];
  const filter = (params?.notifications ?? {}) as { resourceSubscriptions?: unknown };
  const uris: unknown[] = Array.isArray(filter.resourceSubscriptions) ? filter.resourceSubscriptions : [];
  return [...new Set(uris.filter((uri) => typeof uri === "string").filter(isWatchable))].slice(0, MOST);
}
