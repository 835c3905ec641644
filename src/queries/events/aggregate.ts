/** Exact counts of events by group, in any window. */

import { AppError } from "../../errors.ts";
import { append } from "../../lib/lists.ts";
import { counted, type Sentence, sentence } from "../../lib/shown-text.ts";
import { formatIsoUs, SECOND_US, type ServerUs } from "../../lib/time.ts";
import type { EventFilter } from "../../model/events/event-filter.ts";
import type { Freshness, TimeRange } from "../../model/freshness.ts";
import { gapsIn } from "../../model/freshness.ts";
import { resourceId } from "../../model/kinds.ts";
import type { RecordDb } from "../../store/database.ts";
import { findFullNames } from "../../store/objects/objects.ts";
import { answerWindow } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import { reachOf } from "../source/event-reach.ts";
import type { LiveReader } from "../source/live.ts";
import { serverNowUs } from "../source/server-time.ts";
import { countLive, type LiveCount } from "./count-live.ts";
import { countRecorded } from "./count-recorded.ts";
import {
  addGroup,
  bucketsOf,
  type EventGroup,
  fillBuckets,
  type Grouping,
  MAX_BUCKETS,
  splitTally,
  usualStep,
} from "./event-tally.ts";
import { eventWindow, joinGaps } from "./events.ts";

export interface AggregateQuestion {
  /** Without `occurred` and `order`. */
  readonly filter: EventFilter;
  readonly by: Grouping;
  /** Width of a bucket of `time`. Absent: chosen by the length of the window. */
  readonly stepUs?: number | undefined;
  readonly sinceUs?: ServerUs | undefined;
  readonly untilUs?: ServerUs | undefined;
  readonly fresh?: boolean | undefined;
}

export interface Aggregate {
  /** Buckets in ascending order, including empty ones. Other groups by count, the largest first. */
  readonly groups: readonly EventGroup[];
  /** Number of the events, in a group or not. */
  readonly total: number;
  /** Of them, those in no group: without a deployment (or, counted by Prefect, with deleted ones only), or no state change. */
  readonly ungrouped: number;
  /** How much more than the grouped events the counts add up to, because an event can have several deployments. */
  readonly repeated: number;
  readonly stepUs: number | null;
  readonly window: TimeRange;
  readonly freshness: Freshness;
}

/** Throws AppError `invalid_input` for more than 1,000 buckets, and that of the live reading when the record has nothing. */
export async function aggregateEvents(ctx: QueryContext, question: AggregateQuestion): Promise<Aggregate> {
  const { filter, by, fresh } = question;
  if (filter.resource?.distinct)
    throw new AppError("invalid_input", "filter.resource.distinct cannot be used for counts");
  const nowUs = serverNowUs(ctx);
  const window = await eventWindow(ctx, question, nowUs);
  const stepUs = question.stepUs ?? usualStep(window);
  const buckets = bucketsOf(window, stepUs);
  checkStep(stepUs, by, window, buckets.baseUs);
  const count = async (db: RecordDb | null, live: LiveReader, gaps: readonly TimeRange[]): Promise<LiveCount> => {
    const { readable, lost } = await reachOf(ctx, gaps, nowUs);
    const recorded = db ? gapsIn(window, readable).map((part) => countRecorded(db, part, filter, by, buckets)) : [];
    const found = await sumOf(recorded, readable, (part) => countLive({ ctx, live, filter, by, buckets }, part));
    return { value: found.value, isRecordOnly: readable.length === 0, ...joinGaps(lost, found) };
  };
  const { value, freshness } = await answerWindow<Map<string, EventGroup>>(
    ctx,
    { kind: "event", what: "events", window, fresh },
    {
      record: (db) => countRecorded(db, window, filter, by, buckets),
      live: (live) => count(null, live, [window]),
      mixed: count,
      isEmpty: (tally) => tally.size === 0,
    },
  );
  const { groups: tally, total, ungrouped, repeated } = splitTally(value, by);
  const named = by === "deployment" || by === "resource" ? withNames(ctx, tally, by) : tally;
  const groups = by === "time" ? fillBuckets(named, window, buckets) : largestFirst(named);
  return { groups, total, ungrouped, repeated, stepUs: by === "time" ? stepUs : null, window, freshness };
}

function checkStep(stepUs: number, by: Grouping, window: TimeRange, baseUs: number): void {
  if (stepUs < SECOND_US || stepUs % SECOND_US !== 0) {
    throw new AppError("invalid_input", "interval must be whole seconds", {
      hint: 'Such as "30s", "15m", "1h", "1d".',
    });
  }
  const count = Math.floor((window.toUs - baseUs) / stepUs) + 1;
  if (by !== "time" || count <= MAX_BUCKETS) return;
  throw new AppError(
    "invalid_input",
    sentence`interval gives ${counted(count, "bucket")}, at most ${MAX_BUCKETS} are counted`,
    {
      hint: sentence`Give a longer interval or a shorter window (now ${formatIsoUs(window.fromUs)} to ${formatIsoUs(window.toUs)}).`,
    },
  );
}

/** Recorded counts, and live counts of the remaining parts. */
async function sumOf(
  recorded: readonly ReadonlyMap<string, EventGroup>[],
  parts: readonly TimeRange[],
  count: (part: TimeRange) => Promise<LiveCount>,
): Promise<LiveCount> {
  const tally = new Map<string, EventGroup>();
  const gaps: TimeRange[] = [];
  const notes = new Set<Sentence>();
  const add = (groups: ReadonlyMap<string, EventGroup>) => {
    for (const group of groups.values()) addGroup(tally, group);
  };
  for (const groups of recorded) add(groups);
  for (const part of parts) {
    const found = await count(part);
    add(found.value);
    append(gaps, found.gaps ?? []);
    for (const note of found.notes ?? []) notes.add(note);
  }
  return { value: tally, gaps, notes: [...notes] };
}

/** Not every event contains the name of the deployment or of its flow, so recorded names are added. */
function withNames(
  ctx: QueryContext,
  tally: ReadonlyMap<string, EventGroup>,
  by: "deployment" | "resource",
): Map<string, EventGroup> {
  const db = ctx.record();
  if (!db) return new Map(tally);
  const kinds = by === "deployment" ? (["deployment"] as const) : (["deployment", "work_queue"] as const);
  const names = new Map<string, string>();
  for (const kind of kinds) {
    const prefix = by === "deployment" ? "" : resourceId(kind, "");
    const ids = [...tally.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
    if (ids.length > 0) for (const [id, name] of findFullNames(db, kind, ids)) names.set(`${prefix}${id}`, name);
  }
  return new Map([...tally].map(([key, group]) => [key, { ...group, label: names.get(key) ?? group.label }]));
}

function largestFirst(tally: ReadonlyMap<string, EventGroup>): EventGroup[] {
  return [...tally.values()].sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1));
}
