import type { LocalUs, ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../freshness.ts";
import type { FlowRun, Log, SnapshotKind, SnapshotObjects, TaskRun } from "../objects.ts";
import type { PrefectEvent } from "./event.ts";

/**
 * Rows of a live answer, which queries hand to the writer to be stored. `readUs`: start of the request, local clock. `reachedUs`: what
 * the server clock had certainly reached by then; a claim ends there, and without it nothing is claimed. `covered`: the rows are all
 * that Prefect had in that range at `readUs`.
 */
export type LiveBatch =
  | {
      readonly kind: "event";
      readonly rows: readonly PrefectEvent[];
      readonly readUs: LocalUs;
      readonly covered?: TimeRange;
      readonly reachedUs?: ServerUs | null;
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
      readonly reachedUs?: ServerUs | null;
    }
  | {
      readonly kind: "log";
      readonly rows: readonly Log[];
      readonly readUs: LocalUs;
      readonly ofFlowRun?: string;
      readonly reachedUs?: ServerUs | null;
    }
  | {
      readonly [K in SnapshotKind]: {
        readonly kind: K;
        readonly rows: readonly SnapshotObjects[K][];
        readonly readUs: LocalUs;
        /** The rows are the whole list: objects that are not among them have been deleted. */
        readonly isWhole: boolean;
      };
    }[SnapshotKind];
