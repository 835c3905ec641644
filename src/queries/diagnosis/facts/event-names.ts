/** Names that a trigger expects and that never occurred, with names that did and that differ in little. Most are misspelt. */
import { distance } from "fastest-levenshtein";
import { own } from "../../../lib/shown-text.ts";
import { addUs, DAY_US } from "../../../lib/time.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import { readTrigger, type Trigger } from "../../../model/objects/automation-trigger.ts";
import type { Automation } from "../../../model/objects.ts";
import { countRecordedNames } from "../../../store/events/event-groups.ts";
import { aggregateEvents } from "../../events/aggregate.ts";
import type { QueryContext } from "../../source/context.ts";
import type { NearNames } from "../findings/types.ts";
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
