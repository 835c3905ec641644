/** The last runs of deployments and flows that started, and their next ones. */
import { formatIsoUs } from "../../lib/time.ts";
import type { FlowRun } from "../../model/objects.ts";
import type { RecordDb } from "../../store/database.ts";
import { idBytes, idText } from "../../store/runs/run-columns.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";

/** A run in one line. Times as Prefect writes them. */
export interface RunLine {
  readonly id: string;
  readonly name: string;
  readonly stateName: string | null;
  readonly stateType: string | null;
  readonly start: string | null;
  readonly end: string | null;
  readonly expected: string | null;
}

type Owner = "deployment_id" | "flow_id";

interface Row {
  readonly id: Uint8Array;
  readonly name: string;
  readonly state_name: string | null;
  readonly state_type: string | null;
  readonly start_us: number | null;
  readonly end_us: number | null;
  readonly expected_us: number | null;
}

const COLUMNS = "id, name, state_name, state_type, start_us, end_us, expected_us";

/** The last runs that started, newest first. */
export function findStartedRuns(db: RecordDb, owner: Owner, ownerId: string, limit: number): RunLine[] {
  return db
    .prepare<Row, [Uint8Array | null, number]>(
      `SELECT ${COLUMNS} FROM flow_run WHERE ${owner} = ? AND start_us IS NOT NULL AND deleted_us IS NULL
       ORDER BY begin_us DESC LIMIT ?`,
    )
    .all(idBytes(ownerId), limit)
    .map(toLine);
}

/** The next runs that are planned for later than `nowUs`, soonest first. */
export function findNextRuns(db: RecordDb, owner: Owner, ownerId: string, nowUs: number, limit: number): RunLine[] {
  return db
    .prepare<Row, [Uint8Array | null, number, number]>(
      `SELECT ${COLUMNS} FROM flow_run WHERE ${owner} = ? AND begin_us > ? AND state_type = 'SCHEDULED' AND start_us IS NULL
       AND deleted_us IS NULL ORDER BY begin_us LIMIT ?`,
    )
    .all(idBytes(ownerId), nowUs, limit)
    .map(toLine);
}

function toLine(row: Row): RunLine {
  const time = (us: number | null) => (us === null ? null : formatIsoUs(us));
  return {
    id: idText(row.id) ?? "",
    name: row.name,
    stateName: row.state_name,
    stateType: row.state_type,
    start: time(row.start_us),
    end: time(row.end_us),
    expected: time(row.expected_us),
  };
}

/** Both of one deployment from Prefect, two requests. */
export async function readRunsOfDeployment(
  ctx: QueryContext,
  live: LiveReader,
  deploymentId: string,
  nowUs: number,
  limit: number,
): Promise<{ started: RunLine[]; next: RunLine[] }> {
  const ofDeployment = { deployment_id: { any_: [deploymentId] } };
  const [started, next] = await Promise.all([
    live.api.filterFlowRuns(
      { flow_runs: { ...ofDeployment, start_time: { is_null_: false } }, sort: "START_TIME_DESC", limit },
      live.options(),
    ),
    live.api.filterFlowRuns(
      {
        flow_runs: {
          ...ofDeployment,
          state: { type: { any_: ["SCHEDULED"] } },
          start_time: { after_: formatIsoUs(nowUs), is_null_: true },
        },
        sort: "NEXT_SCHEDULED_START_TIME_ASC",
        limit: 1,
      },
      live.options(),
    ),
  ]);
  const rows = [...started, ...next];
  if (rows.length > 0) ctx.saveLive({ kind: "flow_run", rows, readUs: live.startedUs });
  return { started: started.map(lineOf), next: next.map(lineOf) };
}

function lineOf(run: FlowRun): RunLine {
  return {
    id: run.id,
    name: run.name,
    stateName: run.state_name ?? null,
    stateType: run.state_type ?? null,
    start: run.start_time ?? null,
    end: run.end_time ?? null,
    expected: run.expected_start_time ?? null,
  };
}
