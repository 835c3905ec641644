import { toChangeAccess } from "../acting/access.ts";
import type { Confirmations } from "../acting/confirmations.ts";
import { credentialsOf } from "../config/credentials.ts";
import type { Settings } from "../config/settings.ts";
import { AppError } from "../errors.ts";
import type { HeldLease } from "../fleet/fleet.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import type { Sentence } from "../lib/shown-text.ts";
import { LineOrder } from "../model/runs/line-order.ts";
import { createRedactor, type Redact } from "../model/secrets/redact.ts";
import { redactLogger } from "../model/secrets/redact-logger.ts";
import { readPermissions } from "../model/verbs.ts";
import { createPrefectClient, type PrefectClient } from "../prefect/client.ts";
import { redactedApi } from "../prefect/redacted-api.ts";
import type { AccountBudget } from "../prefect/transport/account-budget.ts";
import type { AnswerBudget } from "../prefect/transport/answer-budget.ts";
import type { PrefectWriter } from "../prefect/write-api.ts";
import type { ChangeAccess, QueryContext } from "../queries/source/context.ts";
import { openActionLog } from "../store/actions/action-log.ts";
import { findFact } from "../store/sync-state.ts";
import type { ChangeNotice } from "../sync/context/changes.ts";
import { firstRecordFileOf, toConnection } from "./connection.ts";
import { createRecordReader, type RecordReader } from "./record.ts";
import { createSyncWorker, type SyncWorker } from "./sync-worker.ts";
import type { WriterStarts } from "./writer-starts.ts";

/** One Prefect workspace as the settings describe it: read-only connection, API client and the Worker that writes the record. */
export interface Instance {
  readonly settings: Settings;
  readonly query: QueryContext;
  readonly worker: SyncWorker;
  /** Removes the configured credentials. */
  readonly redact: Redact;
  close(withinMs: number): Promise<void>;
}

export interface InstanceOptions {
  readonly settings: Settings;
  /** Of the process: a confirmation outlives the instance that gave it. */
  readonly confirmations: Confirmations;
  /** Of the account of the workspace; null without an API URL. */
  readonly account: AccountBudget | null;
  readonly entry: string;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onChange: (change: ChangeNotice) => void;
  /** Names the instance in the Worker's log. */
  readonly label?: string;
  /** Memory that the answers of callers' Prefects may use together while they are read. */
  readonly answerBudget?: AnswerBudget;
  /** In a fleet: the lease under which the record is written. */
  readonly lease?: HeldLease;
  /** In a fleet: why the record is neither read nor written; answers come from Prefect alone, and say it. */
  readonly liveOnly?: Sentence;
  /** Shared by the instances of a server with many tenants. */
  readonly starts?: WriterStarts;
}

/** Disk and network are first used by a query. Throws AppError `invalid_config` without an API URL. */
export function createInstance(options: InstanceOptions): Instance {
  const { settings, version, clock, answerBudget, liveOnly, account: budget } = options;
  const account = budget === null ? undefined : { budget, isTakenBefore: false };
  const redact = createRedactor({ credentials: credentialsOf(settings) });
  const logger = redactLogger(options.logger, redact);
  const connection = toConnection(settings, version);
  const isLiveOnly = liveOnly !== undefined;
  const reader = isLiveOnly
    ? NO_RECORD
    : createRecordReader(firstRecordFileOf(settings, connection.url), clock, logger);
  const worker = isLiveOnly ? NO_WORKER : createSyncWorker({ ...options, logger, account: budget ?? undefined });
  const changes = changesOf(options, redact, () => openClient().writer);
  let client: PrefectClient | null = null;
  let isClosed = false;
  const serverVersion = () => {
    const db = reader.current();
    return db === null ? null : (findFact(db, "instance")?.version ?? null);
  };
  const openClient = (): PrefectClient => {
    if (isClosed)
      throw new AppError("unavailable", "This connection to Prefect was just closed.", { hint: "Try again." });
    client ??= redactedApi(
      createPrefectClient(connection, { clock, logger, answers: answerBudget, serverVersion, account }),
      redact,
    );
    return client;
  };
  return {
    settings,
    worker,
    redact,
    query: {
      record: () => reader.current(),
      recordProblem: () => reader.problem(),
      holdRecord: () => reader.hold(),
      api: openClient,
      clock,
      saveLive: (batch) => worker.saveLive(batch),
      redactLogs: (lines) => redact.logs(lines),
      freshMs: settings.freshMs,
      liveDeadlineMs: settings.liveDeadlineMs,
      uiUrl: settings.uiUrl,
      docsUrl: settings.docsUrl,
      instance: connection.url,
      lineOrder: new LineOrder(),
      changes: changes?.access,
      liveOnly,
    },
    async close(withinMs) {
      isClosed = true;
      // The reader first: SQLite checkpoints when the last connection closes, and only the writer's can.
      reader.close();
      client?.close();
      changes?.close();
      await worker.stop(withinMs);
    },
  };
}

const NO_RECORD: RecordReader = {
  current: () => null,
  hold: () => ({ record: () => null, release: () => undefined }),
  problem: () => null,
  close: () => undefined,
};

const NO_WORKER: SyncWorker = {
  follow: () => undefined,
  saveLive: () => undefined,
  markClientActive: () => undefined,
  stop: async () => undefined,
};

/** What changes in this workspace need; null where the settings allow none. */
function changesOf(
  { settings, confirmations }: InstanceOptions,
  redact: Redact,
  writer: () => PrefectWriter,
): { readonly access: ChangeAccess; close(): void } | null {
  const { allowed } = readPermissions(settings.writes);
  if (allowed.size === 0) return null;
  const instance = settings.apiUrl ?? "";
  const log = openActionLog(settings.actionLogFile);
  const credential = redact.text(credentialLabel(settings.auth));
  const access = toChangeAccess({
    writer,
    allowed,
    confirmations,
    tenant: JSON.stringify([instance, settings.auth]),
    note({ summary, detail, callerId, ...entry }) {
      log.add({
        ...entry,
        instance,
        caller: [callerId, credential].filter((label) => label !== null && label !== "").join(" "),
        summary: redact.text(summary),
        detail: JSON.stringify(redact.object(detail)),
      });
    },
  });
  return { access, close: () => log.close() };
}

/** The same for the same credential, and no secret: API keys are long and random, so that a digest does not reveal them. */
function credentialLabel(auth: Settings["auth"]): string {
  if (auth.kind === "none") return "";
  if (auth.kind === "key") return `key:${new Bun.CryptoHasher("sha256").update(auth.key).digest("hex").slice(0, 12)}`;
  // Without a colon all of it may be the password.
  return auth.authString.includes(":") ? `user:${auth.authString.split(":")[0]}` : "user";
}
