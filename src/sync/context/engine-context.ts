import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import type { ServerUs } from "../../lib/time.ts";
import type { SyncSettings } from "../../model/sync-settings.ts";
import { retentionHorizonUs } from "../../prefect/event-retention.ts";
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
  /** Some kinds of events are deleted earlier, so that the count of a range may shrink within the retention. */
  hasShorterRetention: boolean;
}

/** The retention horizon as of now. */
export function horizonUs(ctx: Pick<EngineContext, "server" | "serverClock">): ServerUs {
  return retentionHorizonUs(ctx.serverClock.estimateUs(), ctx.server.retentionUs);
}
