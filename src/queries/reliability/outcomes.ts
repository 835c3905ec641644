/** How the runs of a window ended: from the record, or from Prefect, of which only so many are read. */
import { addUs, formatIsoUs, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { FlowRun, JsonObject } from "../../model/objects.ts";
import { readRows } from "../../prefect/paging/list-pages.ts";
import { type FilterSet, isDecidable, snapshotsNeededBy } from "../../store/filters/bodies.ts";
import { findRunOutcomes, type RunOutcomeRow } from "../../store/filters/find.ts";
import { isCaseDecidable } from "../../store/filters/letter-case.ts";
import { idText, tagsOf } from "../../store/runs/run-columns.ts";
import { type Answered, answerWindow } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";
import { hasLists, isOffline } from "../source/run-window.ts";
import type { Outcome } from "./measure.ts";

/** Runs of one window that are counted: from the record, and from Prefect in five requests. */
export const MAX_RECORDED = 20_000;
export const MAX_LIVE = 1_000;

export interface Outcomes {
  /** Newest first. */
  readonly runs: readonly Outcome[];
  /** There are older runs in the window than this moment; they were not read. Null: all were read. */
  readonly cutUs: ServerUs | null;
}

export interface OutcomesQuestion {
  readonly set: FilterSet;
  readonly window: TimeRange;
  readonly fresh?: boolean | undefined;
}

/** Throws AppError of the live reading when it fails and the record has nothing of the window. */
export function readOutcomes(ctx: QueryContext, { set, window, fresh }: OutcomesQuestion): Promise<Answered<Outcomes>> {
  const db = ctx.record();
  const isKnown =
    isDecidable(set) &&
    (db === null || isCaseDecidable(db, set)) &&
    hasLists(ctx, db, snapshotsNeededBy(set, "flow_runs"));
  return answerWindow<Outcomes>(
    ctx,
    { kind: "flow_run", what: "flow runs", window, fresh, isStale: !isKnown && !isOffline(ctx, db) },
    {
      record: (record) => cut(findRunOutcomes(record, set, window, MAX_RECORDED + 1).map(ofRow), MAX_RECORDED),
      live: async (live) => ({ value: cut(await readLiveOutcomes(ctx, live, set, window), MAX_LIVE) }),
      isEmpty: ({ runs }) => runs.length === 0,
    },
  );
}

function cut(runs: readonly Outcome[], most: number): Outcomes {
  const next = runs[most];
  if (next === undefined) return { runs, cutUs: null };
  // Runs that began in the same microsecond are counted all or not at all.
  return { runs: runs.filter((one) => one.beginUs > next.beginUs), cutUs: addUs(next.beginUs, 1) };
}

function ofRow(row: RunOutcomeRow): Outcome {
  return {
    flowId: idText(row.flow_id),
    deploymentId: idText(row.deployment_id),
    workPool: row.work_pool_name,
    tags: row.tags === "[]" ? [] : tagsOf(row.tags),
    stateType: row.state_type,
    expectedUs: row.expected_us,
    startUs: row.start_us,
    endUs: row.end_us,
    beginUs: row.begin_us ?? 0,
  };
}

/** Prefect's `start_time` filter and sort fall back to the expected start, as `begin_us` does. */
async function readLiveOutcomes(
  ctx: QueryContext,
  live: LiveReader,
  set: FilterSet,
  { fromUs, toUs }: TimeRange,
): Promise<Outcome[]> {
  const start_time = { after_: formatIsoUs(fromUs), before_: formatIsoUs(toUs) };
  const body = {
    ...set,
    flow_runs: { ...(set.flow_runs as JsonObject | undefined), start_time },
    sort: "START_TIME_DESC",
  };
  const read = (page: JsonObject) => live.api.filterFlowRuns({ ...(body as JsonObject), ...page }, live.options());
  const rows = await readRows(read, { wanted: MAX_LIVE + 1 });
  if (rows.length > 0) ctx.saveLive({ kind: "flow_run", rows, readUs: live.startedUs });
  return rows.map(ofRun);
}

function ofRun(run: FlowRun): Outcome {
  const us = (text: string | null | undefined) => (text ? (parseIsoUs(text) ?? null) : null);
  const [startUs, expectedUs] = [us(run.start_time), us(run.expected_start_time)];
  return {
    flowId: run.flow_id,
    deploymentId: run.deployment_id ?? null,
    workPool: run.work_pool_name ?? null,
    tags: run.tags ?? [],
    stateType: run.state_type ?? null,
    expectedUs,
    startUs,
    endUs: us(run.end_time),
    beginUs: startUs ?? expectedUs ?? 0,
  };
}
