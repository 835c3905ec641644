import { largest } from "../../lib/lists.ts";
import type { ServerUs } from "../../lib/time.ts";
import { FAILED_TYPES, TERMINAL_TYPES } from "../../model/state.ts";
import type { RecordDb } from "../database.ts";
import { FAILED_SQL, TERMINAL_SQL } from "../state-types.ts";
import { idText } from "./run-columns.ts";

/** The scope of the claims over the rows of the flow run `r`: its id as text. */
export const SCOPE_OF_RUN = `lower(substr(hex(r.id), 1, 8) || '-' || substr(hex(r.id), 9, 4) || '-' || substr(hex(r.id), 13, 4) || '-' ||
  substr(hex(r.id), 17, 4) || '-' || substr(hex(r.id), 21))`;

export interface EndedRunsOptions {
  /** Which rows of each run are wanted. */
  readonly kind: "task_run" | "log";
  /** Only runs that failed or crashed. */
  readonly isFailedOnly: boolean;
  /** Runs that ended within this closed range (microseconds, server clock). */
  readonly fromUs: ServerUs;
  readonly toUs: ServerUs;
  /** Rows of a run are complete when they were read at least this long after its end; microseconds. */
  readonly settleUs: number;
  readonly limit: number;
}

/** End of the flow run that ended last (microseconds, server clock); minus infinity when none has ended. */
export function newestRunEnd(db: RecordDb, isFailedOnly: boolean): number {
  const types = isFailedOnly ? FAILED_TYPES : TERMINAL_TYPES;
  const newest = types.map((type) => `(SELECT max(state_us) FROM flow_run WHERE state_type = '${type}')`);
  const ends = db.prepare<unknown, []>(`SELECT ${newest.join(", ")}`).values()[0] ?? [];
  return largest([
    Number.NEGATIVE_INFINITY,
    ...ends.map((end) => (typeof end === "number" ? end : Number.NEGATIVE_INFINITY)),
  ]);
}

/** Ended flow runs whose rows of `kind` have not been read completely, newest first. `endUs`: microseconds, server clock. */
export function findEndedRunsWithout(db: RecordDb, options: EndedRunsOptions): { id: string; endUs: ServerUs }[] {
  const states = options.isFailedOnly ? FAILED_SQL : TERMINAL_SQL;
  return db
    .prepare<{ id: Uint8Array; endUs: ServerUs }, [number, number, string, number, number]>(
      `SELECT r.id, r.state_us AS endUs FROM flow_run r
       WHERE r.state_type IN (${states}) AND r.state_us BETWEEN ? AND ? AND r.deleted_us IS NULL
         AND NOT EXISTS (SELECT 1 FROM coverage c WHERE c.kind = ? AND c.scope = ${SCOPE_OF_RUN} AND c.to_us >= r.state_us + ?)
       ORDER BY r.state_us DESC LIMIT ?`,
    )
    .all(options.fromUs, options.toUs, options.kind, options.settleUs, options.limit)
    .map((row) => ({ id: idText(row.id), endUs: row.endUs }));
}
