/** Which process syncs the record, and whether it follows Prefect. */
import { earliestUs, type LocalUs, onServerClock, SECOND_US } from "../../lib/time.ts";
import { type RecordDb, whileUnchanged } from "../../store/database.ts";
import { findFact } from "../../store/sync-state.ts";
import { NO_SYNC, type SyncView } from "./choose-source.ts";
import { statedSkewUs } from "./server-time.ts";

/** A process that syncs writes a heartbeat every 2 s. After this time without one it counts as ended. */
export const HEARTBEAT_LIMIT_US = 6 * SECOND_US;

/**
 * A catch-up may fail, or wait for a Prefect that limits requests. Without one for longer than this, and for longer than three
 * polling intervals, no process counts as following.
 */
const FOLLOW_LIMIT_US = 300 * SECOND_US;

/** Which process syncs the record at `nowUs` (local clock). Times of the result are on the server clock. */
export function readSyncView(db: RecordDb, nowUs: LocalUs): SyncView {
  const { syncer, connection, catchup } = whileUnchanged(db, "sync-view", () => ({
    syncer: findFact(db, "syncer"),
    connection: findFact(db, "connection"),
    catchup: findFact(db, "catchup"),
  }));
  const skewUs = statedSkewUs(db);
  const lastContactUs = connection ? onServerClock(connection.lastContactUs, skewUs) : null;
  if (!syncer || nowUs - syncer.heartbeatUs > HEARTBEAT_LIMIT_US) return { ...NO_SYNC, lastContactUs };
  const isLost = connection !== null && !connection.reachable;
  const limitUs = Math.max(FOLLOW_LIMIT_US, 3_000 * (syncer.pollMs ?? 0));
  const isCatchingUp = catchup !== null && catchup.atUs >= syncer.sinceUs && nowUs - catchup.atUs <= limitUs;
  return {
    isFollowing: !isLost && isCatchingUp,
    unreachableSinceUs: isLost
      ? onServerClock(earliestUs(connection.sinceUs, connection.lastContactUs || connection.sinceUs), skewUs)
      : null,
    lastContactUs,
  };
}
