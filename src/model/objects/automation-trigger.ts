/**
 * Replays an automation's trigger over recorded events by the rules of Prefect's trigger service: one bucket per `for_each` key with
 * one open window; reactive triggers fire when the threshold is reached, proactive ones when a window ends below it.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/triggers.py
 *
 * The service sees events in order of arrival and keeps its windows in memory, so after a restart of the server or a failed evaluation
 * it may have decided otherwise. A replay is evidence, not proof.
 */
import { isJsonNumber } from "../../lib/exact-json.ts";
import { addUs, latestUs, parseIsoUs, SECOND_US, type ServerUs } from "../../lib/time.ts";
import { StepBudget } from "../../lib/wildcards.ts";
import type { PrefectEvent } from "../events/event.ts";
import type { LabelSpec } from "../events/event-filter.ts";
import { globMatcher, labelMatcher, STEPS_OF_CALL } from "../events/live-labels.ts";
import { durationSeconds } from "./duration-seconds.ts";

export interface EventTrigger {
  readonly type: "event";
  readonly match: LabelSpec;
  readonly match_related: readonly LabelSpec[];
  readonly after: readonly string[];
  readonly expect: readonly string[];
  readonly for_each: readonly string[];
  readonly posture: "Reactive" | "Proactive";
  readonly threshold: number;
  /** Seconds; 0: every matching event counts alone. */
  readonly within: number;
}

export interface CompositeTrigger {
  readonly type: "compound" | "sequence";
  readonly triggers: readonly Trigger[];
  /** Number of children that must have fired; for a sequence all, in order. */
  readonly require: number;
  readonly within: number | null;
}

export type Trigger = EventTrigger | CompositeTrigger;

export interface TriggerFiring {
  readonly atUs: ServerUs;
  /** Values of `for_each`, sorted by label. */
  readonly key: readonly string[];
  readonly count: number;
  /** The event that made it fire; null when the end of a window did. */
  readonly event: PrefectEvent | null;
}

/** A window of a bucket. */
export interface TriggerWindow {
  readonly key: readonly string[];
  readonly fromUs: ServerUs;
  readonly toUs: ServerUs;
  readonly count: number;
  readonly events: readonly PrefectEvent[];
}

export interface MissedEvents {
  /** The name matches, the primary resource does not. */
  resource: PrefectEvent[];
  /** Name and primary resource match, but no related resource does. */
  related: PrefectEvent[];
  /** All conditions match, but no `after` event had opened a window. */
  notStarted: PrefectEvent[];
  /** All conditions match, but `occurred` is before the open window: it arrived late or the trigger had just fired. */
  late: PrefectEvent[];
}

export interface TriggerReplay {
  readonly trigger: Trigger;
  readonly firings: readonly TriggerFiring[];
  /** Events that matched all conditions. */
  readonly matched: readonly PrefectEvent[];
  readonly missed: MissedEvents;
  /** For reactive triggers with a threshold: the window with the most events among those that did not fire. */
  readonly nearest: TriggerWindow | null;
  /** Windows open at the end of the replay. A proactive trigger fires at `toUs` unless its events arrive. */
  readonly open: readonly TriggerWindow[];
  readonly children: readonly TriggerReplay[];
}

/** What the end of a window costs, compared with one step of a pattern. */
const STEPS_OF_WINDOW = 100;
const LOOKBACK_US = 15 * 60 * SECOND_US;

const EVALUATED_TYPES: ReadonlySet<string> = new Set(["event", "compound", "sequence"]);

/** The trigger in an automation's JSON; null for metric triggers, which are not evaluated with events, and for types that are not known. */
export function readTrigger(json: unknown): Trigger | null {
  const raw = json as Record<string, unknown> | null;
  if (typeof raw !== "object" || raw === null || raw.posture === "Metric") return null;
  if (typeof raw.type === "string" && !EVALUATED_TYPES.has(raw.type)) return null;
  if (Array.isArray(raw.triggers)) {
    const triggers = raw.triggers.map(readTrigger);
    if (triggers.some((one) => one === null)) return null;
    const children = triggers.filter((one) => one !== null);
    const isCompound = raw.type === "compound" || (raw.type !== "sequence" && raw.require !== undefined);
    const require =
      !isCompound || raw.require === "all" ? children.length : raw.require === "any" ? 1 : Number(raw.require);
    return {
      type: isCompound ? "compound" : "sequence",
      triggers: children,
      require,
      within: durationSeconds(raw.within),
    };
  }
  const related = raw.match_related ?? {};
  return {
    type: "event",
    match: (raw.match ?? {}) as LabelSpec,
    match_related: (Array.isArray(related) ? related : [related]) as LabelSpec[],
    after: strings(raw.after),
    expect: strings(raw.expect),
    for_each: strings(raw.for_each).toSorted(),
    posture: raw.posture === "Proactive" ? "Proactive" : "Reactive",
    threshold: isJsonNumber(raw.threshold) ? Number(raw.threshold) : 1,
    within: durationSeconds(raw.within) ?? 0,
  };
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

/** From here on, a window of a proactive trigger with `after` counts the events inside it that arrived before it was opened. */
export const HOLDS_EXPECTED_SINCE = "3.9.0";

export interface TriggerReplayOptions {
  /**
   * As servers from HOLDS_EXPECTED_SINCE on do.
   * https://github.com/PrefectHQ/prefect/blob/3.9.1/src/prefect/server/events/models/automation_held_events.py
   */
  readonly holdsExpected?: boolean;
}

/**
 * @param events all recorded events of the period, in any order
 * @param nowUs end of the replay: windows that end before it have ended
 */
export function replayTrigger(
  trigger: Trigger,
  events: readonly PrefectEvent[],
  nowUs: ServerUs,
  { holdsExpected = false }: TriggerReplayOptions = {},
): TriggerReplay {
  const receivedUs = new Map(events.map((event) => [event, parseIsoUs(event.received) ?? 0]));
  const arrived = [...events].sort((a, b) => (receivedUs.get(a) ?? 0) - (receivedUs.get(b) ?? 0));
  return replayArrived(trigger, { events: arrived, nowUs, budget: new StepBudget(), holdsExpected });
}

interface Arrived {
  /** In the order of arrival. */
  readonly events: readonly PrefectEvent[];
  readonly nowUs: ServerUs;
  /** For the trigger with all triggers inside it. */
  readonly budget: StepBudget;
  readonly holdsExpected: boolean;
}

function replayArrived(trigger: Trigger, arrived: Arrived): TriggerReplay {
  return trigger.type === "event" ? replayEvents(trigger, arrived) : replayComposite(trigger, arrived);
}

interface Bucket {
  /** Of its key. */
  id: string;
  key: readonly string[];
  startUs: ServerUs;
  endUs: ServerUs;
  count: number;
  events: PrefectEvent[];
}

function replayEvents(
  trigger: EventTrigger,
  { events: arrived, nowUs, budget, holdsExpected }: Arrived,
): TriggerReplay {
  const withinUs = trigger.within * SECOND_US;
  const expects = nameMatcher(trigger.expect, true, budget);
  const starts = nameMatcher(trigger.after, false, budget);
  const findMiss = missFinder(trigger, budget);
  const buckets = new Map<string, Bucket>();
  const firings: TriggerFiring[] = [];
  let matched: PrefectEvent[] = [];
  const missed: MissedEvents = { resource: [], related: [], notStarted: [], late: [] };
  let nearest: Bucket | null = null;

  const isHolding = holdsExpected && trigger.posture === "Proactive" && trigger.after.length > 0;
  const held = new Map<string, PrefectEvent[]>();
  /** A window that an event of `after` opens, with the events inside it that arrived before. */
  const openAfter = (id: string, key: readonly string[], startUs: ServerUs, count: number): Bucket => {
    const endUs = addUs(startUs, withinUs);
    const before = held.get(id) ?? [];
    budget.spend(before.length);
    const inside = before.filter((event) => {
      const occurredUs = parseIsoUs(event.occurred) ?? 0;
      return occurredUs >= startUs && occurredUs < endUs;
    });
    if (inside.length > 0) {
      budget.spend(matched.length + missed.notStarted.length + missed.late.length);
      const counted = new Set(inside);
      matched = [...matched.filter((event) => !counted.has(event)), ...inside];
      missed.notStarted = missed.notStarted.filter((event) => !counted.has(event));
      missed.late = missed.late.filter((event) => !counted.has(event));
    }
    return { id, key, startUs, endUs, count: count + inside.length, events: inside };
  };

  const meets = (count: number) =>
    trigger.posture === "Reactive" ? count >= trigger.threshold : count < trigger.threshold;
  const close = (bucket: Bucket) => {
    if (trigger.posture === "Reactive" && bucket.count > (nearest?.count ?? 0)) nearest = { ...bucket };
  };
  const renew = (bucket: Bucket, startUs: ServerUs) => {
    const { id, key } = bucket;
    if (trigger.after.length > 0 || withinUs === 0) buckets.delete(id);
    else buckets.set(id, { id, key, startUs, endUs: addUs(startUs, withinUs), count: 0, events: [] });
  };
  const closeExpired = (untilUs: ServerUs) => {
    if (trigger.posture !== "Proactive") return;
    budget.spend(buckets.size);
    for (const bucket of [...buckets.values()]) {
      if (bucket.endUs > untilUs) continue;
      budget.spend(STEPS_OF_WINDOW);
      if (meets(bucket.count)) firings.push({ atUs: bucket.endUs, key: bucket.key, count: bucket.count, event: null });
      renew(bucket, bucket.endUs);
    }
  };

  for (const event of arrived) {
    const expected = expects(event.event);
    const starting = starts(event.event);
    if (!expected && !starting) continue;
    const miss = findMiss(event);
    if (miss) {
      missed[miss].push(event);
      continue;
    }
    const occurredUs = parseIsoUs(event.occurred) ?? 0;
    closeExpired(occurredUs);
    const key = trigger.for_each.map((label) => findLabel(event, label));
    const id = JSON.stringify(key);
    let bucket = buckets.get(id);
    if (starting && (!bucket || bucket.endUs <= occurredUs)) {
      bucket = openAfter(id, key, occurredUs, expected ? -1 : 0);
      buckets.set(id, bucket);
    } else if (!bucket && trigger.after.length === 0) {
      bucket = {
        id,
        key,
        startUs: addUs(occurredUs, -LOOKBACK_US),
        endUs: addUs(occurredUs, withinUs),
        count: 0,
        events: [],
      };
      buckets.set(id, bucket);
    }
    if (!expected) continue;
    if (isHolding && !starting) {
      const before = held.get(id);
      if (before) before.push(event);
      else held.set(id, [event]);
    }
    if (!bucket) {
      missed.notStarted.push(event);
      continue;
    }
    if (occurredUs < bucket.startUs) {
      missed.late.push(event);
      continue;
    }
    matched.push(event);
    if (trigger.posture === "Reactive" && withinUs > 0 && occurredUs >= bucket.endUs) {
      close(bucket);
      if (trigger.after.length > 0) {
        buckets.delete(id);
        missed.notStarted.push(event);
        continue;
      }
      bucket = { id, key, startUs: occurredUs, endUs: addUs(occurredUs, withinUs), count: 0, events: [] };
      buckets.set(id, bucket);
    }
    bucket.count += 1;
    bucket.events.push(event);
    if (trigger.posture === "Reactive" && meets(bucket.count)) {
      firings.push({ atUs: occurredUs, key, count: bucket.count, event });
      renew(bucket, latestUs(bucket.endUs, occurredUs));
    } else if (trigger.posture === "Proactive" && starting && !meets(bucket.count)) {
      buckets.set(id, openAfter(id, key, occurredUs, 0));
    } else if (withinUs === 0) {
      close(bucket);
      buckets.delete(id);
    }
  }
  closeExpired(nowUs);
  const open = [...buckets.values()].filter((bucket) => bucket.endUs > nowUs);
  for (const bucket of buckets.values()) close(bucket);
  return {
    trigger,
    firings,
    matched,
    missed,
    nearest: nearest === null ? null : toWindow(nearest),
    open: open.map(toWindow),
    children: [],
  };
}

function toWindow(bucket: Bucket): TriggerWindow {
  return { key: bucket.key, fromUs: bucket.startUs, toUs: bucket.endUs, count: bucket.count, events: bucket.events };
}

function nameMatcher(patterns: readonly string[], whenEmpty: boolean, budget: StepBudget): (name: string) => boolean {
  if (patterns.length === 0) return () => whenEmpty;
  const matchers = patterns.map((pattern) => globMatcher(pattern, budget));
  return (name) => {
    budget.spend(matchers.length * (STEPS_OF_CALL + name.length));
    return matchers.some((matches) => matches(name));
  };
}

function missFinder(trigger: EventTrigger, budget: StepBudget): (event: PrefectEvent) => "resource" | "related" | null {
  const matchesPrimary = labelMatcher(trigger.match, budget);
  const related = trigger.match_related
    .filter((spec) => Object.keys(spec).length > 0)
    .map((spec) => labelMatcher(spec, budget));
  return (event) => {
    if (!matchesPrimary(event.resource)) return "resource";
    return related.every((matches) => event.related.some(matches)) ? null : "related";
  };
}

function findLabel(event: PrefectEvent, label: string): string {
  const parts = /^related:([^:]*):(.+)$/.exec(label);
  if (!parts) return event.resource[label] ?? "";
  const owner = event.related.find((one) => one["prefect.resource.role"] === parts[1]);
  return owner?.[parts[2] ?? ""] ?? "";
}

function replayComposite(trigger: CompositeTrigger, arrived: Arrived): TriggerReplay {
  const children = trigger.triggers.map((child) => {
    arrived.budget.spend(arrived.events.length);
    return replayArrived(child, arrived);
  });
  const childFirings = children
    .flatMap((child, index) => child.firings.map((firing) => ({ index, firing })))
    .sort((a, b) => a.firing.atUs - b.firing.atUs);
  const firings: TriggerFiring[] = [];
  let held = new Map<number, TriggerFiring>();
  for (const { index, firing } of childFirings) {
    arrived.budget.spend(held.size);
    if (trigger.within !== null) {
      const oldestUs = firing.atUs - trigger.within * SECOND_US;
      held = new Map([...held].filter(([, one]) => one.atUs >= oldestUs));
    }
    held.delete(index);
    held.set(index, firing);
    const isReady =
      trigger.type === "compound" ? held.size >= trigger.require : isInOrder([...held.keys()], children.length);
    if (!isReady) continue;
    firings.push({ atUs: firing.atUs, key: [], count: held.size, event: firing.event });
    held = new Map();
  }
  return {
    trigger,
    firings,
    matched: children.flatMap((child) => child.matched),
    missed: { resource: [], related: [], notStarted: [], late: [] },
    nearest: null,
    open: [],
    children,
  };
}

function isInOrder(indexes: readonly number[], length: number): boolean {
  return indexes.length === length && indexes.every((value, position) => value === position);
}
