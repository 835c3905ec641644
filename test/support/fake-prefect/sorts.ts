/** Prefect's sort names over plain rows; nulls first when ascending and last when descending, as on SQLite. */
const COLUMNS: Record<string, (row: Record<string, unknown>) => unknown> = {
  DURATION: (row) => row.total_run_time,
  ID: (row) => row.id,
  NAME: (row) => row.name,
  KEY: (row) => row.key,
  CREATED: (row) => row.created,
  UPDATED: (row) => row.updated,
  START_TIME: (row) => row.start_time ?? row.expected_start_time,
  EXPECTED_START_TIME: (row) => row.expected_start_time,
  NEXT_SCHEDULED_START_TIME: (row) => row.next_scheduled_start_time,
  END_TIME: (row) => row.end_time,
  TIMESTAMP: (row) => row.timestamp,
  HEARTBEAT: (row) => row.last_heartbeat_time,
  PRIORITY: (row) => row.priority,
};

export const FLOW_RUN_SORTS = [
  "ID_DESC",
  "START_TIME_ASC",
  "START_TIME_DESC",
  "EXPECTED_START_TIME_ASC",
  "EXPECTED_START_TIME_DESC",
  "NAME_ASC",
  "NAME_DESC",
  "NEXT_SCHEDULED_START_TIME_ASC",
  "END_TIME_DESC",
] as const;
export const TASK_RUN_SORTS = FLOW_RUN_SORTS.filter((sort) => !sort.startsWith("START_TIME"));
/** From Prefect 3.9.1 on. */
export const TASK_RUN_DURATION_SORTS = ["DURATION_ASC", "DURATION_DESC"] as const;
export const NAME_SORTS = ["NAME_ASC", "NAME_DESC", "CREATED_DESC", "UPDATED_DESC"] as const;
export const ARTIFACT_SORTS = ["ID_DESC", "CREATED_DESC", "UPDATED_DESC", "KEY_DESC", "KEY_ASC"] as const;
export const LOG_SORTS = ["TIMESTAMP_ASC", "TIMESTAMP_DESC"] as const;

export function sortRows<Row extends object>(rows: readonly Row[], sort: string): Row[] {
  const descending = sort.endsWith("_DESC");
  const read = COLUMNS[sort.replace(/_(ASC|DESC)$/, "")];
  if (!read) return [...rows];
  const key = (row: Row) => {
    const value = read(row as Record<string, unknown>);
    return typeof value === "string" ? value.replace(/Z$/, "") : value;
  };
  // Only these have an order of ties: the latest expected start first, then the highest id.
  const tied = sort.startsWith("DURATION_") ? sortRows(sortRows(rows, "ID_DESC"), "EXPECTED_START_TIME_DESC") : rows;
  return [...tied].sort((a, b) => compare(key(a), key(b)) * (descending ? -1 : 1));
}

/** The rows in a random order, as a database may return those that a sort does not tell apart. */
export function shuffle<Row>(rows: readonly Row[], random: () => number): Row[] {
  const keyed = rows.map((row) => ({ row, key: random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ row }) => row);
}

function compare(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (a === null || a === undefined) return -1;
  if (b === null || b === undefined) return 1;
  return (a as string) < (b as string) ? -1 : 1;
}
