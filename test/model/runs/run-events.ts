/** State events as Prefect sends them, and task-run events with their payload. */
import { formatIsoUs } from "../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";

let made = 0;

/** A new UUID; each one sorts after those before it. */
export function aUuid(): string {
  made += 1;
  return `019a0000-0000-7000-8000-${made.toString(16).padStart(12, "0")}`;
}

export interface StateEventOptions {
  readonly runId: string;
  readonly type: string;
  readonly name?: string;
  readonly atUs: number;
  readonly id?: string;
  readonly follows?: string | null;
  readonly runCount?: number;
  readonly message?: string;
  readonly related?: readonly Record<string, string>[];
  readonly runName?: string;
  readonly receivedUs?: number;
  readonly payload?: Record<string, unknown>;
}

function titled(type: string): string {
  return type.slice(0, 1) + type.slice(1).toLowerCase();
}

function aStateEvent(kind: "flow-run" | "task-run", options: StateEventOptions): PrefectEvent {
  const name = options.name ?? titled(options.type);
  return {
    id: options.id ?? aUuid(),
    occurred: formatIsoUs(options.atUs),
    event: `prefect.${kind}.${name}`,
    resource: {
      "prefect.resource.id": `prefect.${kind}.${options.runId}`,
      "prefect.resource.name": options.runName ?? "amber-heron",
      "prefect.run-count": String(options.runCount ?? 0),
      "prefect.state-message": options.message ?? "",
      "prefect.state-name": name,
      "prefect.state-timestamp": formatIsoUs(options.atUs).replace("Z", "+00:00"),
      "prefect.state-type": options.type,
    },
    related: options.related ?? [],
    payload: options.payload ?? {},
    follows: options.follows ?? null,
    received: formatIsoUs(options.receivedUs ?? options.atUs + 20_000),
  };
}

export function aFlowRunEvent(options: StateEventOptions): PrefectEvent {
  return aStateEvent("flow-run", options);
}

export function aTaskRunEvent(options: StateEventOptions): PrefectEvent {
  return aStateEvent("task-run", options);
}

export function aRelated(role: string, id: string, name?: string): Record<string, string> {
  return {
    "prefect.resource.id": id,
    "prefect.resource.role": role,
    ...(name === undefined ? {} : { "prefect.resource.name": name }),
  };
}
