import { credentialsOf } from "../config/credentials.ts";
import type { Settings } from "../config/settings.ts";
import { AppError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import { createRedactor, type Redact } from "../model/secrets/redact.ts";
import { createPrefectClient, type PrefectClient } from "../prefect/client.ts";
import { redactedApi } from "../prefect/redacted-api.ts";
import type { AnswerBudget } from "../prefect/transport/answer-budget.ts";
import type { QueryContext } from "../queries/source/context.ts";
import type { ChangeNotice } from "../sync/context/changes.ts";
import { recordFileOf, toConnection } from "./connection.ts";
import { createRecordReader } from "./record.ts";
import { createSyncer, type Syncer } from "./sync-worker.ts";

/** One Prefect workspace as the settings describe it: reading connection, API client and the Worker that writes. */
export interface Instance {
  readonly settings: Settings;
  readonly file: string;
  readonly query: QueryContext;
  readonly syncer: Syncer;
  /** Knows the configured credentials. */
  readonly redact: Redact;
  close(withinMs: number): Promise<void>;
}

export interface InstanceOptions {
  readonly settings: Settings;
  readonly entry: string;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onChange: (change: ChangeNotice) => void;
  /** Names the instance in the Worker's log. */
  readonly label?: string;
  /** What the answers of callers' Prefects take of, together. */
  readonly answers?: AnswerBudget;
}

/** Touches neither disk nor network: both wait for the first question. Throws AppError `invalid_config` without an API URL. */
export function createInstance(options: InstanceOptions): Instance {
  const { settings, version, clock, logger, answers } = options;
  const connection = toConnection(settings, version);
  const file = recordFileOf(settings, connection.url);
  const reader = createRecordReader(file, clock, logger);
  const syncer = createSyncer(options);
  const redact = createRedactor({ credentials: credentialsOf(settings) });
  let client: PrefectClient | null = null;
  let isClosed = false;
  return {
    settings,
    file,
    syncer,
    redact,
    query: {
      record: () => reader.current(),
      api: () => {
        if (isClosed)
          throw new AppError("unavailable", "This connection to Prefect was just closed.", { hint: "Try again." });
        client ??= redactedApi(createPrefectClient(connection, { clock, logger, answers }), redact);
        return client;
      },
      clock,
      saveLive: (batch) => syncer.saveLive(batch),
      freshMs: settings.freshMs,
      liveDeadlineMs: settings.liveDeadlineMs,
      uiUrl: settings.uiUrl,
      docsUrl: settings.docsUrl,
      instance: connection.url,
    },
    async close(withinMs) {
      isClosed = true;
      // The reader first: the last connection that closes makes the checkpoint, and only a writer can.
      reader.close();
      client?.close();
      await syncer.stop(withinMs);
    },
  };
}
