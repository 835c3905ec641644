import { credentialsOf } from "../config/credentials.ts";
import type { Settings } from "../config/settings.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import { createRedactor } from "../model/secrets/redact.ts";
import { createPrefectClient } from "../prefect/client.ts";
import type { ChangeNotice } from "../sync/context/changes.ts";
import { createSyncSession, type SyncSession } from "../sync/session.ts";
import { recordFileOf, toConnection } from "./connection.ts";

export interface OpenSessionOptions {
  readonly settings: Settings;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onChange?: (change: ChangeNotice) => void;
}

/** Opens the record for writing: in the Worker of `serve`, on the main thread for `sync`, `audit` and `forget`. */
export function openSyncSession(options: OpenSessionOptions): SyncSession {
  const { settings, version, clock, logger, onChange } = options;
  const connection = toConnection(settings, version);
  return createSyncSession({
    file: recordFileOf(settings, connection.url),
    api: createPrefectClient(connection, { clock, logger }),
    clock,
    logger,
    settings: settings.sync,
    redact: createRedactor({ credentials: credentialsOf(settings) }),
    ...(onChange ? { onChange } : {}),
  });
}
