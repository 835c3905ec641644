/** How long a server keeps events. */
import { DAY_US, parseDurationUs, SECOND_US } from "../../lib/time.ts";
import type { JsonObject } from "../objects.ts";

/** Prefect's own default. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/settings/models/server/events.py */
export const DEFAULT_RETENTION_US = 7 * DAY_US;

/** Retention of events out of the settings tree of `GET /admin/settings`. */
export function retentionOf(settings: JsonObject): { us: number; hasShorter: boolean } {
  const us = durationUs(at(settings, ["server", "events", "retention_period"])) ?? DEFAULT_RETENTION_US;
  const overrides = at(settings, ["server", "services", "db_vacuum", "event_retention_overrides"]);
  const periods = typeof overrides === "object" && overrides !== null ? Object.values(overrides) : [];
  return { us, hasShorter: periods.some((period) => (durationUs(period) ?? us) < us) };
}

function at(tree: unknown, path: readonly string[]): unknown {
  let node = tree;
  for (const key of path) {
    if (typeof node !== "object" || node === null || !(key in node)) return undefined;
    node = (node as Record<string, unknown>)[key];
  }
  return node;
}

/** ISO-8601 text or plain seconds: both occur. */
function durationUs(value: unknown): number | undefined {
  if (typeof value === "number") return Math.round(value * SECOND_US);
  return typeof value === "string" ? parseDurationUs(value) : undefined;
}
