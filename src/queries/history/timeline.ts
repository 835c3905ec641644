/** What happened to one run, deployment or work pool: states, other events, error lines and changes, causes before effects. */
import { append } from "../../lib/lists.ts";
import { type Sentence, sentence } from "../../lib/shown-text.ts";
import { earliestUs, onLocalClock, onServerClock, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import { type PrefectEvent, RESOURCE_ID } from "../../model/events/event.ts";
import type { EventFilter } from "../../model/events/event-filter.ts";
import type { Freshness } from "../../model/freshness.ts";
import type { Log, State } from "../../model/objects.ts";
import type { RecordDb } from "../../store/database.ts";
import { findLogs, withKnownNumbers } from "../../store/logs/logs.ts";
import { findFullNames, findObjectChanges, type ObjectChange } from "../../store/objects/objects.ts";
import { findRunsWithErrors } from "../../store/runs/runs-in-window.ts";
import { stateKey } from "../events/event-tally.ts";
import { listEvents } from "../events/events.ts";
import { ownerName, recordedOwner } from "../names/object-names.ts";
import { deletionNote, readDeletedRun } from "../runs/deleted-run.ts";
import { getRunLogs, isLogRecorded } from "../runs/logs.ts";
import { isWindowRecorded, joinFreshness } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import { openLive } from "../source/live.ts";
import { whyNoRecord } from "../source/no-record.ts";
import { serverNowUs, statedSkewUs } from "../source/server-time.ts";
import { findSubject, type TimelineSubject, type TimelineSubjectKind } from "./timeline-subject.ts";

export type TimelineEntry =
  | { readonly kind: "event"; readonly us: number; readonly id: string; readonly event: PrefectEvent }
  | { readonly kind: "state"; readonly us: number; readonly id: string; readonly state: State }
  | { readonly kind: "log"; readonly us: number; readonly id: string; readonly log: Log; readonly n: number | null }
  | { readonly kind: "change"; readonly us: number; readonly id: string; readonly change: ObjectChange };

export interface TimelineQuestion {
  readonly kind: TimelineSubjectKind;
  /** Id, prefix, link or name. */
  readonly subject: string;
  readonly sinceUs: ServerUs | undefined;
  readonly untilUs: ServerUs | undefined;
  /** Also routine steps of task runs. */
  readonly isFull: boolean;
  readonly fresh?: boolean | undefined;
}

export interface Timeline {
  readonly subject: TimelineSubject;
  /** Of a run: `flow/deployment`, or its flow, where recorded. */
  readonly owner: string | null;
  /** Of a run: its state, unless that began after the window. */
  readonly state: string | null;
  /** Oldest first. An effect comes after its cause even where clocks disagree. */
  readonly entries: readonly TimelineEntry[];
  /** Number of task run steps that were left out. */
  readonly hidden: number;
  readonly freshness: Freshness;
}

const SUBFLOWS_UNKNOWN = sentence`The runs of this time are not recorded completely, so subflows may be missing.`;

/** Most events read for one filter. */
const MAX_EVENTS = 10_000;
const ERROR = 40;

/** Throws AppError as `resolveName` does, and when Prefect fails and nothing is recorded. */
export async function getTimeline(ctx: QueryContext, question: TimelineQuestion): Promise<Timeline> {
  const nowUs = serverNowUs(ctx);
  const subject = await findSubject(ctx, question.kind, question.subject, { ...question, nowUs });
  const { window } = subject;
  const events = new Map<string, PrefectEvent>();
  const parts: Freshness[] = [];
  let isCut = false;
  const read = async (filter: EventFilter) => {
    const { fromUs: sinceUs, toUs: untilUs } = window;
    const bounds = { sinceUs, untilUs, nowUs, fresh: question.fresh };
    const page = await listEvents(ctx, { filter, ...bounds, order: "asc", limit: MAX_EVENTS });
    parts.push(page.freshness);
    isCut ||= page.hasMore;
    return page.events;
  };
  for (const filter of subject.filters) for (const event of await read(filter)) events.set(event.id, event);
  if (subject.subflows) for (const event of firstAndLast(await read(subject.subflows))) events.set(event.id, event);
  const shown = [...events.values()].filter((event) => question.isFull || isRelevant(event));
  const entries: TimelineEntry[] = shown.map((event) => ({
    kind: "event",
    us: parseIsoUs(event.occurred) ?? 0,
    id: event.id,
    event,
  }));
  const notes: Sentence[] = [];
  if (!parts.every((part) => part.coverage.complete)) append(entries, await statesOf(ctx, subject, events));
  const logs = await errorLines(ctx, subject, question.fresh);
  append(entries, [...logs.entries, ...changesOf(ctx.record(), subject)]);
  const deletedRun = subject.run ? readDeletedRun(ctx, subject.run.id) : null;
  if (deletedRun) notes.push(deletionNote(deletedRun));
  if (logs.note) notes.push(logs.note);
  const db = ctx.record();
  const areSubflowsKnown =
    subject.run === null ||
    (db !== null && isWindowRecorded(ctx, db, "flow_run", { ...window, toUs: earliestUs(window.toUs, nowUs) }));
  if (!areSubflowsKnown) notes.push(SUBFLOWS_UNKNOWN);
  if (isCut)
    notes.push(sentence`More than ${MAX_EVENTS} events; give occurred_after and occurred_before to see a part.`);
  const freshness = withNotes(joinFreshness(parts), notes, isCut || !logs.isWhole || !areSubflowsKnown);
  return {
    subject,
    owner: subject.run === null ? null : ownerName(recordedOwner(ctx.record(), subject.run)),
    state: stateWithin(subject),
    entries: inCausalOrder(entries),
    hidden: events.size - shown.length,
    freshness,
  };
}

function stateWithin({ run, window }: TimelineSubject): string | null {
  const sinceUs = parseIsoUs(run?.state?.timestamp ?? "");
  return sinceUs === undefined || sinceUs <= window.toUs ? (run?.state_name ?? null) : null;
}

/** The first and the last event of each resource, whose own timeline has the others. `events` are in order. */
function firstAndLast(events: readonly PrefectEvent[]): PrefectEvent[] {
  const ends = new Map<string, [PrefectEvent, PrefectEvent]>();
  for (const event of events) {
    const id = event.resource[RESOURCE_ID] ?? "";
    ends.set(id, [ends.get(id)?.[0] ?? event, event]);
  }
  return [...ends.values()].flat();
}

/** States of task runs that do not point to a problem. */
const ROUTINE: ReadonlySet<string> = new Set(["Scheduled", "Pending", "Running", "Completed", "Cached", "NotReady"]);
const PERIODIC = /\.(heartbeat|polled)$/;

function isRelevant({ event }: PrefectEvent): boolean {
  const [kind, state = ""] = stateKey(event)?.split(" ") ?? [];
  return !(kind === "task-run" && ROUTINE.has(state)) && !PERIODIC.test(event);
}

/** States of the run without an event. Prefect keeps states longer than events. */
async function statesOf(
  ctx: QueryContext,
  { run, window }: TimelineSubject,
  events: ReadonlyMap<string, PrefectEvent>,
): Promise<TimelineEntry[]> {
  if (run === null) return [];
  try {
    const live = openLive(ctx);
    const states = await live.api.readFlowRunStates(run.id, live.options());
    return states.flatMap((state) => {
      const us = parseIsoUs(state.timestamp) ?? 0;
      const isShown = us >= window.fromUs && us <= window.toUs && !events.has(state.id);
      return isShown ? [{ kind: "state", us, id: state.id, state } as const] : [];
    });
  } catch {
    // The freshness of the events states that Prefect did not answer.
    return [];
  }
}

interface Lines {
  readonly entries: readonly TimelineEntry[];
  /** No line is missing. */
  readonly isWhole: boolean;
  readonly note: Sentence | null;
}

async function errorLines(ctx: QueryContext, subject: TimelineSubject, fresh: boolean | undefined): Promise<Lines> {
  const { window, run } = subject;
  if (run === null) return recordedErrors(ctx, subject);
  try {
    const logs = await getRunLogs(ctx, { flowRunId: run.id, includeSubflows: false, fresh, wanted: 1_000 });
    const entries = logs.lines.flatMap(({ log, n }): TimelineEntry[] => {
      const us = parseIsoUs(log.timestamp) ?? 0;
      return log.level < ERROR || us < window.fromUs || us > window.toUs
        ? []
        : [{ kind: "log", us, id: log.id, log, n }];
    });
    const { complete, notes } = logs.freshness.coverage;
    return { entries, isWhole: complete, note: notes[0] ?? null };
  } catch {
    return { entries: [], isWhole: false, note: sentence`The log lines of this run could not be read.` };
  }
}

/** Recorded error lines of the runs of a deployment or work pool. */
function recordedErrors(ctx: QueryContext, { kind, id, name, window }: TimelineSubject): Lines {
  const db = ctx.record();
  if (db === null)
    return { entries: [], isWhole: false, note: sentence`${whyNoRecord(ctx)}: log lines are not shown.` };
  const owner = kind === "deployment" ? { deploymentId: id ?? "" } : { workPoolName: name ?? "" };
  const runs = findRunsWithErrors(db, owner, window);
  const { fromUs: sinceUs, toUs: untilUs } = window;
  const found = findLogs(db, { flowRunIds: runs, minLevel: ERROR, sinceUs, untilUs, order: "desc", limit: 200 });
  const logs = withKnownNumbers(db, found.logs);
  const missing = runs.filter((run) => !isLogRecorded(ctx, db, run)).length;
  const note =
    missing === 0
      ? null
      : sentence`Log lines of ${missing} of its runs are not recorded up to now; get_flow_run_logs reads them.`;
  const entries = logs.map(({ log, n, tsUs }) => ({ kind: "log", us: tsUs, id: log.id, log, n }) as const);
  return { entries, isWhole: missing === 0, note };
}

/** Recorded changes of the deployment or work pool. */
function changesOf(db: RecordDb | null, subject: TimelineSubject): TimelineEntry[] {
  if (db === null) return [];
  const { kind, id, run, window } = subject;
  const about = kind === "flow_run" ? (run?.deployment_id ?? null) : id;
  if (about === null) return [];
  const of = kind === "work_pool" ? "work_pool" : "deployment";
  // Changes have times of the local clock.
  const skewUs = statedSkewUs(db);
  const range = { fromUs: onLocalClock(window.fromUs, skewUs), toUs: onLocalClock(window.toUs, skewUs) };
  const changes = findObjectChanges(db, { ...range, kind: of, id: about, limit: 200 });
  const fullName = findFullNames(db, of, [about]).get(about);
  return changes.map((found) => {
    const change = fullName === undefined ? found : { ...found, name: fullName };
    return { kind: "change", us: onServerClock(found.atUs, skewUs), id: found.id, change };
  });
}

/** Orders by time, but puts an event that follows another one of the list after that. */
export function inCausalOrder(entries: readonly TimelineEntry[]): TimelineEntry[] {
  const byTime = [...entries].sort((a, b) => a.us - b.us || rank(a) - rank(b) || (a.id < b.id ? -1 : 1));
  const events = new Map(byTime.flatMap((entry) => (entry.kind === "event" ? [[entry.id, entry] as const] : [])));
  const done = new Set<TimelineEntry>();
  const ordered: TimelineEntry[] = [];
  for (const entry of byTime) {
    const chain: TimelineEntry[] = [];
    for (let at: TimelineEntry | undefined = entry; at && !done.has(at); ) {
      done.add(at);
      chain.push(at);
      at = at.kind === "event" && at.event.follows ? events.get(at.event.follows) : undefined;
    }
    append(ordered, chain.reverse());
  }
  return ordered;
}

/** Order of entries of the same time: changes, then log lines, then states. */
function rank(entry: TimelineEntry): number {
  return entry.kind === "change" ? 0 : entry.kind === "log" ? 1 : 2;
}

function withNotes(freshness: Freshness, notes: readonly Sentence[], isCut: boolean): Freshness {
  const { coverage } = freshness;
  const all = [...new Set([...coverage.notes, ...notes])];
  return { ...freshness, coverage: { ...coverage, complete: coverage.complete && !isCut, notes: all } };
}
