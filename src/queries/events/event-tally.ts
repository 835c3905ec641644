/** Groups of counted events. Groups from the record and from Prefect are added up. */
import { addUs, earliestUs, latestUs, MINUTE_US, parseIsoUs, SECOND_US, type ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";

export const GROUPINGS = ["time", "event", "resource", "deployment", "state"] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface EventGroup {
  /** Start of the bucket (microseconds as text), event name, resource id, deployment id, or `flow-run Failed`. */
  readonly key: string;
  /** Name of the resource or deployment. */
  readonly label: string | null;
  readonly count: number;
  /** First and last `occurred`, microseconds. Null where the source does not state them. */
  readonly firstUs: ServerUs | null;
  readonly lastUs: ServerUs | null;
}

/**
 * Keys of a tally beside its groups. `NO_GROUP` counts the events in no group: without a deployment, or no state change.
 * `REPEATED` counts how often events of several deployments are in a further group.
 */
export const NO_GROUP = "";
export const REPEATED = "\0";

/** The groups of a tally without those keys, and the number of its events in all. */
export function splitTally(tally: ReadonlyMap<string, EventGroup>, by: Grouping) {
  const groups = new Map(tally);
  // Other groupings have each event in one group, and a resource without an id has the key "".
  const isPartial = by === "deployment" || by === "state";
  const [ungrouped, repeated] = [NO_GROUP, REPEATED].map((key) => (isPartial ? (tally.get(key)?.count ?? 0) : 0));
  if (isPartial) for (const key of [NO_GROUP, REPEATED]) groups.delete(key);
  const rows = [...groups.values()].reduce((sum, group) => sum + group.count, 0);
  return {
    groups,
    total: rows - (repeated ?? 0) + (ungrouped ?? 0),
    ungrouped: ungrouped ?? 0,
    repeated: repeated ?? 0,
  };
}

/** A count under one of the keys above. */
export function countOnly(key: typeof NO_GROUP | typeof REPEATED, count: number): EventGroup {
  return { key, label: null, count, firstUs: null, lastUs: null };
}

/** Buckets of time, aligned like Prefect's: to Monday 2024-04-01, UTC. */
export interface Buckets {
  readonly stepUs: number;
  /** Start of the bucket in which the window begins. */
  readonly baseUs: ServerUs;
}

const PIVOT_US = parseIsoUs("2024-04-01T00:00:00Z") ?? 0;
/** Prefect refuses a count with more buckets. */
export const MAX_BUCKETS = 1_000;
const DEFAULT_BUCKETS = 48;
const STEPS_US = [1, 5, 15, 60, 360, 1_440, 10_080].map((minutes) => minutes * MINUTE_US);

export function bucketsOf(window: TimeRange, stepUs: number): Buckets {
  return { stepUs, baseUs: bucketStart(window.fromUs, stepUs) };
}

export function bucketStart(us: ServerUs, stepUs: number): ServerUs {
  return addUs(PIVOT_US, Math.floor((us - PIVOT_US) / stepUs) * stepUs);
}

/** The smallest usual step that gives at most 48 buckets. */
export function usualStep(window: TimeRange): number {
  const span = Math.max(SECOND_US, window.toUs - window.fromUs);
  return STEPS_US.find((step) => span / step <= DEFAULT_BUCKETS) ?? 4 * (STEPS_US.at(-1) ?? MINUTE_US);
}

/** All buckets of the window in ascending order, including empty ones, except one that only begins at the very end. */
export function fillBuckets(
  groups: ReadonlyMap<string, EventGroup>,
  window: TimeRange,
  buckets: Buckets,
): EventGroup[] {
  const all: EventGroup[] = [];
  for (let us = buckets.baseUs; us <= window.toUs; us = addUs(us, buckets.stepUs)) {
    const key = String(us);
    if (us === window.toUs && !groups.has(key)) break;
    all.push(groups.get(key) ?? { key, label: null, count: 0, firstUs: null, lastUs: null });
  }
  return all;
}

/** The part of the bucket that the window holds; null: all of it. */
export function partOfBucket(startUs: ServerUs, stepUs: number, window: TimeRange): Partial<TimeRange> | null {
  const from = startUs < window.fromUs ? { fromUs: window.fromUs } : {};
  const to = addUs(startUs, stepUs - 1) > window.toUs ? { toUs: window.toUs } : {};
  const part = { ...from, ...to };
  return Object.keys(part).length === 0 ? null : part;
}

/** Adds one group to a tally. */
export function addGroup(tally: Map<string, EventGroup>, group: EventGroup): void {
  const before = tally.get(group.key);
  if (!before) {
    if (group.count > 0) tally.set(group.key, group);
    return;
  }
  const least = (a: ServerUs | null, b: ServerUs | null) => (a === null || b === null ? (a ?? b) : earliestUs(a, b));
  const most = (a: ServerUs | null, b: ServerUs | null) => (a === null || b === null ? (a ?? b) : latestUs(a, b));
  tally.set(group.key, {
    key: group.key,
    label: group.label ?? before.label,
    count: before.count + group.count,
    firstUs: least(before.firstUs, group.firstUs),
    lastUs: most(before.lastUs, group.lastUs),
  });
}

const STATE_EVENT = /^prefect\.(flow-run|task-run)\.([A-Z]\w*)$/;

/** `prefect.flow-run.Failed` → `flow-run Failed`. Null for events that are no state changes. */
export function stateKey(event: string): string | null {
  const [, kind, state] = STATE_EVENT.exec(event) ?? [];
  return kind && state ? `${kind} ${state}` : null;
}

/** Turns groups by event name into groups by state, and `NO_GROUP` for the others. */
export function toStates(byEvent: ReadonlyMap<string, EventGroup>): Map<string, EventGroup> {
  const tally = new Map<string, EventGroup>();
  for (const group of byEvent.values()) {
    const key = stateKey(group.key);
    addGroup(tally, key === null ? countOnly(NO_GROUP, group.count) : { ...group, key });
  }
  return tally;
}
