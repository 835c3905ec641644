/** The runs of one page of a list, as Prefect has them, and where the next page continues. */
import type { Sentence } from "../../lib/shown-text.ts";
import { addUs, earliestUs, formatIsoUs, latestUs, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { FlowRun, JsonObject } from "../../model/objects.ts";
import type { DurationBounds } from "../../model/runs/run-duration.ts";
import { readRows } from "../../prefect/paging/list-pages.ts";
import type { FilterSet } from "../../store/filters/bodies.ts";
import { type FlowRunSort, isDurationSort } from "../../store/filters/sorts.ts";
import type { LiveReader } from "../source/live.ts";
import { boundsOf, idsOf } from "../source/run-window.ts";
import { isByDuration, readCompared } from "./by-duration.ts";

export interface FlowRunsQuestion {
  /** Prefect's filters, by their key in the body. */
  readonly set: FilterSet;
  /**
   * Absent: newest start first, where a run that is due but has not started counts by its expected start. Runs that are due later
   * follow, soonest first.
   */
  readonly sort?: FlowRunSort | undefined;
  readonly limit: number;
  /** Only runs that have run so long. */
  readonly duration?: DurationBounds | undefined;
  readonly after?: FlowRunPosition | undefined;
  /** Whole documents are needed. */
  readonly isFull: boolean;
  /** Deleted runs are included, with `deletedUs`. */
  readonly includesDeleted: boolean;
  readonly fresh?: boolean | undefined;
}

/** Where the next page continues. */
export interface FlowRunPosition {
  /** Time of the first page, server clock. */
  readonly nowUs: ServerUs;
  /** 0: runs up to that time, or all runs when a sort is given. 1: runs that are due later. */
  readonly part: 0 | 1;
  readonly offset: number;
}

/** A row with the position after it. */
export interface Placed<T> {
  readonly row: T;
  readonly next: FlowRunPosition;
}

/** Rows of Prefect. `unseen`: what was not looked at, where that may matter. */
export interface LivePage {
  readonly rows: readonly Placed<FlowRun>[];
  readonly unseen: Sentence | null;
}

export function place<T>(rows: readonly T[], start: FlowRunPosition): Placed<T>[] {
  return rows.map((row, index) => ({ row, next: { ...start, offset: start.offset + index + 1 } }));
}

/** The ids of a question that has no other criteria, or null. */
export function onlyIdsOf({ flow_runs: filter, ...others }: FilterSet): readonly string[] | null {
  const isAlone = Object.keys((filter ?? {}) as object).every((field) => field === "id" || field === "operator");
  const hasOthers = Object.values(others).some((other) => other !== undefined && other !== null);
  return isAlone && !hasOthers ? idsOf(filter) : null;
}

/** Up to `limit` runs of Prefect from `start` on, and one more. */
export async function readPage(
  live: LiveReader,
  question: FlowRunsQuestion,
  start: FlowRunPosition,
): Promise<LivePage> {
  if (isByDuration(question)) return readByDuration(live, question, start);
  return { rows: await readByFilter(live, question, start), unseen: null };
}

async function readByFilter(
  live: LiveReader,
  question: FlowRunsQuestion,
  start: FlowRunPosition,
): Promise<Placed<FlowRun>[]> {
  const { set, sort, limit } = question;
  const wanted = limit + 1;
  if (sort !== undefined) return place(await readSorted(live, set, sort, wanted, start.offset), start);
  const ids = onlyIdsOf(set);
  if (ids !== null) return (await readByIds(live, question, ids, start)).slice(0, wanted);
  const { fromUs, toUs } = boundsOf(set.flow_runs);
  const rows =
    start.part === 0
      ? place(
          await readSorted(
            live,
            withStart(set, fromUs, earliestUs(toUs ?? start.nowUs, start.nowUs)),
            "START_TIME_DESC",
            wanted,
            start.offset,
          ),
          start,
        )
      : [];
  if (rows.length === wanted || (toUs !== null && toUs <= start.nowUs)) return rows;
  const from = start.part === 0 ? { ...start, part: 1 as const, offset: 0 } : start;
  const later = await readLater(live, set, start.nowUs, wanted - rows.length, from.offset);
  return [...rows, ...place(later, from)];
}

/** The newest runs that have begun, filtered and sorted here. Without bounds on the duration, runs that are due later follow. */
async function readByDuration(
  live: LiveReader,
  { set, sort = "START_TIME_DESC", limit, duration }: FlowRunsQuestion,
  start: FlowRunPosition,
): Promise<LivePage> {
  const { fromUs, toUs } = boundsOf(set.flow_runs);
  const isOr = (set.flow_runs as { readonly operator?: string } | undefined)?.operator === "or_";
  const begun = isOr ? set : withStart(set, fromUs, earliestUs(toUs ?? start.nowUs, start.nowUs));
  const order = isDurationSort(sort) ? "START_TIME_DESC" : sort;
  const byDuration = isDurationSort(sort) ? sort : null;
  const { runs, unseen } = await readCompared(
    { kind: "flow_run", isSortedByPrefect: false, sort: byDuration, duration, nowUs: start.nowUs },
    {
      order,
      isNewestFirst: order === "START_TIME_DESC",
      read: (wanted) => readSorted(live, begun, order, wanted, 0),
      dueUs: beginOf,
    },
  );
  const wanted = start.offset + limit + 1;
  const hasLater = duration === undefined && !isOr && (toUs === null || toUs > start.nowUs);
  const later =
    hasLater && runs.length < wanted && unseen === null
      ? await readLater(live, set, start.nowUs, wanted - runs.length, 0)
      : [];
  return { rows: place([...runs, ...later].slice(start.offset, wanted), start), unseen };
}

function beginOf(run: FlowRun): ServerUs | null {
  return parseIsoUs(run.start_time ?? run.expected_start_time ?? "") ?? null;
}

/** Runs that are due after `nowUs`, soonest first. */
function readLater(live: LiveReader, set: FilterSet, nowUs: ServerUs, wanted: number, offset: number) {
  const { fromUs, toUs } = boundsOf(set.flow_runs);
  const later = withStart(set, latestUs(fromUs ?? 0, addUs(nowUs, 1)), toUs);
  return readSorted(live, later, "START_TIME_ASC", wanted, offset);
}

/**
 * Runs of a question by ids alone, asked for without a bound: a run without a start and an expected start matches none, and what is
 * missing from this answer has been deleted.
 */
async function readByIds(
  live: LiveReader,
  { set }: FlowRunsQuestion,
  ids: readonly string[],
  { nowUs, part, offset }: FlowRunPosition,
): Promise<Placed<FlowRun>[]> {
  const runs = await readSorted(live, set, "START_TIME_DESC", ids.length, 0);
  const isLater = (run: FlowRun) => (beginOf(run) ?? 0) > nowUs;
  const past = place(
    runs.filter((run) => !isLater(run)),
    { nowUs, part: 0, offset: 0 },
  );
  const later = place(runs.filter(isLater).toReversed(), { nowUs, part: 1, offset: 0 });
  return part === 0 ? [...past.slice(offset), ...later] : later.slice(offset);
}

/** The same filters with these bounds on the start. Only for filters whose criteria must all match. */
function withStart(set: FilterSet, fromUs: ServerUs | null, toUs: ServerUs | null): FilterSet {
  const filter = (set.flow_runs ?? {}) as JsonObject;
  const start_time = {
    ...((filter.start_time as JsonObject | undefined) ?? {}),
    ...(fromUs === null ? {} : { after_: formatIsoUs(fromUs) }),
    ...(toUs === null ? {} : { before_: formatIsoUs(toUs) }),
  };
  return { ...set, flow_runs: { ...filter, start_time } };
}

function readSorted(
  live: LiveReader,
  set: FilterSet,
  sort: FlowRunSort,
  wanted: number,
  offset: number,
): Promise<FlowRun[]> {
  const read = (page: JsonObject) => live.api.filterFlowRuns({ ...(set as JsonObject), sort, ...page }, live.options());
  return readRows(read, { wanted, offset });
}
