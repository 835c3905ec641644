import { credentialsOf } from "../config/credentials.ts";
import type { Settings } from "../config/settings.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import { createRedactor } from "../model/secrets/redact.ts";
import { redactLogger } from "../model/secrets/redact-logger.ts";
import { createPrefectClient } from "../prefect/client.ts";
import { errorsOnly, redactedApi } from "../prefect/redacted-api.ts";
import type { AccountBudget } from "../prefect/transport/account-budget.ts";
import type { RecordDb } from "../store/database.ts";
import type { WriterLease } from "../store/fence.ts";
import type { ChangeNotice } from "../sync/context/changes.ts";
import { createSyncSession, type SyncSession } from "../sync/session.ts";
import { firstRecordFileOf, toConnection } from "./connection.ts";

export interface OpenSessionOptions {
  readonly settings: Settings;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onChange?: (change: ChangeNotice) => void;
  /** A record that is open for writing and that the caller closes. Default: the file in use. */
  readonly db?: RecordDb;
  /** In a fleet: what every write has to prove. */
  readonly lease?: WriterLease;
  /** Shared with other workspaces and threads. */
  readonly account?: AccountBudget;
}

/** Opens the record for writing: in the Worker of `serve`, on the main thread for `sync`, `audit` and `forget`. */
export function openSyncSession(options: OpenSessionOptions): SyncSession {
  const { settings, version, clock, onChange, db, lease, account } = options;
  const connection = toConnection(settings, version);
  const redact = createRedactor({ credentials: credentialsOf(settings) });
  const logger = redactLogger(options.logger, redact);
  const use = account && { budget: account, isTakenBefore: true };
  return createSyncSession({
    file: firstRecordFileOf(settings, connection.url),
    // Rows are redacted when they are stored, once.
    api: redactedApi(createPrefectClient(connection, { clock, logger, account: use }), errorsOnly(redact)),
    clock,
    logger,
    settings: settings.sync,
    redact,
    ...(onChange ? { onChange } : {}),
    ...(db ? { db } : {}),
    ...(lease ? { lease } : {}),
    ...(account ? { account } : {}),
  });
}
