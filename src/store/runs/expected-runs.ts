/** Runs that are due or running, and how long earlier ones took: what a forecast reads. */
import type { ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { RecordDb } from "../database.ts";
import type { FlowRunRow } from "./flow-runs.ts";
import { idBytes, idText } from "./run-columns.ts";

/** Times in microseconds, server clock. */
export interface ForecastRun {
  readonly id: string;
  readonly name: string;
  readonly deploymentId: string | null;
  readonly workPool: string | null;
  readonly workQueueId: string | null;
  readonly workQueue: string | null;
  /** When it is due. */
  readonly expectedUs: ServerUs;
  readonly startUs: ServerUs | null;
  /** It waits for its time, or is overdue. */
  readonly isScheduled: boolean;
}

type Row = Pick<
  FlowRunRow,
  "id" | "name" | "deployment_id" | "work_pool_name" | "work_queue_id" | "work_queue_name" | "start_us" | "state_type"
> & { readonly due_us: ServerUs };

const COLUMNS = `id, name, deployment_id, work_pool_name, work_queue_id, work_queue_name, start_us, state_type,
  coalesce(next_us, expected_us) AS due_us`;

/** Runs of any state that are expected within the closed range and have not started, soonest first. */
export function findExpectedRuns(db: RecordDb, { fromUs, toUs }: TimeRange, limit: number): ForecastRun[] {
  return db
    .prepare<Row, [number, number, number]>(
      `SELECT ${COLUMNS} FROM flow_run WHERE expected_us BETWEEN ? AND ? AND start_us IS NULL AND deleted_us IS NULL
       ORDER BY expected_us LIMIT ?`,
    )
    .all(fromUs, toUs, limit)
    .map(toForecastRun);
}

/** Runs that hold slots of pools, queues and deployments, at most 2,000. */
export function findHoldingRuns(db: RecordDb): ForecastRun[] {
  return db
    .prepare<Row, []>(
      `SELECT ${COLUMNS} FROM flow_run WHERE state_type IN ('PENDING', 'RUNNING') AND deleted_us IS NULL
         AND coalesce(next_us, expected_us) IS NOT NULL ORDER BY state_us LIMIT 2000`,
    )
    .all()
    .map(toForecastRun);
}

/** Completed runs whose durations are taken, and runs that are looked at for them. */
const [TAKEN, LOOKED_AT] = [20, 200];
const MAX_DEPLOYMENTS = 1_000;

/** Durations of the last completed runs by deployment, microseconds, newest first. */
export function findDurations(db: RecordDb, deploymentIds: readonly string[]): Map<string, number[]> {
  const find = db.prepare<{ us: number }, [Uint8Array | null]>(
    `SELECT end_us - start_us AS us FROM (SELECT state_type, start_us, end_us, begin_us FROM flow_run
       WHERE deployment_id = ? AND start_us IS NOT NULL AND deleted_us IS NULL ORDER BY begin_us DESC LIMIT ${LOOKED_AT})
     WHERE state_type = 'COMPLETED' AND end_us >= start_us ORDER BY begin_us DESC LIMIT ${TAKEN}`,
  );
  const found = new Map<string, number[]>();
  for (const id of deploymentIds.slice(0, MAX_DEPLOYMENTS)) {
    const durations = find.all(idBytes(id)).map(({ us }) => us);
    if (durations.length > 0) found.set(id, durations);
  }
  return found;
}

function toForecastRun(row: Row): ForecastRun {
  return {
    id: idText(row.id),
    name: row.name,
    deploymentId: idText(row.deployment_id),
    workPool: row.work_pool_name,
    workQueueId: idText(row.work_queue_id),
    workQueue: row.work_queue_name,
    expectedUs: row.due_us,
    startUs: row.start_us,
    isScheduled: row.state_type === "SCHEDULED",
  };
}
