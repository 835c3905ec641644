/** Failed, crashed and late runs of a window of time. */

import { asName, asReason, type Sentence, sentence } from "../../lib/shown-text.ts";
import { formatIsoUs } from "../../lib/time.ts";
import { truncateWithLength } from "../../lib/truncate.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { fullName } from "../../model/objects/full-name.ts";
import type { FlowRun } from "../../model/objects.ts";
import { FAILED_TYPES } from "../../model/state.ts";
import type { RecordDb } from "../../store/database.ts";
import { findObjectNames } from "../../store/objects/objects.ts";
import { idText } from "../../store/runs/run-columns.ts";
import { findProblemRuns, type ProblemRunRow } from "../../store/runs/runs-in-window.ts";
import { readObjectNames } from "../names/object-names.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";
import { startBetween } from "./run-counts.ts";

/** A run that failed, crashed or is late, with the members that are shown. */
export interface ProblemRun {
  readonly id: string;
  readonly name: string;
  /** `flow/deployment`, or the flow of a run without a deployment; null: not known. */
  readonly owner: string | null;
  readonly workPool: string | null;
  readonly stateName: string;
  readonly message: string | null;
  readonly expected: string | null;
}

export interface RunProblems {
  /** Failed and crashed runs, newest first. */
  readonly failed: readonly ProblemRun[];
  /** Late runs, longest due first. */
  readonly late: readonly ProblemRun[];
}

/** Rows per kind of problem. Counts beside them are exact; the shown names come from these rows. */
const MAX_RUNS = 200;

/** `lateIn`: where late runs are looked for. That a run is late is a fact about now, whatever window is asked about. */
export function findRunProblems(db: RecordDb, window: TimeRange, lateIn: TimeRange): RunProblems {
  const { failed } = findProblemRuns(db, window, MAX_RUNS);
  const { late } = findProblemRuns(db, lateIn, MAX_RUNS);
  const rows = [...failed, ...late];
  const ids = (member: "flow_id" | "deployment_id") => rows.map((row) => idText(row[member]) ?? "");
  const flows = findObjectNames(db, "flow", ids("flow_id"));
  const deployments = findObjectNames(db, "deployment", ids("deployment_id"));
  const toRun = (row: ProblemRunRow): ProblemRun => ({
    id: idText(row.id),
    name: row.name,
    owner: ownerOf(flows.get(idText(row.flow_id) ?? ""), deployments.get(idText(row.deployment_id) ?? "")),
    workPool: row.work_pool_name,
    stateName: row.state_name ?? "",
    message: row.state_message,
    expected: row.expected_us === null ? null : formatIsoUs(row.expected_us),
  });
  return { failed: failed.map(toRun), late: late.map(toRun) };
}

function ownerOf(flow: string | undefined, deployment: string | undefined): string | null {
  return deployment === undefined ? (flow ?? null) : fullName(flow, deployment);
}

/** As `findRunProblems`, from Prefect. */
export async function readRunProblems(
  ctx: QueryContext,
  live: LiveReader,
  window: TimeRange,
  lateIn: TimeRange,
): Promise<RunProblems> {
  const read = (range: TimeRange, state: { [key: string]: { any_: string[] } }, sort: string) =>
    live.api.filterFlowRuns(
      { flow_runs: { start_time: startBetween(range), state }, sort, limit: MAX_RUNS },
      live.options(),
    );
  const [failed, late] = await Promise.all([
    read(window, { type: { any_: [...FAILED_TYPES] } }, "END_TIME_DESC"),
    read(lateIn, { type: { any_: ["SCHEDULED"] }, name: { any_: ["Late"] } }, "EXPECTED_START_TIME_ASC"),
  ]);
  const rows = [...failed, ...late];
  if (rows.length > 0) ctx.saveLive({ kind: "flow_run", rows, readUs: live.startedUs });
  const [flows, deployments] = await Promise.all([
    readObjectNames(
      ctx,
      live,
      "flow",
      rows.map((run) => run.flow_id),
    ),
    readObjectNames(
      ctx,
      live,
      "deployment",
      rows.map((run) => run.deployment_id),
    ),
  ]);
  const toRun = (run: FlowRun): ProblemRun => ({
    id: run.id,
    name: run.name,
    owner: ownerOf(flows.get(run.flow_id), deployments.get(run.deployment_id ?? "")),
    workPool: run.work_pool_name ?? null,
    stateName: run.state_name ?? "",
    message: run.state?.message ?? null,
    expected: run.expected_start_time ?? null,
  });
  return { failed: failed.map(toRun), late: late.map(toRun) };
}

/** Groups of runs, largest first. */
export function groupRuns<K>(runs: readonly ProblemRun[], keyOf: (run: ProblemRun) => K): [K, ProblemRun[]][] {
  const groups = new Map<K, ProblemRun[]>();
  for (const run of runs) groups.set(keyOf(run), [...(groups.get(keyOf(run)) ?? []), run]);
  return [...groups].sort((a, b) => b[1].length - a[1].length);
}

const MESSAGE_CHARS = 160;

/** `wandering-guan Failed: Flow run encountered an exception: ValueError …`, with a message that is cut. */
export function runLine(run: ProblemRun): Sentence {
  const message = run.message ? sentence`: ${asReason(truncateWithLength(run.message, MESSAGE_CHARS))}` : "";
  return sentence`${asName(run.name)} ${asName(run.stateName)}${message}`;
}
