import { gapsIn } from "../../src/model/freshness.ts";
import { coveredRanges } from "../../src/store/coverage.ts";
import type { RecordDb } from "../../src/store/database.ts";
import { findEventIdsBetween } from "../../src/store/events/events.ts";
import { auditRunHours } from "../../src/store/runs/run-hours.ts";
import { auditRunNames } from "../../src/store/runs/run-names.ts";
import { nthEvent, nthUs } from "./record-process.ts";

/** Problems of a record that `record-process.ts ingest` has filled; empty when there are none. */
export function findFaults(db: RecordDb): string[] {
  const faults: string[] = [];
  const one = <T>(sql: string) => db.sqlite.query<T, []>(sql).get();
  const integrity = one<{ integrity_check: string }>("PRAGMA integrity_check")?.integrity_check;
  if (integrity !== "ok") faults.push(`integrity: ${integrity}`);
  for (const fts of ["block_fts", "log_fts", "run_name_fts"]) {
    try {
      db.sqlite.run(`INSERT INTO ${fts}(${fts}) VALUES ('integrity-check')`);
    } catch (error) {
      faults.push(`${fts}: ${error}`);
    }
  }
  const dangling = one<{ n: number }>(
    "SELECT count(*) AS n FROM event e LEFT JOIN block b ON b.id = e.blk WHERE b.id IS NULL OR e.ofs >= b.n",
  );
  if (dangling?.n !== 0) faults.push(`${dangling?.n} events without JSON`);
  const hours = one<{ n: number }>("SELECT sum(n) AS n FROM event_hour")?.n ?? 0;
  const rows = one<{ n: number }>("SELECT count(*) AS n FROM event")?.n ?? 0;
  if (hours !== rows) faults.push(`${hours} counted by hour, ${rows} held`);
  const names = auditRunNames(db);
  if (names !== 0) faults.push(`${names} names of runs are wrong`);
  const runHours = auditRunHours(db);
  if (runHours !== 0) faults.push(`${runHours} counts of runs per hour are wrong`);
  const unnamed = one<{ n: number }>(
    "SELECT count(*) AS n FROM event e WHERE NOT EXISTS (SELECT 1 FROM related r WHERE r.t = e.t AND r.name_id = e.name_id AND r.res_id IN (SELECT id FROM resource WHERE resource_id LIKE 'shop.shelf.%')) AND e.t % 50 = 0",
  );
  if (rows < 3000 && unnamed?.n !== 0) faults.push(`${unnamed?.n} events without postings`);
  for (const { fromUs, toUs } of coveredRanges(db, "event", "")) {
    const held = new Set(findEventIdsBetween(db, { fromUs, toUs }));
    for (let n = 0; nthUs(n) <= toUs; n += 1) {
      if (nthUs(n) >= fromUs && !held.has(nthEvent(n).id)) faults.push(`event ${n} is claimed and missing`);
    }
  }
  return faults;
}

/** Number of events that the claims cover from the beginning. */
export function claimedCount(db: RecordDb): number {
  const ranges = coveredRanges(db, "event", "");
  const to = ranges.at(-1)?.toUs ?? 0;
  const isWhole = gapsIn({ fromUs: nthUs(0), toUs: to }, ranges).length === 0;
  return isWhole ? findEventIdsBetween(db, { fromUs: nthUs(0), toUs: to }).length : 0;
}
