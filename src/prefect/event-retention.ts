/**
 * How long a server keeps events. Its vacuum runs once an hour and deletes the events that are older than the retention then.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/services/db_vacuum.py
 */

import { isJsonNumber, isJsonObject } from "../lib/exact-json.ts";
import { smallest } from "../lib/lists.ts";
import { addUs, DAY_US, MINUTE_US, parseDurationUs, SECOND_US, type ServerUs } from "../lib/time.ts";
import type { JsonObject } from "../model/objects.ts";
import type { CallOptions, PrefectApi } from "./api.ts";

/** Prefect's own default. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/settings/models/server/events.py */
export const DEFAULT_RETENTION_US = 7 * DAY_US;

/** Any server is assumed to keep events for this long, whatever its settings are. */
export const LEAST_RETENTION_US = DAY_US;

/** Longer than the requests of one answer take, and more than the estimate of the server's clock can be wrong. */
export const RETENTION_MARGIN_US = MINUTE_US;

export interface EventRetention {
  readonly us: number;
  /** The shortest retention of any kind of events: `us` unless the server deletes some kinds earlier. */
  readonly shortestUs: number;
}

/** Asks the server. Null from Prefect Cloud, which keeps events by plan and does not say how long. Throws AppError. */
export async function readEventRetention(api: PrefectApi, options?: CallOptions): Promise<EventRetention | null> {
  return api.isCloud ? null : retentionOf(await api.readServerSettings(options));
}

/**
 * The retention horizon: events that occurred at or after this moment (server clock) cannot have been deleted by age before an
 * answer that is asked for at `nowUs` (server clock) has arrived. Minus infinity where the retention is unknown.
 */
export function retentionHorizonUs(nowUs: ServerUs, retentionUs: number | null): ServerUs {
  if (retentionUs === null) return Number.NEGATIVE_INFINITY;
  return addUs(nowUs, Math.min(RETENTION_MARGIN_US, retentionUs / 10) - retentionUs);
}

/** The retention in the settings tree of `GET /admin/settings`. */
export function retentionOf(settings: JsonObject): EventRetention {
  const us = durationUs(at(settings, ["server", "events", "retention_period"])) ?? DEFAULT_RETENTION_US;
  const overrides = at(settings, ["server", "services", "db_vacuum", "event_retention_overrides"]);
  const periods = isJsonObject(overrides) ? Object.values(overrides) : [];
  return { us, shortestUs: smallest([us, ...periods.map((period) => durationUs(period) ?? us)]) };
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
  if (isJsonNumber(value)) return Math.round(Number(value) * SECOND_US);
  return typeof value === "string" ? parseDurationUs(value) : undefined;
}
