/**
 * Times of the record that lie in the future because a clock was set back after they were written. A claim over the future would be
 * false, and readings from the future would count as newer than all that follow. Call these inside a transaction.
 */
import { addUs, DAY_US, earliestUs, type LocalUs, latestUs, onServerClock, type ServerUs } from "../lib/time.ts";
import { SNAPSHOT_KINDS } from "../model/kinds.ts";
import type { RecordDb } from "./database.ts";
import { findFact, findStateJson, type MomentOnBothClocks, PROVEN_KEY, putFact, putStateJson } from "./sync-state.ts";

/** Cuts all claims at `untilUs`: what occurs later is not proven. Returns whether any claim went further. */
export function cutClaims(db: RecordDb, untilUs: ServerUs): boolean {
  const ends =
    "UPDATE coverage SET to_us = ?1, server_count = NULL, record_count = NULL WHERE to_us > ?1 AND from_us <= ?1";
  const whole = "DELETE FROM coverage WHERE from_us > ?";
  return [ends, whole].map((sql) => db.prepare<unknown, [number]>(sql).run(untilUs).changes > 0).includes(true);
}

/**
 * The moment at which the server was recognised last: what was read later is withdrawn when another server answers. In the future it
 * would spare what follows, so it may become earlier, never later.
 */
function moveProvenMoment(
  db: RecordDb,
  nowUs: LocalUs,
  move: (moment: MomentOnBothClocks) => MomentOnBothClocks,
): void {
  const moment = findStateJson(db, PROVEN_KEY) as MomentOnBothClocks | null;
  if (moment !== null) putStateJson(db, PROVEN_KEY, move(moment), nowUs);
}

/** The server clock was set back to `untilUs`. `nowUs`: local clock. */
export function cutProvenMoment(db: RecordDb, untilUs: ServerUs, nowUs: LocalUs): void {
  moveProvenMoment(db, nowUs, (moment) => ({ ...moment, serverUs: earliestUs(moment.serverUs, Math.floor(untilUs)) }));
}

export interface LocalTime {
  readonly nowUs: LocalUs;
  /** Server clock minus local clock; null where it is unknown. */
  readonly skewUs: number | null;
  /** By how much the local clock was set; null where that is unknown, as for the times that another process wrote. */
  readonly byUs: number | null;
}

/**
 * Gives readings a time that is not later than their true one, so that they count as old and are read again. With `byUs` all get the
 * time that the present clock would have shown; without it those from the future get an earlier one. Rows of runs are many, and only
 * the order of their readings matters, so they are changed only where they lie in the future.
 */
export function redateReadings(db: RecordDb, { nowUs, skewUs, byUs }: LocalTime): void {
  const serverUs = latestUs(onServerClock(nowUs, 0), onServerClock(nowUs, skewUs ?? 0));
  const run = (sql: string, ...params: number[]) => db.prepare<unknown, number[]>(sql).run(...params);
  const dayAgoUs = addUs(nowUs, -DAY_US);
  if (byUs === null && skewUs === null)
    run("UPDATE coverage SET verified_us = ?2 WHERE verified_us > ?1", nowUs, dayAgoUs);
  // A range was not verified before its end.
  else if (byUs === null)
    run("UPDATE coverage SET verified_us = min(?1, to_us - ?2) WHERE verified_us > ?1", nowUs, Math.round(skewUs ?? 0));
  else run("UPDATE coverage SET verified_us = min(?1, verified_us + ?2)", nowUs, byUs);
  for (const table of ["flow_run", "task_run", "object"])
    run(`UPDATE ${table} SET read_us = ?1 WHERE read_us > ?1`, nowUs);
  for (const table of ["flow_run", "task_run"])
    run(`UPDATE ${table} SET deleted_us = ?1 WHERE deleted_us > ?1`, serverUs);
  run(
    "UPDATE object SET first_us = min(first_us, ?1), deleted_us = min(deleted_us, ?1) WHERE first_us > ?1 OR deleted_us > ?1",
    nowUs,
  );
  run("UPDATE object_change SET at_us = min(at_us, ?1), since_us = min(since_us, ?1) WHERE at_us > ?1", nowUs);
  const redated = (us: LocalUs): LocalUs => {
    if (byUs !== null) return earliestUs(nowUs, addUs(us, byUs));
    return us > nowUs ? dayAgoUs : us;
  };
  moveProvenMoment(db, nowUs, (moment) => ({ ...moment, localUs: redated(moment.localUs) }));
  const unfinished = findFact(db, "read:unfinished");
  if (unfinished) putFact(db, "read:unfinished", { readUs: redated(unfinished.readUs) }, nowUs);
  for (const kind of SNAPSHOT_KINDS) {
    const [whole, newest] = [findFact(db, `read:${kind}`), findFact(db, `newest:${kind}`)];
    if (whole) putFact(db, `read:${kind}`, { ...whole, readUs: redated(whole.readUs) }, nowUs);
    if (newest) putFact(db, `newest:${kind}`, { ...newest, readUs: redated(newest.readUs) }, nowUs);
  }
}
