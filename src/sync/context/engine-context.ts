import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import { MINUTE_US } from "../../lib/time.ts";
import type { SyncSettings } from "../../model/sync-settings.ts";
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

/** More than a reading takes until its claim asks again, and more than the server's clock can be misjudged by. */
const HORIZON_MARGIN_US = MINUTE_US;

/**
 * Oldest `occurred` (server's clock) of which the server certainly still holds everything: its vacuum deletes only what is
 * older than the retention at that moment, and time passes while we read. Minus infinity when its retention is unknown.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/services/db_vacuum.py
 */
export function horizonUs(ctx: Pick<EngineContext, "server" | "serverClock">): number {
  const { retentionUs } = ctx.server;
  if (retentionUs === null) return Number.NEGATIVE_INFINITY;
  return ctx.serverClock.estimateUs() - retentionUs + Math.min(HORIZON_MARGIN_US, retentionUs / 10);
}
