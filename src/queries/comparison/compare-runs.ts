/** A run against another one of the same deployment or flow: what differs in it, and what changed in the workspace between them. */
import { AppError, toAppError } from "../../errors.ts";
import { asName, counted, own, type Sentence, sentence, withoutPeriod } from "../../lib/shown-text.ts";
import {
  addUs,
  earliestUs,
  formatIsoSeconds,
  formatIsoUs,
  latestUs,
  onServerClock,
  parseIsoUs,
  type ServerUs,
} from "../../lib/time.ts";
import { type Freshness, withNotes } from "../../model/freshness.ts";
import type { FlowRun } from "../../model/objects.ts";
import type { FilterSet } from "../../store/filters/bodies.ts";
import { findFlowRuns } from "../../store/filters/find.ts";
import { findObject } from "../../store/objects/objects.ts";
import { type Change, whatChanged } from "../history/what-changed.ts";
import { deletionNote, readDeletedRun } from "../runs/deleted-run.ts";
import { type FlowRunItem, listFlowRuns } from "../runs/flow-runs.ts";
import { getRunLogs } from "../runs/logs.ts";
import { listTaskRuns } from "../runs/task-runs.ts";
import { joinFreshness } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import { RUNS_AS_NOW } from "../source/past-window.ts";
import { isOffline } from "../source/run-window.ts";
import { serverNowUs, statedSkewUs } from "../source/server-time.ts";
import { type Divergence, findDivergence } from "./diverging-lines.ts";
import { compareTasks, type TaskDifferences } from "./task-groups.ts";

export type FieldDiff = Readonly<Record<string, { readonly from?: unknown; readonly to?: unknown }>>;

/** A part that could not be compared says why. */
export type ComparedPart<T> =
  | { readonly value: T; readonly unknown: null }
  | { readonly value: null; readonly unknown: Sentence };

/** Oldest first. `own`: of the run's deployment, flow, work pool and queue. */
export interface FoundChanges {
  readonly own: readonly Change[];
  readonly others: readonly Change[];
  readonly hasMore: boolean;
}

export interface RunComparison {
  readonly run: FlowRunItem;
  readonly other: FlowRunItem;
  /** Why it is compared with that run. */
  readonly reason: Sentence;
  readonly parameters: FieldDiff;
  readonly versions: FieldDiff;
  readonly infrastructure: FieldDiff;
  readonly tasks: ComparedPart<TaskDifferences>;
  readonly logs: ComparedPart<Divergence>;
  readonly changes: ComparedPart<FoundChanges>;
  readonly freshness: Freshness;
}

/** Of each run. More tasks are not compared, and the answer says so. */
const MAX_TASKS = 1_000;
/** Log lines of each run that are wanted where there are too many to read all. */
const MAX_LINES = 2_000;
const MAX_CHANGES = 200;

/** `withId`: absent means the last completed run before it. Throws AppError `not_found` where a run does not exist. */
export async function compareRuns(ctx: QueryContext, runId: string, withId?: string): Promise<RunComparison> {
  if (withId === runId) {
    throw new AppError("invalid_input", sentence`A run is compared with another one, and both are ${asName(runId)}.`, {
      hint: "Leave with out for the last completed run before it.",
    });
  }
  const run = await readRun(ctx, runId);
  const {
    item: other,
    freshness: ofOther,
    reason,
  } = withId === undefined
    ? await readLastGood(ctx, run.item)
    : { ...(await readRun(ctx, withId)), reason: own("the run that was asked for") };
  const [tasks, logs, changes] = await Promise.all([
    compareTaskRuns(ctx, run.item.run, other.run),
    compareLogs(ctx, run.item.run, other.run),
    findChanges(ctx, run.item.run, other.run),
  ]);
  const sources = new Set([
    run.freshness.source,
    ofOther.source,
    ...[tasks, logs, changes].flatMap((part) => part.sources),
  ]);
  return {
    run: run.item,
    other,
    reason,
    parameters: differences(other.run.parameters ?? {}, run.item.run.parameters ?? {}),
    versions: fieldsOf(other.run, run.item.run, VERSIONS),
    infrastructure: fieldsOf(infrastructureOf(other.run), infrastructureOf(run.item.run), INFRASTRUCTURE),
    tasks: tasks.compared,
    logs: logs.compared,
    changes: changes.compared,
    freshness: {
      ...joinFreshness([run.freshness, ofOther, ...tasks.freshness, ...logs.freshness, ...changes.freshness]),
      source: sources.size === 1 ? run.freshness.source : "mixed",
    },
  };
}

const VERSIONS = ["flow_version", "deployment_version", "deployment_id", "flow_id", "tags"] as const;
const INFRASTRUCTURE = ["work_pool_name", "work_queue_name", "job_variables", "created_by", "auto_scheduled"] as const;

function infrastructureOf(run: FlowRun) {
  return {
    ...run,
    created_by: run.created_by?.display_value ?? run.created_by?.type ?? null,
    job_variables: run.job_variables ?? {},
  };
}

function fieldsOf<K extends string>(before: object, now: object, fields: readonly K[]): FieldDiff {
  const pick = (one: object) => Object.fromEntries(Object.entries(one).filter(([key]) => fields.includes(key as K)));
  return differences(pick(before), pick(now));
}

function differences(before: Readonly<Record<string, unknown>>, now: Readonly<Record<string, unknown>>): FieldDiff {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort();
  const differing = keys.filter((key) => JSON.stringify(before[key] ?? null) !== JSON.stringify(now[key] ?? null));
  return Object.fromEntries(differing.map((key) => [key, { from: before[key] ?? null, to: now[key] ?? null }]));
}

async function readRun(ctx: QueryContext, id: string): Promise<{ item: FlowRunItem; freshness: Freshness }> {
  const set = { flow_runs: { id: { any_: [id] } } };
  const { items, freshness } = await listFlowRuns(ctx, { set, limit: 1, isFull: true, includesDeleted: true });
  const [item] = items;
  if (!item) {
    throw new AppError("not_found", sentence`There is no flow run ${asName(id)}.`, {
      hint: "get_flow_runs lists flow runs.",
    });
  }
  const deleted = readDeletedRun(ctx, id);
  return { item, freshness: deleted ? withNotes(freshness, [deletionNote(deleted)]) : freshness };
}

async function readLastGood(
  ctx: QueryContext,
  { run }: FlowRunItem,
): Promise<{ item: FlowRunItem; freshness: Freshness; reason: Sentence }> {
  const beginUs = beginOf(run) ?? serverNowUs(ctx);
  const of = run.deployment_id ? own("deployment") : own("flow");
  const ids = run.deployment_id ? { deployment_id: { any_: [run.deployment_id] } } : {};
  const state = { type: { any_: ["COMPLETED"] } };
  const flows = run.deployment_id ? {} : { flows: { id: { any_: [run.flow_id] } } };
  const wanted = (after: ServerUs | null): FilterSet => ({
    ...flows,
    flow_runs: {
      ...ids,
      state,
      start_time: {
        before_: formatIsoUs(addUs(beginUs, -1)),
        ...(after === null ? {} : { after_: formatIsoUs(after) }),
      },
    },
  });
  // The newest recorded one is the last good one where the time from it to the run is covered.
  const db = ctx.record();
  const [recorded] = db === null ? [] : findFlowRuns(db, wanted(null), "START_TIME_DESC", { limit: 1, isBrief: true });
  const page = await listFlowRuns(ctx, {
    set: wanted(recorded?.begin_us ?? null),
    sort: "START_TIME_DESC",
    limit: 1,
    isFull: true,
    includesDeleted: false,
  });
  const [item] = page.items;
  if (item)
    return { item, freshness: page.freshness, reason: sentence`the last completed run of the same ${of} before it` };
  const reach = page.freshness.coverage.complete ? "" : " in what is recorded";
  throw new AppError("not_found", sentence`No earlier run of the same ${of} completed${reach}.`, {
    hint: "Give with: the run to compare with. diagnose says why this run failed.",
  });
}

/** The start, or the expected start before that. */
export function beginOf(run: FlowRun): ServerUs | undefined {
  return parseIsoUs(run.start_time ?? run.expected_start_time ?? "");
}

interface Part<T> {
  readonly compared: ComparedPart<T>;
  /** Of what is incomplete: the rest has nothing to note. */
  readonly freshness: readonly Freshness[];
  /** Where all that was read is from. */
  readonly sources: readonly Freshness["source"][];
}

/** A part that cannot be read is left out of the comparison, and the answer says so. */
async function partOf<T>(what: Sentence, read: () => Promise<Part<T>>): Promise<Part<T>> {
  try {
    return await read();
  } catch (error) {
    const why = withoutPeriod(toAppError(error).sentence);
    return {
      compared: { value: null, unknown: sentence`${what} could not be read: ${why}.` },
      freshness: [],
      sources: [],
    };
  }
}

function compareTaskRuns(ctx: QueryContext, run: FlowRun, other: FlowRun): Promise<Part<TaskDifferences>> {
  return partOf<TaskDifferences>(own("The task runs"), async () => {
    const [now, before] = await Promise.all([run, other].map((one) => readTasks(ctx, one.id)));
    if (now === undefined || before === undefined) throw new AppError("internal", "two runs have two lists of tasks");
    const { freshness, sources } = readFrom(now, before);
    const why = [now, before].some((page) => page.hasMore)
      ? sentence`A run has more than ${MAX_TASKS} task runs, which are not compared.`
      : (tasksUnknown(run, now.items.length, now.freshness) ??
        tasksUnknown(other, before.items.length, before.freshness));
    if (why !== null) return { compared: { value: null, unknown: why }, freshness, sources };
    const value = compareTasks(
      now.items.map((item) => item.run),
      before.items.map((item) => item.run),
    );
    return { compared: { value, unknown: null }, freshness, sources };
  });
}

function readFrom(...parts: readonly { readonly freshness: Freshness }[]): Pick<Part<never>, "freshness" | "sources"> {
  return {
    freshness: parts.map((part) => part.freshness).filter(({ coverage }) => !coverage.complete),
    sources: parts.map((part) => part.freshness.source),
  };
}

/** A list that may lack task runs would show them as missing in the run. */
function tasksUnknown({ name }: FlowRun, count: number, { coverage }: Freshness): Sentence | null {
  if (coverage.complete) return null;
  return sentence`The task runs of ${asName(name)} are not recorded completely (${counted(count, "task run")} so far), so tasks are not compared.`;
}

async function readTasks(ctx: QueryContext, id: string) {
  const set = { task_runs: { flow_run_id: { any_: [id] } } };
  const page = {
    sort: "EXPECTED_START_TIME_ASC",
    limit: MAX_TASKS,
    offset: 0,
    isFull: false,
    includesDeleted: false,
  } as const;
  return listTaskRuns(ctx, { set, ...page });
}

function compareLogs(ctx: QueryContext, run: FlowRun, other: FlowRun): Promise<Part<Divergence>> {
  return partOf<Divergence>(own("The log lines"), async () => {
    const read = (flowRunId: string) => getRunLogs(ctx, { flowRunId, includeSubflows: false, wanted: MAX_LINES });
    const [now, before] = await Promise.all([read(run.id), read(other.id)]);
    const { freshness, sources } = readFrom(now, before);
    const partial =
      !now.isWhole || !now.freshness.coverage.complete
        ? run
        : before.isWhole && before.freshness.coverage.complete
          ? null
          : other;
    if (partial !== null) {
      const unknown = sentence`The log of ${asName(partial.name)} is not recorded completely, so no first different line is known.`;
      return { compared: { value: null, unknown }, freshness, sources };
    }
    const value = findDivergence(
      { lines: now.lines, names: [run.name, ...now.names.values()] },
      { lines: before.lines, names: [other.name, ...before.names.values()] },
    );
    return { compared: { value, unknown: null }, freshness, sources };
  });
}

/** From the beginning of the earlier run to the end of the later one. */
function findChanges(ctx: QueryContext, run: FlowRun, other: FlowRun): Promise<Part<FoundChanges>> {
  return partOf<FoundChanges>(own("Changes of the workspace"), async () => {
    const nowUs = serverNowUs(ctx);
    const [a, b] = [beginOf(run) ?? nowUs, beginOf(other) ?? nowUs];
    const later = a >= b ? run : other;
    const untilUs = latestUs(a, b, parseIsoUs(later.end_time ?? "") ?? nowUs);
    const found = await whatChanged(ctx, { sinceUs: earliestUs(a, b), untilUs, limit: MAX_CHANGES });
    const ids = new Set([run.deployment_id, run.flow_id, run.work_pool_id, run.work_queue_id]);
    const isOwn = ({ id, name }: Change) => ids.has(id) || (name !== "" && name === run.work_pool_name);
    const value = {
      own: found.changes.filter(isOwn),
      others: found.changes.filter((change) => !isOwn(change)),
      hasMore: found.hasMore,
    };
    const isKnown = found.freshness.coverage.complete;
    const sources = [found.freshness.source];
    const { coverage } = found.freshness;
    // No counts of runs are shown.
    const notes = coverage.notes.filter((note) => note !== RUNS_AS_NOW);
    const ofReadings = readingsNote(ctx, run, earliestUs(a, b));
    const noted = withNotes({ ...found.freshness, coverage: { ...coverage, notes } }, ofReadings);
    const incomplete = isKnown && ofReadings.length === 0 ? [] : [noted];
    if (!isKnown && found.changes.length === 0 && isOffline(ctx, ctx.record())) {
      const unknown = own("The time between the runs is not covered by the record, so changes in it are unknown.");
      return { compared: { value: null, unknown }, freshness: incomplete, sources };
    }
    return { compared: { value, unknown: null }, freshness: incomplete, sources };
  });
}

/** Pauses, limits and schedules change without an event: they are seen by comparing what was read of an object. */
function readingsNote(ctx: QueryContext, { deployment_id }: FlowRun, sinceUs: ServerUs): Sentence[] {
  const db = ctx.record();
  if (db === null)
    return [
      sentence`Without a record only changes with an event are known: not those of pauses, limits and schedules.`,
    ];
  const stored = deployment_id ? findObject(db, "deployment", deployment_id) : null;
  if (stored === null) return [];
  const firstUs = onServerClock(stored.firstUs, statedSkewUs(db));
  if (firstUs <= sinceUs) return [];
  return [
    sentence`The deployment is recorded since ${formatIsoSeconds(firstUs)}, later than the earlier run began: what changed before without an event (pauses, limits, schedules) is unknown.`,
  ];
}
