/** Messages between the main thread and the Worker, as JSON text: cheaper than structured clones of many rows. */
import type { Settings } from "../config/settings.ts";
import { parseJson } from "../lib/exact-json.ts";
import type { SteadyMs } from "../lib/time.ts";
import type { LiveBatch } from "../model/events/live-batch.ts";
import type { ChangeNotice } from "../sync/context/changes.ts";

export type ToWorker =
  /** The first message. Without `follow` nothing is fetched and only live batches are stored. */
  | {
      readonly type: "open";
      readonly settings: Settings;
      readonly follow: boolean;
      readonly version: string;
      /** The field `tenant` in each line of the Worker's log. */
      readonly label: string | null;
      /** In a fleet: the fencing number of the tenant. The Worker writes while it knows by `lease` that it is held. */
      readonly fence: number | null;
      /** The steady clock of the main thread when it was sent. The memory of the account's budget comes before it, as it is. */
      readonly steadyMs: SteadyMs;
    }
  /** Answers `lease`: for how long the lease was certainly held, after the moment that the Worker has named. */
  | { readonly type: "lease"; readonly askedMs: number; readonly leftMs: number }
  | { readonly type: "follow" }
  | { readonly type: "save-live"; readonly batch: LiveBatch }
  | { readonly type: "client-active" }
  | { readonly type: "stop" };

export type FromWorker =
  /** The Worker receives messages from now on; earlier ones would be lost. */
  | { readonly type: "ready" }
  /** The record was opened, or it could not be and is tried again. */
  | { readonly type: "started" }
  | { readonly type: "change"; readonly change: ChangeNotice }
  /** Asks for how long the lease is held. `askedMs`: the Worker's own steady clock, which the answer repeats. */
  | { readonly type: "lease"; readonly askedMs: number }
  /** A live batch was processed; `chars`: the length of its message. */
  | { readonly type: "saved"; readonly chars: number }
  | { readonly type: "stopped" };

export function encode(message: ToWorker | FromWorker): string {
  return JSON.stringify(message);
}

/** Not checked: both sides are this program. */
export function decode<T extends ToWorker | FromWorker>(text: unknown): T {
  return parseJson(String(text)) as T;
}
