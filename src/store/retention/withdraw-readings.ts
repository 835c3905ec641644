import type { ServerUs } from "../../lib/time.ts";
import { EVENT_SOURCES } from "../../model/events/event.ts";
import { gapsIn } from "../../model/freshness.ts";
import { coveredRanges, removeAllCoverage, removeCoverageVerifiedAfter } from "../coverage.ts";
import { inTransaction, type RecordDb } from "../database.ts";
import { removeDeletedPostings } from "../events/deleted-postings.ts";
import { keyBounds } from "../events/event-counts.ts";
import { type MomentOnBothClocks, removeReadings } from "../sync-state.ts";

const EVER = { fromUs: Number.MIN_SAFE_INTEGER, toUs: Number.MAX_SAFE_INTEGER };

/**
 * Takes back what was read after `provenUs`, the last moment at which the server of this record was certainly the one that answered:
 * it may come from another server. Claims that were made later are removed, and all claims over runs and logs; with them every event
 * that no claim is left for, or that only the websocket has delivered since then, every run and object that was read later, and every deletion that was noticed later. What the right
 * server has of it is read again.
 */
export function withdrawReadings(db: RecordDb, provenUs: MomentOnBothClocks): void {
  const { localUs, serverUs } = provenUs;
  inTransaction(db, () => {
    removeCoverageVerifiedAfter(db, localUs);
    removeAllCoverage(db, ["flow_run", "task_run", "log"]);
    removeReadings(db);
    deleteStreamedEvents(db, serverUs);
    deleteUnclaimedEvents(db);
    for (const table of ["flow_run", "task_run"]) {
      db.prepare<unknown, [number, number]>(
        `DELETE FROM ${table} WHERE read_us > ? OR (read_us IS NULL AND coalesce(state_us, 0) > ?)`,
      ).run(localUs, serverUs);
      // A deletion has the later of both clocks. With the earlier one, deletions of before would be undone while the server's clock is behind.
      db.prepare<unknown, [number]>(`UPDATE ${table} SET deleted_us = NULL WHERE deleted_us > ?`).run(
        Math.max(localUs, serverUs),
      );
    }
    deleteLogsWithoutRun(db);
    db.prepare<unknown, [number]>("DELETE FROM object WHERE first_us > ?").run(localUs);
    db.prepare<unknown, [number]>("UPDATE object SET deleted_us = NULL WHERE deleted_us > ?").run(localUs);
    db.prepare<unknown, [number]>("DELETE FROM object_change WHERE at_us > ?").run(localUs);
  });
  db.invalidate();
}

/**
 * Late events occurred in ranges that were claimed before. No claim promises events that REST has not returned, so each claim that is
 * left stays true without them.
 */
function deleteStreamedEvents(db: RecordDb, receivedUs: ServerUs): void {
  removeDeletedPostings(db);
  db.prepare<unknown, [number, number]>("DELETE FROM event WHERE src = ? AND t - shift + recv > ?").run(
    EVENT_SOURCES.stream,
    receivedUs,
  );
}

/** Without those that only the websocket has delivered: the ones that are left are from before, and REST may never return them. */
function deleteUnclaimedEvents(db: RecordDb): void {
  removeDeletedPostings(db);
  const remove = db.prepare<unknown, [number, number, number, number, number]>(
    "DELETE FROM event WHERE t BETWEEN ? AND ? AND t - shift BETWEEN ? AND ? AND src <> ?",
  );
  for (const gap of gapsIn(EVER, coveredRanges(db, "event", "")))
    remove.run(...keyBounds(db, gap), EVENT_SOURCES.stream);
  removeDeletedPostings(db);
  db.prepare<unknown, []>("DELETE FROM event_hour WHERE n <= 0").run();
}

function deleteLogsWithoutRun(db: RecordDb): void {
  const rows = db
    .prepare<{ seq: number }, []>(
      "SELECT seq FROM log WHERE flow_run_id IS NOT NULL AND flow_run_id NOT IN (SELECT id FROM flow_run)",
    )
    .all();
  const remove = db.prepare<unknown, [number]>("DELETE FROM log WHERE seq = ?");
  const removeText = db.prepare<unknown, [number]>("DELETE FROM log_fts WHERE rowid = ?");
  for (const { seq } of rows) {
    remove.run(seq);
    removeText.run(seq);
  }
}
