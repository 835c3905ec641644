/**
 * What changed in a window of time: objects, by their events and by comparing readings, and counts of runs. Only the record can
 * answer, because Prefect keeps no history of its objects.
 */

import { type Sentence, sentence } from "../../lib/shown-text.ts";
import {
  earliestUs,
  formatIsoSeconds,
  latestOf,
  latestUs,
  onLocalClock,
  onServerClock,
  parseIsoUs,
  type ServerUs,
} from "../../lib/time.ts";
import { type PrefectEvent, RESOURCE_ID } from "../../model/events/event.ts";
import type { Freshness, TimeRange } from "../../model/freshness.ts";
import { withNotes } from "../../model/freshness.ts";
import { factsOf, KINDS, SNAPSHOT_KINDS } from "../../model/kinds.ts";
import type { SnapshotKind } from "../../model/objects.ts";
import type { RecordDb } from "../../store/database.ts";
import { findFullNames, findObjectChanges } from "../../store/objects/objects.ts";
import { historyBeginUs } from "../../store/past/objects-at.ts";
import { briefEvent } from "../events/event-brief.ts";
import { listEvents } from "../events/events.ts";
import { countRecordedRuns, type RunCounts } from "../runs/run-counts.ts";
import { isWindowRecorded } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import { isOver, RUNS_AS_NOW } from "../source/past-window.ts";
import { serverNowUs, statedSkewUs } from "../source/server-time.ts";

export type ChangedKind = SnapshotKind | "block_document";

export interface Change {
  /** Server clock, microseconds. Of a change between two readings: the latest time at which it can have happened. */
  readonly atUs: ServerUs;
  readonly kind: ChangedKind;
  readonly id: string;
  /** With the name of its flow or pool, where that is known: `flow/deployment`. */
  readonly name: string;
  readonly change: string;
  readonly diff: Readonly<Record<string, { readonly from?: unknown; readonly to?: unknown }>>;
  /** The event of the change, if there is one. */
  readonly eventId: string | null;
}

export interface WhatChanged {
  readonly window: TimeRange;
  /** Oldest first, at most `limit`. */
  readonly changes: readonly Change[];
  readonly hasMore: boolean;
  readonly runs: RunCounts | null;
  /** Of which part of the window changes without an event are unknown. The freshness is that of the events. */
  readonly unread: Sentence | null;
  readonly freshness: Freshness;
}

/** Objects whose events are shown, by the resource in the names. Blocks are not recorded otherwise. */
const BY_EVENTS: ReadonlyMap<string, ChangedKind> = new Map<string, ChangedKind>([
  ["prefect.block-document", "block_document"],
  ...SNAPSHOT_KINDS.filter((kind) => factsOf(kind).changesFrom.includes("events")).map(
    (kind) => [KINDS[kind].resource, kind] as const,
  ),
]);
const CHANGE_EVENT = /^(prefect\.[a-z-]+)\.(created|updated|deleted|paused|ready|not-ready)$/;
const MAX_EVENTS = 2_000;

export interface WhatChangedQuestion {
  readonly sinceUs: ServerUs;
  readonly untilUs?: ServerUs | undefined;
  readonly limit: number;
  /** Only changes after this one, in the order of time and id. */
  readonly after?: { readonly atUs: ServerUs; readonly id: string } | undefined;
}

/** Throws AppError of the live reading when the events are not recorded and Prefect does not answer. */
export async function whatChanged(ctx: QueryContext, question: WhatChangedQuestion): Promise<WhatChanged> {
  const nowUs = serverNowUs(ctx);
  const { sinceUs: fromUs, untilUs = nowUs } = question;
  const window = { fromUs, toUs: latestUs(fromUs, earliestUs(untilUs, nowUs)) };
  const filter = { event: { prefix: [...BY_EVENTS.keys()].map((resource) => `${resource}.`) } };
  const page = await listEvents(ctx, {
    filter,
    sinceUs: window.fromUs,
    untilUs: window.toUs,
    order: "asc",
    limit: MAX_EVENTS,
    nowUs,
  });
  const byEvents = page.events.flatMap(changeOf);
  const byReadings = readChanges(ctx, window).filter((change) => !isShown(change, byEvents));
  const all = [...byEvents, ...byReadings].sort((a, b) => a.atUs - b.atUs || (a.id < b.id ? -1 : 1));
  const { after } = question;
  const rest = after
    ? all.filter((one) => one.atUs > after.atUs || (one.atUs === after.atUs && one.id > after.id))
    : all;
  const db = ctx.record();
  const changes = withFullNames(db, rest.slice(0, question.limit));
  const runs = db && isWindowRecorded(ctx, db, "flow_run", window) ? countRecordedRuns(db, window) : null;
  const isPast = runs !== null && isOver(ctx, window, nowUs);
  const freshness = isPast ? withNotes(page.freshness, [RUNS_AS_NOW]) : page.freshness;
  const hasMore = rest.length > changes.length || page.hasMore;
  return { window, changes, hasMore, runs, unread: db && unreadBefore(db, window), freshness };
}

function changeOf(event: PrefectEvent): Change[] {
  const match = CHANGE_EVENT.exec(event.event);
  const atUs = parseIsoUs(event.occurred);
  const kind = BY_EVENTS.get(match?.[1] ?? "");
  if (!match?.[2] || kind === undefined || atUs === undefined) return [];
  const id = event.resource[RESOURCE_ID]?.split(".").at(-1) ?? "";
  const diff = (event.payload.updates ?? {}) as Change["diff"];
  return [{ atUs, kind, id, name: briefEvent(event).resource_name ?? id, change: match[2], diff, eventId: event.id }];
}

/** Names of objects that were never recorded are those of the event. */
function withFullNames(db: RecordDb | null, changes: readonly Change[]): Change[] {
  const names = new Map<string, string>();
  if (db === null) return [...changes];
  for (const kind of SNAPSHOT_KINDS.filter((one) => KINDS[one].parent !== null)) {
    const ids = changes.filter((change) => change.kind === kind).map((change) => change.id);
    if (ids.length === 0) continue;
    for (const [id, name] of findFullNames(db, kind, ids)) names.set(id, name);
  }
  return changes.map((change) => {
    const full = names.get(change.id);
    return full?.includes("/") ? { ...change, name: full } : change;
  });
}

/** What cannot be known of the part of the window in which the lists were not read yet; null without such a part. */
function unreadBefore(db: RecordDb, window: TimeRange): Sentence | null {
  const skewUs = statedSkewUs(db);
  const begins = SNAPSHOT_KINDS.filter((kind) => factsOf(kind).changesFrom.includes("readings")).flatMap((kind) => {
    const beginUs = historyBeginUs(db, kind);
    return beginUs === null ? [] : [onServerClock(beginUs, skewUs)];
  });
  if (begins.length === 0) return sentence`Lists of objects were never read, so only changes with an event are shown.`;
  const beginUs = latestOf(begins);
  if (beginUs <= window.fromUs) return null;
  return sentence`Lists of objects are recorded since ${formatIsoSeconds(beginUs)}: of the time before, only changes with an event are shown, not pauses, schedules and limits.`;
}

/** Changes between readings. Paused deployments, schedules and limits have no events. */
function readChanges(ctx: QueryContext, window: TimeRange): Change[] {
  const db = ctx.record();
  if (!db) return [];
  const skewUs = statedSkewUs(db);
  const range = { fromUs: onLocalClock(window.fromUs, skewUs), toUs: onLocalClock(window.toUs, skewUs) };
  return findObjectChanges(db, { ...range, limit: MAX_EVENTS }).flatMap((row) =>
    !factsOf(row.kind).changesFrom.includes("readings")
      ? []
      : [
          {
            atUs: onServerClock(row.atUs, skewUs),
            kind: row.kind,
            id: row.id,
            name: row.name,
            change: row.change,
            diff: row.diff,
            eventId: null,
          },
        ],
  );
}

/** Whether events already show a change between readings: of the same object, the same change, or every changed field. */
function isShown(change: Change, byEvents: readonly Change[]): boolean {
  const before = byEvents.filter((one) => one.id === change.id && one.kind === change.kind && one.atUs <= change.atUs);
  if (before.length === 0) return false;
  if (change.change !== "updated") return before.some((one) => one.change === change.change);
  const isPauseShown = before.some((one) => /paused|ready/.test(one.change));
  return Object.keys(change.diff).every(
    (field) => field === "status" || (field === "is_paused" && isPauseShown) || before.some((one) => field in one.diff),
  );
}
