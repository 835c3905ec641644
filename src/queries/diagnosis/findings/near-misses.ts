/** Events that a trigger nearly matches, the nearest last. */
import { type PrefectEvent, RESOURCE_ROLE } from "../../../model/events/event.ts";
import type { EventTrigger } from "../../../model/objects/automation-trigger.ts";

/**
 * Those that share most values with `match` and `match_related` (a flow, a deployment, a name) come last, and of these the newest: events
 * of strangers are seldom those that were meant. Case and separators do not count, because a value may be misspelt.
 */
export function nearestLast(
  events: readonly PrefectEvent[],
  { match, match_related }: Pick<EventTrigger, "match" | "match_related">,
): PrefectEvent[] {
  const wanted = new Set([match, ...match_related].flatMap((labels) => Object.entries(labels)).flatMap(valuesOf));
  const shared = new Map(events.map((event) => [event, sharedValues(event, wanted)]));
  return events.toSorted(
    (a, b) =>
      (shared.get(a) ?? 0) - (shared.get(b) ?? 0) || (a.occurred < b.occurred ? -1 : a.occurred > b.occurred ? 1 : 0),
  );
}

function sharedValues({ resource, related }: PrefectEvent, wanted: ReadonlySet<string>): number {
  const values = [resource, ...related].flatMap((labels) => Object.entries(labels)).flatMap(valuesOf);
  return new Set(values.filter((value) => wanted.has(value))).size;
}

/** Roles are those of every event of a kind. */
function valuesOf([label, value]: [string, unknown]): string[] {
  if (label === RESOURCE_ROLE) return [];
  const values = Array.isArray(value) ? value : [value];
  return values.flatMap((one) => (typeof one === "string" ? [one.toLowerCase().replace(/[^a-z0-9]/g, "")] : []));
}
