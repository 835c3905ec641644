/** Subflow runs of a flow run, and names of runs. */
import { append } from "../../lib/lists.ts";
import type { RecordDb } from "../database.ts";
import { idBytes, idText } from "./run-columns.ts";

type IdRow = { readonly id: Uint8Array };

/** Ids of the subflow runs of a run, level by level, at most `depth` levels down. */
export function findFlowRunIdsBelow(db: RecordDb, flowRunId: string, depth: number): string[] {
  const children = db.prepare<IdRow, [Uint8Array | null]>(
    "SELECT id FROM flow_run WHERE parent_task_run_id IN (SELECT id FROM task_run WHERE flow_run_id = ?)",
  );
  const found: string[] = [];
  let level = [flowRunId];
  for (let at = 0; at < depth && level.length > 0; at++) {
    level = level
      .flatMap((id) => children.all(idBytes(id)).map((row) => idText(row.id)))
      .filter((id) => !found.includes(id));
    append(found, level);
  }
  return found;
}

/** Whether all subflow runs are recorded that the recorded task runs of a flow run represent. */
export function areChildrenRecorded(db: RecordDb, flowRunId: string): boolean {
  const missing = db.prepare<unknown, [Uint8Array | null]>(
    `SELECT 1 FROM task_run t WHERE t.flow_run_id = ? AND t.child_flow_run_id IS NOT NULL AND t.deleted_us IS NULL
       AND NOT EXISTS (SELECT 1 FROM flow_run r WHERE r.id = t.child_flow_run_id) LIMIT 1`,
  );
  return missing.get(idBytes(flowRunId)) === null;
}

/** Names of runs by id; runs that are not recorded are absent. */
export function findRunNames(
  db: RecordDb,
  table: "flow_run" | "task_run",
  ids: readonly string[],
): Map<string, string> {
  const read = db.prepare<{ name: string }, [Uint8Array | null]>(`SELECT name FROM ${table} WHERE id = ?`);
  const names = new Map<string, string>();
  for (const id of ids) {
    const name = read.get(idBytes(id))?.name;
    if (name) names.set(id, name);
  }
  return names;
}
