/** What the answering thread and the Worker say to each other. JSON text: cheaper than structured clones of many rows. */
import type { Settings } from "../config/settings.ts";
import type { ErrorCode } from "../errors.ts";
import type { LiveBatch } from "../model/events/live-batch.ts";
import type { ChangeNotice } from "../sync/context/changes.ts";

export type ToWorker =
  /** First of all. Without `follow` nothing is fetched: only live answers are stored. */
  | {
      readonly type: "open";
      readonly settings: Settings;
      readonly follow: boolean;
      readonly version: string;
      /** Stands as `tenant` in each line of the Worker's log. */
      readonly label: string | null;
    }
  | { readonly type: "follow" }
  | { readonly type: "save-live"; readonly batch: LiveBatch }
  | { readonly type: "touch" }
  | { readonly type: "stop" };

export type FromWorker =
  /** Messages sent before this one would be lost. */
  | { readonly type: "ready" }
  | { readonly type: "change"; readonly change: ChangeNotice }
  /** The record cannot be written for now; null when it can again. */
  | { readonly type: "trouble"; readonly error: WorkerTrouble | null }
  | { readonly type: "stopped" };

export interface WorkerTrouble {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | null;
}

export function encode(message: ToWorker | FromWorker): string {
  return JSON.stringify(message);
}

/** Both ends are this program: what arrives is what was sent. */
export function decode<T extends ToWorker | FromWorker>(text: unknown): T {
  return JSON.parse(String(text)) as T;
}
