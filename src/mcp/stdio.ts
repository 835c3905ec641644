/** MCP over stdin and stdout. stdout carries nothing else. */
import type { JSONRPCMessage, McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import type { Clock } from "../lib/clock.ts";
import { listenedUris } from "./offer-subscriptions.ts";
import { buildServer } from "./server.ts";
import { type LineStreams, StdioWire } from "./stdio-wire.ts";
import type { Tenant } from "./tenant.ts";

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
  const listens = followListens(tenant, (uri) => server?.server.sendResourceUpdated({ uri }));
  const wire = new StdioWire(options.streams ?? processStreams(), { ...options, onMessage: listens.see });
  const handle = serveStdio(
    () => {
      server = buildServer(tenant);
      return server;
    },
    { transport: wire, onerror: (error) => tenant.logger.debug("protocol", { error: error.message }) },
  );
  await wire.ended;
  listens.end();
  await handle.close();
}

/**
 * Subscriptions of the 2026 era are requests that the SDK answers itself without telling the server which resources they
 * name: they are read on their way in.
 */
function followListens(tenant: Tenant, updated: (uri: string) => Promise<void> | undefined) {
  const watched = new Map<unknown, (() => void)[]>();
  const drop = (id: unknown) => {
    for (const end of watched.get(id) ?? []) end();
    watched.delete(id);
  };
  return {
    see(message: JSONRPCMessage) {
      if (!tenant.watch || !("method" in message)) return;
      if (message.method === "notifications/cancelled") drop(message.params?.requestId);
      if (!("id" in message) || message.method !== "subscriptions/listen") return;
      drop(message.id);
      const { watch } = tenant;
      const notify = (uri: string) => () => void updated(uri)?.catch(() => undefined);
      watched.set(
        message.id,
        listenedUris(message).map((uri) => watch.add(uri, notify(uri))),
      );
    },
    end() {
      for (const id of [...watched.keys()]) drop(id);
    },
  };
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
