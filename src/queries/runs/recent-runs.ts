/** The last started runs of deployments and flows, and their next ones. */
import { formatIsoUs, type ServerUs } from "../../lib/time.ts";
import type { FlowRun } from "../../model/objects.ts";
import type { OwnedRun } from "../../store/runs/runs-of-owner.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";

/** A run in one line. Times in Prefect's format. */
export interface RunLine {
  readonly id: string;
  readonly name: string;
  readonly stateName: string | null;
  readonly stateType: string | null;
  readonly start: string | null;
  readonly end: string | null;
  readonly expected: string | null;
}

/** A run of the record as a line. */
export function lineOfRow(run: OwnedRun): RunLine {
  const { id, name, stateName, stateType, startUs, endUs, expectedUs } = run;
  const time = (us: number | null) => (us === null ? null : formatIsoUs(us));
  return { id, name, stateName, stateType, start: time(startUs), end: time(endUs), expected: time(expectedUs) };
}

/** Last and next runs of one deployment from Prefect, in two requests. */
export async function readRunsOfDeployment(
  ctx: QueryContext,
  live: LiveReader,
  deploymentId: string,
  nowUs: ServerUs,
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
