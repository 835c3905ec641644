/** Runs that are in progress and may hold slots of concurrency limits. */
import type { RecordDb } from "../database.ts";
import { ACTIVE_SQL } from "../state-types.ts";
import type { FlowRunRow } from "./flow-runs.ts";
import { idText } from "./run-columns.ts";

export interface ActiveRun {
  readonly id: string;
  readonly name: string;
  /** One of `ACTIVE_TYPES`. */
  readonly stateType: string;
  readonly workPoolName: string | null;
  readonly workQueueId: string | null;
  readonly workQueueName: string | null;
  readonly deploymentId: string | null;
}

type Row = Pick<
  FlowRunRow,
  "id" | "name" | "work_pool_name" | "work_queue_id" | "work_queue_name" | "deployment_id"
> & { readonly state_type: string };

/** Flow runs in a state of `ACTIVE_TYPES`, longest in their state first. */
export function findActiveRuns(db: RecordDb): ActiveRun[] {
  return db
    .prepare<Row, []>(
      `SELECT id, name, state_type, work_pool_name, work_queue_id, work_queue_name, deployment_id FROM flow_run
       WHERE state_type IN (${ACTIVE_SQL}) AND deleted_us IS NULL ORDER BY state_us`,
    )
    .all()
    .map((row) => ({
      id: idText(row.id),
      name: row.name,
      stateType: row.state_type,
      workPoolName: row.work_pool_name,
      workQueueId: idText(row.work_queue_id),
      workQueueName: row.work_queue_name,
      deploymentId: idText(row.deployment_id),
    }));
}

/** Task runs RUNNING, once for each of their tags, longest in their state first. */
export function findRunningTaskRunTags(db: RecordDb): { id: string; name: string; tag: string }[] {
  return db
    .prepare<{ id: Uint8Array; name: string; tag: string }, []>(
      `SELECT t.id, t.name, tag.value AS tag FROM task_run t, json_each(t.tags) tag
       WHERE t.state_type = 'RUNNING' AND t.deleted_us IS NULL ORDER BY t.state_us`,
    )
    .all()
    .map(({ id, name, tag }) => ({ id: idText(id), name, tag }));
}
