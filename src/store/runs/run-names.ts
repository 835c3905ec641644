/** The different names of runs (`run_name`), whose words are indexed. */
import { inTransaction, type RecordDb } from "../database.ts";

/** Adds the names of runs that were inserted. Call it in the transaction of their rows; triggers follow renamed and deleted rows. */
export function addRunNames(db: RecordDb, names: Iterable<string>): void {
  const add = db.prepare<unknown, [string]>("INSERT INTO run_name(name) VALUES (?) ON CONFLICT DO NOTHING");
  for (const name of new Set(names)) add.run(name);
}

const USED = "SELECT name FROM flow_run UNION SELECT name FROM task_run";

/** Compares the names with those of the rows, and mends them if they differ. Returns how many were missing or left over. */
export function auditRunNames(db: RecordDb): number {
  return inTransaction(db, () => {
    const add = db.prepare(`INSERT INTO run_name(name) SELECT * FROM (${USED} EXCEPT SELECT name FROM run_name)`);
    const drop = db.prepare(
      `DELETE FROM run_name WHERE NOT EXISTS (SELECT 1 FROM flow_run f WHERE f.name = run_name.name)
         AND NOT EXISTS (SELECT 1 FROM task_run k WHERE k.name = run_name.name)`,
    );
    const missing = db.prepare<{ n: number }, []>(
      `SELECT count(*) AS n FROM (${USED} EXCEPT SELECT name FROM run_name)`,
    );
    const before = missing.get()?.n ?? 0;
    if (before > 0) add.run();
    const names = db.prepare<{ n: number }, []>("SELECT count(*) AS n FROM run_name");
    const held = names.get()?.n ?? 0;
    drop.run();
    return before + held - (names.get()?.n ?? 0);
  });
}
