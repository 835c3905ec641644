/** Runs that failed or crashed, and the runs of the same deployment or flow that completed before and after. */
import type { ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { RecordDb } from "../database.ts";
import { FAILED_SQL } from "../state-types.ts";
import type { FlowRunRow } from "./flow-runs.ts";
import { idBytes, idText } from "./run-columns.ts";
import type { OwnerColumn } from "./runs-of-owner.ts";

const COLUMNS = [
  "id",
  "name",
  "flow_id",
  "deployment_id",
  "work_pool_name",
  "parent_task_run_id",
  "state_id",
  "state_type",
  "state_name",
  "state_us",
  "state_message",
] as const satisfies readonly (keyof FlowRunRow)[];
type FailedRow = Pick<FlowRunRow, (typeof COLUMNS)[number]>;

/** A run in a state of an error. */
export interface FailedRunRow {
  readonly id: string;
  readonly name: string;
  readonly flowId: string;
  readonly deploymentId: string | null;
  readonly workPoolName: string | null;
  readonly parentTaskRunId: string | null;
  readonly stateId: string | null;
  readonly stateType: string | null;
  readonly stateName: string | null;
  readonly atUs: ServerUs;
  readonly message: string | null;
}

/** Runs that ended so within the closed range, also those that Prefect has deleted since; newest first. */
export function findFailedRuns(db: RecordDb, { fromUs, toUs }: TimeRange, limit: number): FailedRunRow[] {
  return db
    .prepare<FailedRow, [number, number, number]>(
      `SELECT ${COLUMNS.join(", ")} FROM flow_run WHERE state_type IN (${FAILED_SQL}) AND state_us BETWEEN ? AND ?
       ORDER BY state_us DESC LIMIT ?`,
    )
    .all(fromUs, toUs, limit)
    .map((row) => ({
      id: idText(row.id),
      name: row.name,
      flowId: idText(row.flow_id) ?? "",
      deploymentId: idText(row.deployment_id),
      workPoolName: row.work_pool_name,
      parentTaskRunId: idText(row.parent_task_run_id),
      stateId: idText(row.state_id),
      stateType: row.state_type,
      stateName: row.state_name,
      atUs: row.state_us ?? 0,
      message: row.state_message,
    }));
}

/** When the first run of the owner completed that began after `afterUs`, and not after `untilUs`; null: none has. */
export function findCompletionAfter(
  db: RecordDb,
  owner: OwnerColumn,
  ownerId: string,
  afterUs: ServerUs,
  untilUs: ServerUs,
): ServerUs | null {
  const row = db
    .prepare<{ us: ServerUs | null }, [Uint8Array | null, number, number]>(
      `SELECT coalesce(end_us, state_us) AS us FROM flow_run
       WHERE ${owner} = ? AND begin_us > ? AND begin_us <= ? AND state_type = 'COMPLETED' ORDER BY begin_us LIMIT 1`,
    )
    .get(idBytes(ownerId), afterUs, untilUs);
  return row?.us ?? null;
}

/** Id of the last run of the owner that completed and began before `beforeUs`; null: none is recorded. */
export function findCompletedBefore(
  db: RecordDb,
  owner: OwnerColumn,
  ownerId: string,
  beforeUs: ServerUs,
): string | null {
  const row = db
    .prepare<{ id: Uint8Array }, [Uint8Array | null, number]>(
      `SELECT id FROM flow_run WHERE ${owner} = ? AND begin_us < ? AND state_type = 'COMPLETED'
       ORDER BY begin_us DESC LIMIT 1`,
    )
    .get(idBytes(ownerId), beforeUs);
  return idText(row?.id ?? null);
}
