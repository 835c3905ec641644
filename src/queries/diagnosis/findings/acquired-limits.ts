import { RESOURCE_NAME } from "../../../model/events/event.ts";
import type { RunFacts } from "./types.ts";

const ACQUIRED = "prefect.concurrency-limit.acquired";

/** Names of the global limits whose slots the run acquired, read from its events. */
export function acquiredLimits(run: RunFacts): string[] {
  return [
    ...new Set(
      run.events.filter((event) => event.event === ACQUIRED).map((event) => event.resource[RESOURCE_NAME] ?? ""),
    ),
  ].filter((name) => name !== "");
}
