/**
 * An event exactly as Prefect returns it over REST and the websocket.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/schemas/events.py
 */
export interface PrefectEvent {
  readonly id: string;
  /** Clock of the sender. ISO 8601 with six fractional digits, or none when they are zero. */
  readonly occurred: string;
  readonly event: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly related: readonly Readonly<Record<string, string>>[];
  readonly payload: Readonly<Record<string, unknown>>;
  readonly follows: string | null;
  /** Server clock when it was published. */
  readonly received: string;
}

/** How an event first got into the record. The numbers are stored: never change them. */
export const EVENT_SOURCES = { stream: 1, "catch-up": 2, backfill: 3, audit: 4, live: 5 } as const;
export type EventSource = keyof typeof EVENT_SOURCES;

export const RESOURCE_ID = "prefect.resource.id";
export const RESOURCE_NAME = "prefect.resource.name";
export const RESOURCE_ROLE = "prefect.resource.role";

/** `prefect.flow-run.<uuid>` → kind `prefect.flow-run`, key `<uuid>`. Other ids have the kind "" and the whole text as key. */
export function splitResourceId(id: string): { kind: string; key: string } {
  const dot = id.lastIndexOf(".");
  if (!id.startsWith("prefect") || dot < 0) return { kind: "", key: id };
  return { kind: id.slice(0, dot), key: id.slice(dot + 1) };
}
