/** Clients of the fake server, and what tests look at when a call fails. */
import type { AppError } from "../../../src/errors.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { createPrefectClient, type PrefectClient } from "../../../src/prefect/client.ts";
import type { PrefectConnection } from "../../../src/prefect/transport/connection.ts";
import { DEFAULT_CONNECTION } from "../default-connection.ts";
import { fastClock } from "../time/fast-clock.ts";

/** A client whose waits are fifty times as fast, without random jitter. */
export function connect(
  fake: { readonly url: string; readonly workspace?: { readonly version: string } },
  options: Partial<PrefectConnection> = {},
  clock = fastClock(50),
): PrefectClient {
  const connection = { ...DEFAULT_CONNECTION, url: fake.url, userAgent: "prefect-mcp-bun/0.1.0", ...options };
  return createPrefectClient(connection, {
    clock,
    logger: silentLogger,
    random: () => 0.5,
    serverVersion: () => fake.workspace?.version ?? "3.8.8",
  });
}

export const facts = ({ code, message, hint }: AppError) => ({ code, message, hint });
