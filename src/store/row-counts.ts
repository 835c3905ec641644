import type { RecordDb } from "./database.ts";

const TABLES = ["flow_run", "task_run", "log", "object", "object_change"] as const;

/** Number of rows by table, for the tables that hold no events. */
export function countRows(db: RecordDb): Record<(typeof TABLES)[number], number> {
  const count = (table: (typeof TABLES)[number]) =>
    db.prepare<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? 0;
  return {
    flow_run: count("flow_run"),
    task_run: count("task_run"),
    log: count("log"),
    object: count("object"),
    object_change: count("object_change"),
  };
}
