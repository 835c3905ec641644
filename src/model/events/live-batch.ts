import type { LocalUs } from "../../lib/time.ts";
import type { TimeRange } from "../freshness.ts";
import type { FlowRun, Log, SnapshotKind, SnapshotObjects, TaskRun } from "../objects.ts";
import type { PrefectEvent } from "./event.ts";

/**
 * Rows of a live answer, which queries hand to the writer to be stored. `readUs`: start of the request, local clock. `covered`: the
 * rows are all that Prefect had in that range at `readUs`; without it nothing is claimed.
 */
export type LiveBatch =
  | {
      readonly kind: "event";
      readonly rows: readonly PrefectEvent[];
      readonly readUs: LocalUs;
      readonly covered?: TimeRange;
    }
  | {
      readonly kind: "flow_run";
      readonly rows: readonly FlowRun[];
      readonly readUs: LocalUs;
      readonly missing?: readonly string[];
    }
  | {
      readonly kind: "task_run";
      readonly rows: readonly TaskRun[];
      readonly readUs: LocalUs;
      readonly ofFlowRuns?: readonly string[];
    }
  | { readonly kind: "log"; readonly rows: readonly Log[]; readonly readUs: LocalUs; readonly ofFlowRun?: string }
  | {
      readonly [K in SnapshotKind]: {
        readonly kind: K;
        readonly rows: readonly SnapshotObjects[K][];
        readonly readUs: LocalUs;
        /** The rows are the whole list: objects that are not among them have been deleted. */
        readonly isWhole: boolean;
      };
    }[SnapshotKind];
