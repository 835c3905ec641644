/** MCP over stdin and stdout. stdout carries nothing else. */
import { type JSONRPCMessage, type McpServer, SUBSCRIPTION_ID_META_KEY } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { AppError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import { withWatchableUris } from "../offer-subscriptions.ts";
import { buildServer } from "../server.ts";
import type { Tenant } from "../tenant.ts";
import { type LineStreams, LineTransport } from "./wire.ts";

export interface StdioOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called once, when the first message has come in. */
  readonly onFirstMessage?: () => void;
  /** The process's own unless given. */
  readonly streams?: LineStreams;
}

/** Serves until stdin ends, stdout breaks or `signal` aborts. The first exchange decides the protocol era. */
export async function serveOverStdio(tenant: Tenant, options: StdioOptions): Promise<void> {
  let server: McpServer | null = null;
  const listens = trackListenRequests(tenant, (uri) => server?.server.sendResourceUpdated({ uri }));
  const { incoming, outgoing } = listens;
  const wire = new LineTransport(options.streams ?? processStreams(), { ...options, incoming, outgoing });
  const handle = serveStdio(
    () => {
      server = buildServer(tenant);
      return server;
    },
    { transport: wire, onerror: (error) => logProtocolError(tenant.logger, error) },
  );
  await wire.ended;
  listens.end();
  await handle.close();
}

/** What a client sends wrongly is for whoever looks for it; what ends the connection is for everybody. */
function logProtocolError(logger: Logger, error: Error): void {
  if (error instanceof AppError) logger.error("stdin is not read any further", { error: error.message });
  else logger.debug("protocol", { error: error.message });
}

/**
 * Subscriptions of the 2026 era are requests that the SDK answers itself without telling the server which resources they
 * name: the acknowledgement that goes out tells, and the end of one is seen as it passes by. The SDK hands each update to every
 * subscription that names its resource, so each resource is watched once.
 */
function trackListenRequests(tenant: Tenant, updated: (uri: string) => Promise<void> | undefined) {
  const asked = new Set<unknown>();
  const listening = new Map<unknown, readonly string[]>();
  const watched = new Map<string, { count: number; end: () => void }>();
  const hold = (uri: string): boolean => {
    const known = watched.get(uri);
    if (known) known.count += 1;
    else {
      const end = watchUnlessFull(tenant, uri, () => void updated(uri)?.catch(() => undefined));
      if (end === null) return false;
      watched.set(uri, { count: 1, end });
    }
    return true;
  };
  const release = (uri: string) => {
    const known = watched.get(uri);
    if (!known) return;
    known.count -= 1;
    if (known.count > 0) return;
    known.end();
    watched.delete(uri);
  };
  const forget = (id: unknown) => {
    asked.delete(id);
    for (const uri of listening.get(id) ?? []) release(uri);
    listening.delete(id);
  };
  /** Names the resources that are watched from now on: all of them, unless too many are. */
  const acknowledged = (message: JSONRPCMessage): JSONRPCMessage => {
    const { params } = message as unknown as { params: Acknowledgement };
    const { resourceSubscriptions = [], ...others } = params.notifications;
    const id = params._meta?.[SUBSCRIPTION_ID_META_KEY];
    // Given up before it was acknowledged.
    if (!asked.has(id)) return message;
    const held = resourceSubscriptions.filter(hold);
    forget(id);
    listening.set(id, held);
    if (held.length === resourceSubscriptions.length) return message;
    const notifications = held.length > 0 ? { ...others, resourceSubscriptions: held } : others;
    return { ...message, params: { ...params, notifications } } as JSONRPCMessage;
  };
  return {
    incoming(message: JSONRPCMessage): JSONRPCMessage {
      if (!("method" in message)) return message;
      if (message.method === "notifications/cancelled") forget(message.params?.requestId);
      if (message.method !== "subscriptions/listen" || !("id" in message)) return message;
      asked.add(message.id);
      return withWatchableUris(message) as JSONRPCMessage;
    },
    outgoing(message: JSONRPCMessage): JSONRPCMessage {
      if (!("method" in message)) forget(message.id);
      else if (message.method === "notifications/subscriptions/acknowledged") return acknowledged(message);
      return message;
    },
    end() {
      for (const id of [...listening.keys()]) forget(id);
    },
  };
}

interface Acknowledgement {
  readonly notifications: { readonly resourceSubscriptions?: readonly string[] };
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** Null when no more can be watched, or none at all. */
function watchUnlessFull(tenant: Tenant, uri: string, notify: () => void): (() => void) | null {
  try {
    return tenant.watch?.add(uri, notify) ?? null;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return null;
  }
}

/** Bun's own streams: Node's take 10 ms longer to be there, a fifth of the time to the first answer. */
function processStreams(): LineStreams {
  const sink = Bun.stdout.writer();
  return {
    input: Bun.stdin.stream(),
    async write(text) {
      const written = sink.write(text);
      // Two promises of one failure; the second is the one that is awaited.
      if (written instanceof Promise) written.catch(() => undefined);
      await sink.flush();
    },
  };
}
