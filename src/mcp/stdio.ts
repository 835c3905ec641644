/** MCP over stdin and stdout. stdout carries nothing else. */
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import type { Clock } from "../lib/clock.ts";
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
  const wire = new StdioWire(options.streams ?? processStreams(), options);
  const handle = serveStdio(() => buildServer(tenant), {
    transport: wire,
    onerror: (error) => tenant.logger.debug("protocol", { error: error.message }),
  });
  await wire.ended;
  await handle.close();
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
