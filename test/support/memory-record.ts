import { openRecord, type RecordDb } from "../../src/store/database.ts";

/** An empty record in memory; `using` closes it. */
export function memoryRecord(): RecordDb & Disposable {
  const db = openRecord(":memory:", "write");
  return { ...db, [Symbol.dispose]: () => db.close() };
}
