/** The runs of one page of a list, as Prefect has them, and where the next page continues. */
import { type Sentence, sentence } from "../../lib/shown-text.ts";
import {
  addUs,
  earliestUs,
  formatIsoSeconds,
  formatIsoUs,
  latestUs,
  parseIsoUs,
  type ServerUs,
} from "../../lib/time.ts";
import type { FlowRun, JsonObject } from "../../model/objects.ts";
import { type DurationBounds, isWithin, runDurationUs } from "../../model/runs/run-duration.ts";
import { runSummary } from "../../model/runs/run-summary.ts";
import { readRows } from "../../prefect/paging/list-pages.ts";
import type { FilterSet } from "../../store/filters/bodies.ts";
import { type FlowRunSort, isDurationSort } from "../../store/filters/sorts.ts";
import type { LiveReader } from "../source/live.ts";
import { boundsOf, idsOf } from "../source/run-window.ts";

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

/** Whether the question filters or sorts by duration, which Prefect does not do for flow runs. */
export function isByDuration({ duration, sort }: Pick<FlowRunsQuestion, "duration" | "sort">): boolean {
  return duration !== undefined || (sort !== undefined && isDurationSort(sort));
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
  const later = withStart(set, latestUs(fromUs ?? 0, addUs(start.nowUs, 1)), toUs);
  return [...rows, ...place(await readSorted(live, later, "START_TIME_ASC", wanted - rows.length, from.offset), from)];
}

/** Runs of Prefect that are read for a question about durations: the newest ones. */
const MAX_COMPARED = 1_000;

/** The newest runs that have begun, filtered and sorted here. */
async function readByDuration(
  live: LiveReader,
  { set, sort = "START_TIME_DESC", limit, duration = {} }: FlowRunsQuestion,
  start: FlowRunPosition,
): Promise<LivePage> {
  const { fromUs, toUs } = boundsOf(set.flow_runs);
  const isOr = (set.flow_runs as { readonly operator?: string } | undefined)?.operator === "or_";
  const begun = isOr ? set : withStart(set, fromUs, earliestUs(toUs ?? start.nowUs, start.nowUs));
  const order = isDurationSort(sort) ? "START_TIME_DESC" : sort;
  const read = await readSorted(live, begun, order, MAX_COMPARED + 1, 0);
  const compared = read.slice(0, MAX_COMPARED);
  const ran = compared
    .map((run) => ({ run, us: runDurationUs(runSummary(run), () => run, start.nowUs) }))
    .filter(({ us }) => us !== null && isWithin(us, duration));
  if (isDurationSort(sort)) ran.sort((a, b) => (sort === "DURATION_DESC" ? -1 : 1) * ((a.us ?? 0) - (b.us ?? 0)));
  const rows = place(
    ran.slice(start.offset, start.offset + limit + 1).map(({ run }) => run),
    start,
  );
  return { rows, unseen: read.length > MAX_COMPARED ? comparedNote(compared) : null };
}

function comparedNote(compared: readonly FlowRun[]): Sentence {
  const last = compared.at(-1);
  const sinceUs = parseIsoUs(last?.start_time ?? last?.expected_start_time ?? "");
  const since = sinceUs === undefined ? "" : sentence`, begun since ${formatIsoSeconds(sinceUs)},`;
  return sentence`Prefect neither filters nor sorts flow runs by duration: the ${MAX_COMPARED} newest of the matching runs${since} were compared, older ones were not looked at. Narrow by since, until, flow, deployment or state.`;
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
  const isLater = (run: FlowRun) => (parseIsoUs(run.start_time ?? run.expected_start_time ?? "") ?? 0) > nowUs;
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
