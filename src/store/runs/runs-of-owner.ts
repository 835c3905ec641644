/** Flow runs of one deployment or flow. */
import type { ServerUs } from "../../lib/time.ts";
import type { RecordDb } from "../database.ts";
import type { FlowRunRow } from "./flow-runs.ts";
import { idBytes, idText, tagsOf } from "./run-columns.ts";

/** A run in brief. Times in microseconds, server clock. */
export interface OwnedRun {
  readonly id: string;
  readonly name: string;
  readonly stateType: string | null;
  readonly stateName: string | null;
  readonly expectedUs: ServerUs | null;
  readonly startUs: ServerUs | null;
  readonly endUs: ServerUs | null;
}

/** The column with the id of the owner. */
export type OwnerColumn = "deployment_id" | "flow_id";

type Row = Pick<FlowRunRow, "id" | "name" | "state_name" | "state_type" | "start_us" | "end_us" | "expected_us">;

const COLUMNS = "id, name, state_name, state_type, start_us, end_us, expected_us";

/** The last runs that started, newest first. */
export function findStartedRuns(db: RecordDb, owner: OwnerColumn, ownerId: string, limit: number): OwnedRun[] {
  return db
    .prepare<Row, [Uint8Array | null, number]>(
      `SELECT ${COLUMNS} FROM flow_run WHERE ${owner} = ? AND start_us IS NOT NULL AND deleted_us IS NULL
       ORDER BY begin_us DESC LIMIT ?`,
    )
    .all(idBytes(ownerId), limit)
    .map(toOwnedRun);
}

/** Runs that are looked at for the last one that completed. */
const MAX_LOOKED_AT = 2_000;

/** End of the last run that completed among those that began before `beforeUs`; null where the newest 2,000 of them have none. */
export function findLastCompleted(
  db: RecordDb,
  owner: OwnerColumn,
  ownerId: string,
  beforeUs: ServerUs,
): ServerUs | null {
  const found = db
    .prepare<{ end_us: ServerUs | null }, [Uint8Array | null, number]>(
      `SELECT end_us FROM (SELECT state_type, end_us, begin_us FROM flow_run WHERE ${owner} = ? AND begin_us < ?
         AND deleted_us IS NULL ORDER BY begin_us DESC LIMIT ${MAX_LOOKED_AT})
       WHERE state_type = 'COMPLETED' ORDER BY begin_us DESC LIMIT 1`,
    )
    .get(idBytes(ownerId), beforeUs);
  return found?.end_us ?? null;
}

/** Scheduled runs that are expected after `nowUs`, soonest first. */
export function findNextRuns(
  db: RecordDb,
  owner: OwnerColumn,
  ownerId: string,
  nowUs: ServerUs,
  limit: number,
): OwnedRun[] {
  return db
    .prepare<Row, [Uint8Array | null, number, number]>(
      `SELECT ${COLUMNS} FROM flow_run WHERE ${owner} = ? AND begin_us > ? AND state_type = 'SCHEDULED' AND start_us IS NULL
       AND deleted_us IS NULL ORDER BY begin_us LIMIT ?`,
    )
    .all(idBytes(ownerId), nowUs, limit)
    .map(toOwnedRun);
}

/** Number of runs of a deployment; counting stops at `limit`. */
export function countRunsOfDeployment(db: RecordDb, deploymentId: string, limit: number): number {
  const count = db.prepare<{ n: number }, [Uint8Array | null, number]>(
    "SELECT count(*) AS n FROM (SELECT 1 FROM flow_run WHERE deployment_id = ? AND deleted_us IS NULL LIMIT ?)",
  );
  return count.get(idBytes(deploymentId), limit)?.n ?? 0;
}

/** Tags of the last runs of a deployment that started, and of their task runs; `runs`: how many of them are recorded, up to `limit`. */
export function findTagsOfDeploymentRuns(
  db: RecordDb,
  deploymentId: string,
  limit: number,
): { readonly tags: ReadonlySet<string>; readonly runs: number } {
  const runs = db
    .prepare<{ id: Uint8Array; tags: string }, [Uint8Array | null, number]>(
      `SELECT id, tags FROM flow_run WHERE deployment_id = ? AND start_us IS NOT NULL AND deleted_us IS NULL
       ORDER BY begin_us DESC LIMIT ?`,
    )
    .all(idBytes(deploymentId), limit);
  const ofTasks = db.prepare<{ tags: string }, [Uint8Array]>(
    "SELECT DISTINCT tags FROM task_run WHERE flow_run_id = ?",
  );
  const texts = runs.flatMap(({ id, tags }) => [tags, ...ofTasks.all(id).map((row) => row.tags)]);
  return { tags: new Set([...new Set(texts)].flatMap(tagsOf)), runs: runs.length };
}

function toOwnedRun(row: Row): OwnedRun {
  return {
    id: idText(row.id),
    name: row.name,
    stateType: row.state_type,
    stateName: row.state_name,
    expectedUs: row.expected_us,
    startUs: row.start_us,
    endUs: row.end_us,
  };
}
