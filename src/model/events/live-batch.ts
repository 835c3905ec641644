import type { TimeRange } from "../freshness.ts";
import type { FlowRun, Log, SnapshotKind, SnapshotObjects, TaskRun } from "../objects.ts";
import type { PrefectEvent } from "./event.ts";

/**
 * A live answer that is worth keeping: queries hand it on, the writer stores it. `readUs` is the start of the request.
 * `covered`, where given, says that the answer was the whole truth of that range at `readUs`; without it nothing is claimed.
 */
export type LiveBatch =
  | {
      readonly kind: "event";
      readonly rows: readonly PrefectEvent[];
      readonly readUs: number;
      readonly covered?: TimeRange;
    }
  | {
      readonly kind: "flow_run";
      readonly rows: readonly FlowRun[];
      readonly readUs: number;
      readonly missing?: readonly string[];
    }
  | {
      readonly kind: "task_run";
      readonly rows: readonly TaskRun[];
      readonly readUs: number;
      readonly ofFlowRuns?: readonly string[];
    }
  | { readonly kind: "log"; readonly rows: readonly Log[]; readonly readUs: number; readonly ofFlowRun?: string }
  | {
      readonly [K in SnapshotKind]: {
        readonly kind: K;
        readonly rows: readonly SnapshotObjects[K][];
        readonly readUs: number;
        /** The whole list was read: what is missing in it is gone. */
        readonly whole: boolean;
      };
    }[SnapshotKind];
