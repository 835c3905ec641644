/** What a forecast is made of: deployments, pools, queues, scheduled and running runs, and how long runs took. */
import type { ServerUs } from "../../lib/time.ts";
import { addUs, DAY_US, formatIsoUs, parseIsoUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { Deployment, FlowRun, JsonObject, WorkPool, WorkQueue } from "../../model/objects.ts";
import { readRows, readWholeList } from "../../prefect/paging/list-pages.ts";
import { ROWS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";
import type { RecordDb } from "../../store/database.ts";
import { findFullNames, findObjects } from "../../store/objects/objects.ts";
import { type ForecastRun, findDurations, findExpectedRuns, findHoldingRuns } from "../../store/runs/expected-runs.ts";
import { findFact } from "../../store/sync-state.ts";
import { readDeploymentNames } from "../names/object-names.ts";
import { type Answered, answerSnapshot, isRecordCurrent } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";
import { saveObjects } from "../source/save-objects.ts";
import type { Resource } from "./simulate.ts";
import { findTakenLimits } from "./taken-limits.ts";
import { findSilentRuns } from "./unknown-ends.ts";

export interface ForecastFacts {
  readonly deployments: readonly Deployment[];
  /** `flow/deployment` by id. */
  readonly names: ReadonlyMap<string, string>;
  readonly pools: readonly WorkPool[];
  readonly queues: readonly WorkQueue[];
  /** Not started: those due in the window or overdue, and those of the window that have ended or begun (`isScheduled` false). */
  readonly expected: readonly ForecastRun[];
  /** Runs that hold slots. */
  readonly running: readonly ForecastRun[];
  /** Last heartbeats of runs that should have sent more of them, by id of the run. Empty where events are not recorded up to now. */
  readonly silent: ReadonlyMap<string, ServerUs>;
  /** Durations of the last completed runs by deployment, microseconds, newest first. */
  readonly durations: ReadonlyMap<string, readonly number[]>;
  /** Global and tag limits that recorded runs took, by id of the flow; null: not known. */
  readonly takenLimits: ReadonlyMap<string, readonly Resource[]> | null;
}

/** Runs that are overdue by more were forgotten, not waiting. */
const OVERDUE_US = 7 * DAY_US;
export const MAX_FORECAST_RUNS = 3_000;
const MAX_LIVE_RUNS = 1_000;

/** `window`: from now to the end of the forecast. Throws AppError when Prefect fails and nothing is recorded. */
export function readForecastFacts(ctx: QueryContext, window: TimeRange): Promise<Answered<ForecastFacts>> {
  const db = ctx.record();
  const isStale = db !== null && !isRecordCurrent(ctx, db, "flow_run");
  const kinds = ["deployment", "flow", "work_pool", "work_queue"] as const;
  const wide = { fromUs: addUs(window.fromUs, -OVERDUE_US), toUs: window.toUs };
  return answerSnapshot<ForecastFacts>(
    ctx,
    { kinds, what: "deployments and scheduled runs", isStale },
    {
      record: (record) => fromRecord(ctx, record, wide, window.fromUs),
      live: async (live) => ({ value: await fromLive(ctx, live, wide) }),
      isEmpty: ({ deployments }) => deployments.length === 0,
    },
  );
}

function fromRecord(ctx: QueryContext, db: RecordDb, window: TimeRange, nowUs: ServerUs): ForecastFacts {
  const running = findHoldingRuns(db);
  const deployments = findObjects(db, "deployment").map(({ doc }) => doc);
  const ids = deployments.map(({ id }) => id);
  return {
    deployments,
    names: findFullNames(db, "deployment", ids),
    pools: findObjects(db, "work_pool").map(({ doc }) => doc),
    queues: findObjects(db, "work_queue").map(({ doc }) => doc),
    expected: findExpectedRuns(db, window, MAX_FORECAST_RUNS),
    running,
    silent: isRecordCurrent(ctx, db, "event") ? findSilentRuns(db, running, nowUs) : new Map(),
    durations: findDurations(db, ids),
    takenLimits: findFact(db, "read:concurrency_limit") === null ? null : findTakenLimits(db, nowUs),
  };
}

/** The durations are those of the 200 runs that completed last, so rare deployments have none. */
async function fromLive(ctx: QueryContext, live: LiveReader, window: TimeRange): Promise<ForecastFacts> {
  const list = <K extends "deployment" | "work_pool" | "work_queue">(kind: K) =>
    readWholeList((page) => live.api.filterObjects(kind, page, live.options()));
  const runs = (flow_runs: JsonObject, sort: string, wanted: number) =>
    readRows((page) => live.api.filterFlowRuns({ flow_runs, sort, ...page }, live.options()), { wanted });
  const expected_start_time = { after_: formatIsoUs(window.fromUs), before_: formatIsoUs(window.toUs) };
  const [deployments, pools, queues, expected, running, completed] = await Promise.all([
    list("deployment"),
    list("work_pool"),
    list("work_queue"),
    runs({ expected_start_time, start_time: { is_null_: true } }, "EXPECTED_START_TIME_ASC", MAX_LIVE_RUNS),
    runs({ state: { type: { any_: ["PENDING", "RUNNING"] } } }, "START_TIME_ASC", ROWS_PER_PAGE),
    runs(
      { state: { type: { any_: ["COMPLETED"] } }, deployment_id: { is_null_: false } },
      "END_TIME_DESC",
      ROWS_PER_PAGE,
    ),
  ]);
  saveObjects(ctx, "deployment", deployments.rows, live.startedUs, deployments.isWhole);
  saveObjects(ctx, "work_pool", pools.rows, live.startedUs, pools.isWhole);
  saveObjects(ctx, "work_queue", queues.rows, live.startedUs, queues.isWhole);
  const rows = [...expected, ...running, ...completed];
  if (rows.length > 0) ctx.saveLive({ kind: "flow_run", rows, readUs: live.startedUs });
  const durations = new Map<string, number[]>();
  for (const run of completed) {
    const [startUs, endUs] = [parseIsoUs(run.start_time ?? ""), parseIsoUs(run.end_time ?? "")];
    if (!run.deployment_id || startUs === undefined || endUs === undefined) continue;
    durations.set(run.deployment_id, [...(durations.get(run.deployment_id) ?? []), endUs - startUs]);
  }
  return {
    deployments: deployments.rows,
    names: await readDeploymentNames(
      ctx,
      live,
      deployments.rows.map(({ id }) => id),
    ),
    pools: pools.rows,
    queues: queues.rows,
    expected: expected.flatMap(ofRun),
    running: running.flatMap(ofRun),
    silent: new Map(),
    durations,
    takenLimits: null,
  };
}

function ofRun(run: FlowRun): ForecastRun[] {
  const us = (text: string | null | undefined): ServerUs | null => (text ? (parseIsoUs(text) ?? null) : null);
  const startUs = us(run.start_time);
  const expectedUs = us(run.next_scheduled_start_time) ?? us(run.expected_start_time);
  if (expectedUs === null) return [];
  return [
    {
      id: run.id,
      name: run.name,
      deploymentId: run.deployment_id ?? null,
      workPool: run.work_pool_name ?? null,
      workQueueId: run.work_queue_id ?? null,
      workQueue: run.work_queue_name ?? null,
      expectedUs,
      startUs,
      isScheduled: run.state_type === "SCHEDULED",
    },
  ];
}
