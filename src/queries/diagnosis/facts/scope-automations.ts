/** Automations of a wider question: which of their actions failed, and which expect events that nothing emits. From the record. */
import { own } from "../../../lib/shown-text.ts";
import { type PrefectEvent, RESOURCE_ID } from "../../../model/events/event.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import type { Automation } from "../../../model/objects.ts";
import type { RecordDb } from "../../../store/database.ts";
import { findEvents } from "../../../store/events/events.ts";
import { findObjects } from "../../../store/objects/objects.ts";
import { findFact } from "../../../store/sync-state.ts";
import type { QueryContext } from "../../source/context.ts";
import type { AutomationFacts } from "../findings/types.ts";
import { missingResources, nearNamesOf, readEventCounts } from "./event-names.ts";
import type { Gathering } from "./gathering.ts";

const NAMES = ["triggered", "action.failed", "action.executed"].map((name) => `prefect.automation.${name}`);
const MAX_EVENTS = 500;

/** `ids`: of the objects of the scope; null: the whole workspace. An automation belongs to the objects that its actions name. */
export async function readScopeAutomations(
  ctx: QueryContext,
  ids: ReadonlySet<string> | null,
  window: TimeRange,
  gathering: Gathering,
): Promise<AutomationFacts[]> {
  const db = ctx.record();
  if (!db || findFact(db, "read:automation") === null) {
    gathering.unread.push(own("automations whose actions failed or whose events never occur"));
    return [];
  }
  const automations = findObjects(db, "automation")
    .map(({ doc }) => doc)
    .filter((automation) => ids === null || namesOneOf(automation, ids));
  if (automations.length === 0) return [];
  const events = Map.groupBy(readEvents(db, window), automationOf);
  const counts = await readEventCounts(ctx, window, gathering);
  return automations.map((automation) => ({
    automation,
    replay: null,
    events: events.get(automation.id) ?? [],
    nearNames: counts ? nearNamesOf(automation, counts) : [],
    missing: missingResources(db, automation),
    started: [],
  }));
}

function namesOneOf(
  { actions, actions_on_trigger = [], actions_on_resolve = [] }: Automation,
  ids: ReadonlySet<string>,
) {
  return [...actions, ...actions_on_trigger, ...actions_on_resolve].some((action) =>
    Object.values(action).some((value) => typeof value === "string" && ids.has(value)),
  );
}

/** Ascending. */
function readEvents(db: RecordDb, { fromUs, toUs }: TimeRange): PrefectEvent[] {
  const query = { fromUs, toUs, order: "desc" as const, limit: MAX_EVENTS, filter: { event: { name: NAMES } } };
  return findEvents(db, query).events.toReversed();
}

function automationOf(event: PrefectEvent): string {
  return event.resource[RESOURCE_ID]?.split(".").at(-1) ?? "";
}
