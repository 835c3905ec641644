import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import type { SyncSettings } from "../../model/sync-settings.ts";
import { retentionHorizonUs } from "../../prefect/event-retention.ts";
import type { RecordDb } from "../../store/database.ts";
import type { Connectivity } from "../server/connectivity.ts";
import type { Requests } from "../server/requests.ts";
import type { ServerClock } from "../server/server-clock.ts";
import type { ChangeSource } from "./changes.ts";
import type { Ingest } from "./ingest.ts";
import type { Tuning } from "./tuning.ts";

/** What every part of one engine shares. */
export interface EngineContext {
  readonly db: RecordDb;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: SyncSettings;
  readonly tuning: Tuning;
  readonly random: () => number;
  readonly requests: Requests;
  readonly connectivity: Connectivity;
  readonly serverClock: ServerClock;
  readonly ingest: Ingest;
  readonly changes: ChangeSource;
  /** What the server said of itself; changes when it was asked. */
  readonly server: ServerFacts;
}

export interface ServerFacts {
  version: string | null;
  /** Events older than this are deleted by the server; null when it does not say. */
  retentionUs: number | null;
  /** Some events are deleted earlier than the others, so that counts of a range may shrink within the retention. */
  hasShorterRetention: boolean;
}

/** The retention horizon as of now. */
export function horizonUs(ctx: Pick<EngineContext, "server" | "serverClock">): number {
  return retentionHorizonUs(ctx.serverClock.estimateUs(), ctx.server.retentionUs);
}
