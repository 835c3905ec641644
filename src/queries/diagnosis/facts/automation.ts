/** An automation, its own events, and its trigger replayed over what happened. */
import { AppError } from "../../../errors.ts";
import { DAY_US, parseIsoUs } from "../../../lib/time.ts";
import type { PrefectEvent } from "../../../model/events/event.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import { readTrigger, replayTrigger, type Trigger } from "../../../model/objects/automation-trigger.ts";
import { listEvents } from "../../events/events.ts";
import { listObjects } from "../../objects/objects.ts";
import type { QueryContext } from "../../source/context.ts";
import type { AutomationFacts } from "../findings/types.ts";
import { attempt, type Gathering } from "./gathering.ts";

const MOST_EVENTS = 2000;
const OWN_EVENTS = 100;
/** Windows can be long, and automations fire rarely: look back further than for runs. */
const REACH_US = 7 * DAY_US;

export async function gatherAutomation(
  ctx: QueryContext,
  id: string,
  window: TimeRange,
  nowUs: number,
  gathering: Gathering,
): Promise<AutomationFacts> {
  const set = { automations: { id: { any_: [id] } } };
  const page = await listObjects(ctx, { kind: "automation", set, sort: "NAME_ASC", limit: 1, offset: 0 });
  const [automation] = page.rows;
  if (!automation) {
    throw new AppError("not_found", `There is no automation ${id}.`, { hint: "get_automations lists them." });
  }
  gathering.freshness.push(page.freshness);
  const createdUs = parseIsoUs(automation.created ?? "") ?? 0;
  const fromUs = Math.max(createdUs, Math.min(window.fromUs, nowUs - REACH_US));
  const trigger = readTrigger(automation.trigger);
  const [events, own] = await Promise.all([
    trigger
      ? attempt<readonly PrefectEvent[] | null>(gathering, "the events its trigger listens to", null, () =>
          readEvents(ctx, trigger, fromUs, gathering),
        )
      : null,
    attempt<readonly PrefectEvent[]>(gathering, "its own events", [], async () => {
      const filter = { resource: { id: [`prefect.automation.${id}`] } };
      const found = await listEvents(ctx, { filter, sinceUs: fromUs, order: "desc", limit: OWN_EVENTS });
      return found.events.toReversed();
    }),
  ]);
  const replay = trigger && events ? replayTrigger(trigger, events, nowUs) : null;
  return { automation, replay, events: own };
}

async function readEvents(
  ctx: QueryContext,
  trigger: Trigger,
  sinceUs: number,
  gathering: Gathering,
): Promise<readonly PrefectEvent[]> {
  const names = namesOf(trigger);
  const exact = names.filter((name) => !/[*?[]/.test(name));
  const prefixes = names.filter((name) => /[*?[]/.test(name)).map((name) => name.split(/[*?[]/)[0] ?? "");
  const hasAny = names.length === 0 || prefixes.includes("");
  const filters = hasAny
    ? [{}]
    : [
        ...(exact.length > 0 ? [{ event: { name: exact } }] : []),
        ...(prefixes.length > 0 ? [{ event: { prefix: prefixes } }] : []),
      ];
  const found = new Map<string, PrefectEvent>();
  for (const filter of filters) {
    const page = await listEvents(ctx, { filter, sinceUs, order: "desc", limit: MOST_EVENTS });
    gathering.freshness.push(page.freshness);
    if (page.more) gathering.unchecked.push(`events before the newest ${MOST_EVENTS} that its trigger listens to`);
    for (const event of page.events) found.set(event.id, event);
  }
  return [...found.values()];
}

function namesOf(trigger: Trigger): string[] {
  if (trigger.type !== "event") {
    const names = trigger.triggers.map(namesOf);
    return names.some((one) => one.length === 0) ? [] : [...new Set(names.flat())];
  }
  return trigger.expect.length === 0 ? [] : [...trigger.expect, ...trigger.after];
}
