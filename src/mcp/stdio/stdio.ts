import { AppError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Tenant } from "../tenant.ts";
import { type LineStreams, LineTransport } from "./line-transport.ts";
import { Opening } from "./opening.ts";

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
 * the protocol era. The SDK is loaded for the first message that this program does not answer itself.
 */
export async function serveOverStdio(tenant: Tenant, options: StdioOptions): Promise<void> {
  let opening: Opening | null = null;
  let disconnect = async () => {};
  const onerror = (error: Error) => logProtocolError(tenant.logger, error);
  const transport = new LineTransport(options.streams ?? processStreams(), {
    ...options,
    ownAnswers: (calls) => {
      opening = new Opening(tenant, calls);
      return opening;
    },
    connect: async () => {
      const replayed = opening?.end() ?? [];
      const { connectSdk } = await import("./sdk-connection.ts");
      const connection = connectSdk(tenant, transport, onerror);
      disconnect = connection.close;
      return { ...connection, replayed };
    },
  });
  transport.onerror = onerror;
  await transport.start();
  await transport.ended;
  await disconnect();
  await transport.close();
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
