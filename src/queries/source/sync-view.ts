/** Which process syncs the record, and whether it follows Prefect. */
import { type Clock, isSameBoot } from "../../lib/clock.ts";
import { earliestUs, type LocalUs, onServerClock, SECOND_US } from "../../lib/time.ts";
import { type RecordDb, whileUnchanged } from "../../store/database.ts";
import { findFact } from "../../store/sync-state.ts";
import { NO_SYNC, type SyncView } from "./choose-source.ts";
import { SLEWED_US, statedSkewUs } from "./server-time.ts";

/** A process that syncs writes a heartbeat every 2 s. After this time without one it counts as ended. */
const HEARTBEAT_LIMIT_US = 6 * SECOND_US;

/**
 * A catch-up may fail, or wait for a Prefect that limits requests. Without one for longer than this, and for longer than three
 * polling intervals, no process counts as following.
 */
const FOLLOW_LIMIT_US = 300 * SECOND_US;

/** Which process syncs the record now. Times of the result are on the server clock. */
export function readSyncView(db: RecordDb, clock: Clock): SyncView {
  const { syncer, connection, catchup } = whileUnchanged(db, "sync-view", () => ({
    syncer: findFact(db, "syncer"),
    connection: findFact(db, "connection"),
    catchup: findFact(db, "catchup"),
  }));
  const nowUs = clock.nowUs();
  const skewUs = statedSkewUs(db);
  const lastContactUs = connection ? onServerClock(earliestUs(connection.lastContactUs, nowUs), skewUs) : null;
  if (!syncer || !isSyncerAlive(db, clock)) return { ...NO_SYNC, lastContactUs };
  // A process that has just started has not reached Prefect yet, and it has not failed to.
  const isLost = connection !== null && !connection.reachable && connection.error !== null;
  const limitUs = followLimitUs(db);
  const isCatchingUp = catchup !== null && catchup.atUs >= syncer.sinceUs && isWithin(catchup.atUs, limitUs, nowUs);
  return {
    isFollowing: !isLost && isCatchingUp,
    unreachableSinceUs: isLost
      ? onServerClock(earliestUs(connection.sinceUs, connection.lastContactUs || connection.sinceUs, nowUs), skewUs)
      : null,
    lastContactUs,
  };
}

/** How long ago the last catch-up may have begun for a record that is followed. */
export function followLimitUs(db: RecordDb): number {
  return Math.max(FOLLOW_LIMIT_US, 3_000 * (findFact(db, "syncer")?.pollMs ?? 0));
}

/**
 * Whether the process that syncs has written a heartbeat lately. One from the future, or of a clock that was set since, says nothing: a
 * living process writes the next one within 2 s.
 */
export function isSyncerAlive(db: RecordDb, clock: Clock): boolean {
  const syncer = findFact(db, "syncer");
  if (!syncer || !isWithin(syncer.heartbeatUs, HEARTBEAT_LIMIT_US, clock.nowUs())) return false;
  return syncer.bootedUs === undefined || isSameBoot(syncer.bootedUs, clock.bootedUs());
}

function isWithin(atUs: LocalUs, limitUs: number, nowUs: LocalUs): boolean {
  return nowUs - atUs <= limitUs && nowUs - atUs >= -SLEWED_US;
}
