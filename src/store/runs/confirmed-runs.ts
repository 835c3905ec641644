import type { ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { RunKind } from "../../model/kinds.ts";
import type { RecordDb } from "../database.ts";

/** Number of runs of this closed range (server clock) that REST has returned and that are not deleted. */
export function countConfirmedRuns(db: RecordDb, kind: RunKind, range: TimeRange): number {
  const count = db.prepare<{ n: number }, [number, number]>(
    `SELECT count(*) AS n FROM ${kind} WHERE expected_us BETWEEN ? AND ? AND deleted_us IS NULL AND read_us IS NOT NULL`,
  );
  return count.get(range.fromUs, range.toUs)?.n ?? 0;
}

/** The earliest expected start of the recorded runs of a kind (server clock). Null without any. */
export function findOldestExpectedUs(db: RecordDb, kind: RunKind): ServerUs | null {
  const oldest = db.prepare<{ us: ServerUs }, []>(
    `SELECT expected_us AS us FROM ${kind} WHERE expected_us IS NOT NULL AND deleted_us IS NULL ORDER BY expected_us LIMIT 1`,
  );
  return oldest.get()?.us ?? null;
}
