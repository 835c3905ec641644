/** Names that a trigger expects and that never occurred, with names that did and that differ in little. Most are misspelt. */
import { distance } from "fastest-levenshtein";
import { own } from "../../../lib/shown-text.ts";
import { addUs, DAY_US } from "../../../lib/time.ts";
import { isUuid } from "../../../lib/uuid.ts";
import { RESOURCE_ID, RESOURCE_NAME, RESOURCE_ROLE, splitResourceId } from "../../../model/events/event.ts";
import type { LabelSpec } from "../../../model/events/event-filter.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import { type EventTrigger, readTrigger, type Trigger } from "../../../model/objects/automation-trigger.ts";
import type { Automation } from "../../../model/objects.ts";
import type { RecordDb } from "../../../store/database.ts";
import { countRecordedNames } from "../../../store/events/event-groups.ts";
import { findObjects } from "../../../store/objects/objects.ts";
import { findFact } from "../../../store/sync-state.ts";
import { aggregateEvents } from "../../events/aggregate.ts";
import type { QueryContext } from "../../source/context.ts";
import type { MissingResource, NearNames } from "../findings/types.ts";
import { attempt, type Gathering } from "./gathering.ts";

const LOOK_BACK_US = 7 * DAY_US;
/** So many changed characters still count as a misspelling. */
const MAX_EDITS = 2;
const MAX_NEAR = 2;
/** Names that Prefect emits, even if nothing has made it do so yet. */
const OF_PREFECT =
  /^prefect\.(?:(?:flow-run|task-run)\.(?:Scheduled|Late|AwaitingRetry|AwaitingConcurrencySlot|Pending|Submitting|InfrastructurePending|Running|Retrying|Resuming|Paused|Suspended|Completed|Cached|Skipped|RolledBack|Failed|TimedOut|Crashed|Cancelling|Cancelled|heartbeat)|(?:deployment|work-pool|work-queue|automation|block-document)\.[a-z-]+(?:\.[a-z-]+)*|worker\.[a-z-]+|concurrency-limit\.[a-z.]+)$/;

/** How often each event name occurred: in all of the record, else in the last days. Null: unknown. */
export async function readEventCounts(
  ctx: QueryContext,
  window: TimeRange,
  gathering: Gathering,
): Promise<ReadonlyMap<string, number> | null> {
  const db = ctx.record();
  if (db) return countRecordedNames(db);
  return attempt(gathering, own("which events occur"), null, async () => {
    const sinceUs = addUs(window.toUs, -LOOK_BACK_US);
    const { groups } = await aggregateEvents(ctx, { filter: {}, by: "event", sinceUs });
    return new Map(groups.map(({ key, count }) => [key, count]));
  });
}

/** Of every name in the automation's trigger that never occurred. */
export function nearNamesOf(automation: Automation, counts: ReadonlyMap<string, number>): NearNames[] {
  const trigger = readTrigger(automation.trigger);
  const expected = trigger ? [...new Set(namesIn(trigger))] : [];
  return expected.flatMap((name) => {
    if (/[*?[]/.test(name) || OF_PREFECT.test(name) || (counts.get(name) ?? 0) > 0) return [];
    const near = [...counts]
      .filter(([other, count]) => count > 0 && isNear(name, other))
      .map(([other, count]) => ({ name: other, count }))
      .toSorted((a, b) => b.count - a.count)
      .slice(0, MAX_NEAR);
    return near.length > 0 ? [{ expected: name, near }] : [];
  });
}

function namesIn(trigger: Trigger): string[] {
  return trigger.type === "event" ? [...trigger.expect, ...trigger.after] : trigger.triggers.flatMap(namesIn);
}

const ROLES = {
  flow: "flow",
  deployment: "deployment",
  "work-pool": "work_pool",
  "work-queue": "work_queue",
} as const satisfies Readonly<Record<string, MissingResource["kind"]>>;

/** Flows, deployments, pools and queues that the trigger names and that do not exist: deleted, or misspelt. */
export function missingResources(db: RecordDb, automation: Automation): MissingResource[] {
  const trigger = readTrigger(automation.trigger);
  if (trigger === null) return [];
  const found = eventTriggers(trigger).flatMap(({ match, match_related }) => [
    ...missingOf(db, match, "match"),
    ...match_related.flatMap((labels) => missingOf(db, labels, "match_related")),
  ]);
  return [...new Map(found.map((one) => [`${one.kind} ${one.expected}`, one])).values()];
}

function missingOf(db: RecordDb, labels: LabelSpec, part: MissingResource["part"]): MissingResource[] {
  const ids = valuesOf(labels[RESOURCE_ID]).map(splitResourceId);
  const kinds = [...ids.map(({ kind }) => kind.replace(/^prefect\./, "")), ...valuesOf(labels[RESOURCE_ROLE])];
  const [kind] = kinds.flatMap((one) => ROLES[one as keyof typeof ROLES] ?? []);
  if (kind === undefined || findFact(db, `read:${kind}`) === null) return [];
  const objects = findObjects(db, kind);
  const byId = ids.filter(({ key }) => isUuid(key));
  const names = valuesOf(labels[RESOURCE_NAME]);
  // One value that exists is enough: the others are alternatives.
  const isFound =
    byId.some(({ key }) => objects.some(({ id }) => id === key.toLowerCase())) ||
    names.some((name) => objects.some((one) => one.name === name)) ||
    [...names, ...ids.map(({ key }) => key)].some((value) => /[*?[]|^!/.test(value) && names.length === 0);
  const expected = names[0] ?? byId[0]?.key;
  if (isFound || expected === undefined || names.some((name) => /[*?[]|^!/.test(name))) return [];
  const near = [...new Set(objects.map(({ name }) => name))]
    .filter((name) => isNear(expected, name))
    .slice(0, MAX_NEAR);
  return [{ kind, expected, near, part }];
}

function valuesOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((one) => typeof one === "string");
}

function eventTriggers(trigger: Trigger): EventTrigger[] {
  return trigger.type === "event" ? [trigger] : trigger.triggers.flatMap(eventTriggers);
}

/** Equal without case and separators, or at most two characters apart. */
function isNear(a: string, b: string): boolean {
  const [x, y] = [plain(a), plain(b)];
  if (x === y) return true;
  if (Math.min(x.length, y.length) < 6 || Math.abs(x.length - y.length) > MAX_EDITS) return false;
  return distance(x, y) <= MAX_EDITS;
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}
