import type { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { AppError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import { PlainCalls, type PlainCallsOptions } from "../plain-calls.ts";
import { buildServer } from "../server.ts";
import type { Tenant } from "../tenant.ts";
import { type LineStreams, LineTransport } from "./line-transport.ts";
import { trackListenRequests } from "./listen-requests.ts";

export interface StdioOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called once, after the first message. */
  readonly onFirstMessage?: () => void;
  /** Called once, when the first call of a tool is answered. */
  readonly onFirstCallAnswered?: () => void;
  /** Default: stdin and stdout of the process. */
  readonly streams?: LineStreams;
}

/**
 * MCP over stdin and stdout until stdin ends, stdout is closed or `signal` aborts. stdout carries nothing else. The first message decides
 * the protocol era.
 */
export async function serveOverStdio(tenant: Tenant, options: StdioOptions): Promise<void> {
  let server: McpServer | null = null;
  const listening = trackListenRequests(tenant, (uri) => server?.server.sendResourceUpdated({ uri }));
  const { incoming, outgoing } = listening;
  const plainCalls = (calls: PlainCallsOptions) => new PlainCalls(tenant, calls);
  const transport = new LineTransport(options.streams ?? processStreams(), {
    ...options,
    incoming,
    outgoing,
    plainCalls,
  });
  const handle = serveStdio(
    () => {
      server = buildServer(tenant);
      return server;
    },
    { transport, onerror: (error) => logProtocolError(tenant.logger, error) },
  );
  await transport.ended;
  listening.end();
  await handle.close();
}

/** Mistakes of a client are logged for debugging only; an AppError ends the connection and is always logged. */
function logProtocolError(logger: Logger, error: Error): void {
  if (error instanceof AppError) logger.error("stdin is not read any further", { error: error.message });
  else logger.debug("protocol", { error: error.message });
}

/** Bun's streams. Creating Node's takes 10 ms longer, a fifth of the time to the first answer. */
function processStreams(): LineStreams {
  const sink = Bun.stdout.writer();
  return {
    input: Bun.stdin.stream(),
    async write(text) {
      const written = sink.write(text);
      // A failed write rejects both promises; only that of `flush` is awaited.
      if (written instanceof Promise) written.catch(() => undefined);
      await sink.flush();
    },
  };
}
