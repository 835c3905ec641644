/** Another server answers at the URL: its record is put in use. The one of the former server stays as it is. */
import { toAppError } from "../errors.ts";
import type { RecordDb } from "../store/database.ts";
import { withdrawReadings } from "../store/retention/withdraw-readings.ts";
import { putFact } from "../store/sync-state.ts";
import { judgeDatabase } from "./context/database-check.ts";
import type { EngineContext } from "./context/engine-context.ts";
import { findProvenMoment } from "./context/recognition.ts";
import type { OtherRecord, ServerRecords } from "./server-records.ts";

/**
 * Finds the record of the server that answers, or begins a new one. `ctx` is that of the former server's record; it must not be used
 * for writing any more. Throws AppError when the server cannot be asked or no file can be created: then nothing has changed.
 */
export async function changeRecord(ctx: EngineContext, records: ServerRecords, signal: AbortSignal): Promise<void> {
  for (const record of records.others()) {
    if (!(await isOfThisServer(ctx, record, signal))) continue;
    const db = record.write();
    try {
      withdrawUnproven(db);
      putFact(db, "otherServer", null, ctx.clock.nowUs());
    } finally {
      db.close();
    }
    records.use(record);
    ctx.logger.warn("another server answers at this URL; its earlier record is in use again", { file: record.name });
    return;
  }
  records.use(null);
  ctx.logger.warn("another server answers at this URL; a new record was begun, and the former one is kept", {
    kept: ctx.db.file,
  });
}

/**
 * Takes back what may have been read from another server: everything since the server was recognised last. Called before a record is
 * taken up again, and harmless when repeated.
 */
export function withdrawUnproven(db: RecordDb): void {
  const provenUs = findProvenMoment(db);
  if (provenUs !== null) withdrawReadings(db, provenUs);
}

async function isOfThisServer(ctx: EngineContext, record: OtherRecord, signal: AbortSignal): Promise<boolean> {
  let db: RecordDb;
  try {
    db = record.read();
  } catch (error) {
    ctx.logger.warn("a record of another server cannot be read", {
      file: record.name,
      error: toAppError(error).message,
    });
    return false;
  }
  try {
    const there = { ...ctx, db };
    const { state } = await judgeDatabase(there, [], "catch-up", signal);
    return state === "same" || state === "restored";
  } finally {
    db.close();
  }
}
