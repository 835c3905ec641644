import { type PrefectEvent, RESOURCE_NAME } from "../../../model/events/event.ts";
import type { RunFacts } from "./types.ts";

const ACQUIRED = "prefect.concurrency-limit.acquired";

/** Names of the global limits whose slots the run acquired, read from its events. */
export function acquiredLimits(run: RunFacts): string[] {
  return acquiredNames(run.events);
}

/** Names of the global limits of which these events report an acquired slot. */
export function acquiredNames(events: readonly PrefectEvent[]): string[] {
  const names = events.filter((event) => event.event === ACQUIRED).map((event) => event.resource[RESOURCE_NAME] ?? "");
  return [...new Set(names)].filter((name) => name !== "");
}
