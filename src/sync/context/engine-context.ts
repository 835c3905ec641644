import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import type { ServerUs, SteadyMs } from "../../lib/time.ts";
import type { SyncSettings } from "../../model/sync-settings.ts";
import { LEAST_RETENTION_US, retentionHorizonUs } from "../../prefect/event-retention.ts";
import type { RecordDb } from "../../store/database.ts";
import type { ClockWatch } from "../server/clock-watch.ts";
import type { Connectivity } from "../server/connectivity.ts";
import type { Requests } from "../server/requests.ts";
import type { ServerClock } from "../server/server-clock.ts";
import type { ChangeSource } from "./changes.ts";
import type { Ingest } from "./ingest.ts";
import type { Tuning } from "./tuning.ts";

/** What all parts of one engine share. */
export interface EngineContext {
  readonly db: RecordDb;
  /** Whether `db` is the file in use: it may be replaced, removed, or put aside for the record of another server. */
  readonly isRecordCurrent: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: SyncSettings;
  readonly tuning: Tuning;
  readonly random: () => number;
  readonly requests: Requests;
  readonly connectivity: Connectivity;
  readonly serverClock: ServerClock;
  readonly clockWatch: ClockWatch;
  readonly ingest: Ingest;
  readonly changes: ChangeSource;
  /** What the server has answered about itself; updated in place when it is asked again. */
  readonly server: ServerFacts;
}

export interface ServerFacts {
  version: string | null;
  /** The server deletes events that are older than this; null when unknown. */
  retentionUs: number | null;
  /**
   * The shortest retention of any kind of events; null when unknown. Where it is shorter than `retentionUs`, the count of a range
   * may shrink within the retention.
   */
  shortestRetentionUs: number | null;
  /** When this engine last recognised the server as the one of the record; null: not yet. */
  recognisedMs: SteadyMs | null;
}

/**
 * Events of any kind that occurred at or after this moment cannot have been deleted by age: where the server does not have one
 * of them, its database was reset, restored or replaced.
 */
export function surelyKeptSinceUs(ctx: Pick<EngineContext, "server" | "serverClock">): ServerUs {
  const shortestUs = ctx.server.shortestRetentionUs ?? LEAST_RETENTION_US;
  return retentionHorizonUs(ctx.serverClock.estimateUs(), shortestUs);
}

/** The retention horizon as of now. */
export function horizonUs(ctx: Pick<EngineContext, "server" | "serverClock">): ServerUs {
  return retentionHorizonUs(ctx.serverClock.estimateUs(), ctx.server.retentionUs);
}
