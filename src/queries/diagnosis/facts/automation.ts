/** An automation, its own events, and a replay of its trigger over the events that happened. */

import { AppError } from "../../../errors.ts";
import { asName, own, sentence } from "../../../lib/shown-text.ts";
import { addUs, DAY_US, earliestUs, formatIsoSeconds, latestUs, parseIsoUs, type ServerUs } from "../../../lib/time.ts";
import { type PrefectEvent, RESOURCE_ID, RESOURCE_ROLE, splitResourceId } from "../../../model/events/event.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import { resourceId } from "../../../model/kinds.ts";
import {
  HOLDS_EXPECTED_SINCE,
  readTrigger,
  replayTrigger,
  type Trigger,
} from "../../../model/objects/automation-trigger.ts";
import type { Automation } from "../../../model/objects.ts";
import { type EventsQuestion, listEvents } from "../../events/events.ts";
import { listObjects } from "../../objects/objects.ts";
import type { QueryContext } from "../../source/context.ts";
import { isOver } from "../../source/past-window.ts";
import { isServerBefore } from "../../source/server-version.ts";
import type { AutomationFacts, NamedRun } from "../findings/types.ts";
import { missingResources, nearNamesOf, readEventCounts } from "./event-names.ts";
import { attempt, type Gathering } from "./gathering.ts";
import { RecordedRuns } from "./recorded-run.ts";

const MAX_EVENTS = 2000;
const MAX_OWN_EVENTS = 100;
/** Automations fire rarely and their windows can be long, so more is read than for runs. */
const LOOK_BACK_US = 7 * DAY_US;

export async function gatherAutomation(
  ctx: QueryContext,
  id: string,
  window: TimeRange,
  nowUs: ServerUs,
  gathering: Gathering,
): Promise<AutomationFacts> {
  const set = { automations: { id: { any_: [id] } } };
  const page = await listObjects(ctx, { kind: "automation", set, sort: "NAME_ASC", limit: 1, offset: 0 });
  const [automation] = page.rows;
  if (!automation && !page.freshness.coverage.complete) {
    throw new AppError("unavailable", sentence`Automation ${asName(id)} is not recorded, and Prefect does not answer.`);
  }
  if (!automation) {
    throw new AppError("not_found", sentence`There is no automation ${asName(id)}.`, {
      hint: "get_automations lists them.",
    });
  }
  gathering.freshness.push(page.freshness);
  const createdUs = parseIsoUs(automation.created ?? "") ?? 0;
  const isPast = isOver(ctx, window, nowUs);
  const toUs = isPast ? window.toUs : nowUs;
  if (createdUs > toUs) {
    gathering.notes.push(
      sentence`The automation was created after the window, at ${own(formatIsoSeconds(createdUs))}.`,
    );
    return {
      automation: ofUnknownState(automation),
      replay: null,
      events: [],
      nearNames: [],
      missing: [],
      started: [],
    };
  }
  const range = {
    sinceUs: latestUs(createdUs, earliestUs(window.fromUs, addUs(toUs, -LOOK_BACK_US))),
    ...(isPast ? { untilUs: toUs } : {}),
  };
  const updatedUs = parseIsoUs(automation.updated ?? "") ?? nowUs;
  const isAsThen = !isPast || updatedUs <= toUs;
  if (!isAsThen)
    gathering.unchecked.push(own("its trigger, and whether it was enabled: it was changed after the window"));
  const trigger = isAsThen ? readTrigger(automation.trigger) : null;
  const [triggerEvents, events] = await Promise.all([
    trigger
      ? attempt<readonly PrefectEvent[] | null>(gathering, own("the events that its trigger listens to"), null, () =>
          readTriggerEvents(ctx, trigger, range, gathering),
        )
      : null,
    attempt<readonly PrefectEvent[]>(gathering, own("its own events"), [], async () => {
      const filter = { resource: { id: [resourceId("automation", id)] } };
      const found = await listEvents(ctx, { filter, ...range, order: "desc", limit: MAX_OWN_EVENTS });
      return found.events.toReversed();
    }),
  ]);
  const replay =
    trigger && triggerEvents
      ? await attempt(gathering, own("a replay of its trigger"), null, async () =>
          replayTrigger(trigger, triggerEvents, toUs, {
            holdsExpected: !(await isServerBefore(ctx, HOLDS_EXPECTED_SINCE)),
          }),
        )
      : null;
  const counts = isAsThen && !isPast ? await readEventCounts(ctx, window, gathering) : null;
  const nearNames = counts ? nearNamesOf(automation, counts) : [];
  const db = ctx.record();
  const missing = db && isAsThen && !isPast ? missingResources(db, automation) : [];
  const started = startedRuns(ctx, events, nowUs);
  return {
    automation: isAsThen ? automation : ofUnknownState(automation),
    replay,
    events,
    nearNames,
    missing,
    started,
  };
}

const MAX_STARTED = 20;

/** An executed run-deployment names the run that it created: https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/actions.py */
function startedRuns(ctx: QueryContext, events: readonly PrefectEvent[], nowUs: ServerUs): NamedRun[] {
  const db = ctx.record();
  if (!db) return [];
  const runs = new RecordedRuns(db, nowUs);
  return events
    .filter(({ event }) => event === "prefect.automation.action.executed")
    .toReversed()
    .slice(0, MAX_STARTED)
    .flatMap(({ related }) => {
      const created = related.find((one) => one[RESOURCE_ROLE] === "flow-run")?.[RESOURCE_ID];
      return (created ? runs.named(splitResourceId(created).key) : null) ?? [];
    });
}

/** Without `enabled`, which may have been another then. */
function ofUnknownState({ enabled: _, ...automation }: Automation): Automation {
  return automation;
}

async function readTriggerEvents(
  ctx: QueryContext,
  trigger: Trigger,
  range: Pick<EventsQuestion, "sinceUs" | "untilUs">,
  gathering: Gathering,
): Promise<readonly PrefectEvent[]> {
  const names = eventNames(trigger);
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
    const page = await listEvents(ctx, { filter, ...range, order: "desc", limit: MAX_EVENTS });
    gathering.freshness.push(page.freshness);
    if (page.hasMore)
      gathering.unchecked.push(sentence`events before the newest ${MAX_EVENTS} that its trigger listens to`);
    for (const event of page.events) found.set(event.id, event);
  }
  return [...found.values()];
}

/** Names and patterns of the events that can change the state of the trigger. Empty: every event. */
function eventNames(trigger: Trigger): string[] {
  if (trigger.type !== "event") {
    const names = trigger.triggers.map(eventNames);
    return names.some((one) => one.length === 0) ? [] : [...new Set(names.flat())];
  }
  return trigger.expect.length === 0 ? [] : [...trigger.expect, ...trigger.after];
}
