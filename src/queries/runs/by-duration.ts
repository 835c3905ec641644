/** Runs by duration where Prefect cannot filter or sort by it: rows that were read in another order are compared here. */
import { asName, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import { formatIsoSeconds, type ServerUs } from "../../lib/time.ts";
import { KINDS, type RunKind } from "../../model/kinds.ts";
import type { FlowRun, TaskRun } from "../../model/objects.ts";
import { type DurationBounds, isWithin, runDurationUs } from "../../model/runs/run-duration.ts";
import { runSummary } from "../../model/runs/run-summary.ts";
import type { RecordDb } from "../../store/database.ts";
import { type DurationSort, isDurationSort } from "../../store/filters/sorts.ts";
import { askedWindow, boundsOf, idsOf } from "../source/run-window.ts";

/** Runs of Prefect that are read for a question that is decided here. */
const MAX_COMPARED = 1_000;

export interface DurationQuestion {
  readonly kind: RunKind;
  /** The server has these sorts itself. */
  readonly isSortedByPrefect: boolean;
  /** Null: the rows stay in the order in which they were read. */
  readonly sort: DurationSort | null;
  readonly duration: DurationBounds | undefined;
  /** The present of the server. */
  readonly nowUs: ServerUs;
}

export interface Compared<Run> {
  /** All that match, sorted. */
  readonly runs: readonly Run[];
  /** What was not looked at, where that may matter. */
  readonly unseen: Sentence | null;
}

/** How the rows are read: in which order of Prefect, and whether that is the newest first. */
export interface ReadOrder<Run> {
  readonly order: string;
  readonly isNewestFirst: boolean;
  read(wanted: number): Promise<Run[]>;
  /** The time by which the list calls a run newer than another. */
  dueUs(run: Run): ServerUs | null;
}

/** The first rows of an order, those within the bounds, sorted. */
export async function readCompared<Run extends FlowRun | TaskRun>(
  question: DurationQuestion,
  source: ReadOrder<Run>,
): Promise<Compared<Run>> {
  const read = await source.read(MAX_COMPARED + 1);
  const rows = read.slice(0, MAX_COMPARED);
  const unseen = read.length > MAX_COMPARED ? unseenNote(question, rows, source) : null;
  return { runs: compareDurations(question, rows, source.dueUs), unseen };
}

function compareDurations<Run extends FlowRun | TaskRun>(
  { sort, duration, nowUs }: DurationQuestion,
  rows: readonly Run[],
  dueUs: (run: Run) => ServerUs | null,
): Run[] {
  const timed = rows.map((run) => ({
    run,
    ranUs: runDurationUs(runSummary(run), () => run, nowUs),
    dueUs: dueUs(run),
  }));
  const within = duration === undefined ? timed : timed.filter(({ ranUs }) => isWithin(ranUs, duration));
  if (sort !== null) {
    const keyed = within.map((one) => ({ ...one, key: sortKey(one, sort, nowUs) }));
    return keyed.sort((a, b) => compareKeys(a.key, b.key)).map(({ run }) => run);
  }
  return within.map(({ run }) => run);
}

interface Timed {
  readonly run: { readonly id: string };
  readonly ranUs: number | null;
  readonly dueUs: ServerUs | null;
}

/** The columns of `durationOrder` in `store/filters/sorts.ts`. */
function sortKey({ run, ranUs, dueUs }: Timed, sort: DurationSort, nowUs: ServerUs): (number | string)[] {
  const ran = sort === "DURATION_DESC" ? -(ranUs ?? 0) : (ranUs ?? 0);
  const isLater = dueUs !== null && dueUs > nowUs;
  const group = dueUs === null ? 2 : Number(isLater);
  return [Number(ranUs === null), ran, group, isLater ? dueUs : -(dueUs ?? 0), run.id.toLowerCase()];
}

function compareKeys(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  for (const [index, one] of a.entries()) {
    const other = b[index] ?? 0;
    if (one !== other) return one < other ? -1 : 1;
  }
  return 0;
}

function unseenNote<Run>(
  { kind, isSortedByPrefect }: DurationQuestion,
  rows: readonly Run[],
  { order, isNewestFirst, dueUs }: ReadOrder<Run>,
): Sentence {
  const verbs = own(isSortedByPrefect ? "does not filter" : "neither filters nor sorts");
  const last = rows.at(-1);
  const sinceUs = last === undefined ? null : dueUs(last);
  const begun = own(kind === "flow_run" ? "begun" : "expected");
  const since = sinceUs === null ? "" : sentence`, ${begun} since ${formatIsoSeconds(sinceUs)},`;
  const which = isNewestFirst
    ? sentence`the ${MAX_COMPARED} newest of the matching runs${since} were compared, older ones were not looked at`
    : sentence`the first ${MAX_COMPARED} of the matching runs in the order ${asName(order)} were compared, the others were not looked at`;
  const narrow = own(kind === "flow_run" ? "flow, deployment or state" : "flow_run, flow or state");
  return sentence`Prefect ${verbs} ${own(KINDS[kind].plural)} by duration: ${which}. Narrow by since, until, ${narrow}.`;
}

/** Whether a filter or sort by duration has to be decided here. */
export function isByDuration({
  duration,
  sort,
}: {
  readonly duration?: DurationBounds | undefined;
  readonly sort?: string | undefined;
}): boolean {
  return duration !== undefined || (sort !== undefined && isDurationSort(sort));
}

/** Which runs the record has not compared, because its window begins later than the workspace. Null: all were. */
export function uncomparedNote(
  db: RecordDb,
  kind: RunKind,
  filter: unknown,
  fromUs: ServerUs,
  nowUs: ServerUs,
): Sentence | null {
  if (boundsOf(filter).fromUs !== null || (idsOf(filter) ?? [])[0] !== undefined) return null;
  const whole = askedWindow(db, kind, filter, nowUs, null);
  if (fromUs <= whole.fromUs) return null;
  return sentence`The runs of the record since ${formatIsoSeconds(fromUs)} were compared; older ones were not looked at.`;
}
