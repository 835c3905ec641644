/**
 * A diagnosis is made of facts gathered once and of causes judged on them. A cause is one small module: what it needs, what
 * proves it, what excludes it. It never asks anything itself, so every cause can be tested on facts written by hand.
 */

import type { PrefectEvent } from "../../../model/events/event.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import type { TriggerReplay } from "../../../model/objects/automation-trigger.ts";
import type {
  Automation,
  ConcurrencyLimit,
  Deployment,
  FlowRun,
  Log,
  TaskRun,
  Worker,
  WorkPool,
  WorkQueue,
} from "../../../model/objects.ts";
import type { Frame } from "../../../model/runs/traceback.ts";
import type { ThrottlingPeriod } from "../../../model/throttling.ts";

export type SubjectKind = "flow_run" | "deployment" | "work_pool" | "automation" | "workspace";

export interface Subject {
  readonly kind: SubjectKind;
  /** Null for the workspace. */
  readonly id: string | null;
  readonly name: string | null;
}

/** A run with its names. */
export interface NamedRun {
  readonly run: FlowRun;
  readonly flowName: string | null;
  readonly deploymentName: string | null;
}

/** Who holds a slot. */
export interface Holder {
  readonly id: string;
  readonly name: string | null;
  /** Of a task run: the name of its flow run, where known. */
  readonly of?: string;
}

/** A work pool with everything that decides whether its runs start. */
export interface PoolFacts {
  readonly pool: WorkPool;
  readonly queues: readonly QueueFacts[];
  readonly workers: readonly Worker[];
  /** False when nobody could say who works it: the list is old or was not read. */
  readonly areWorkersKnown: boolean;
  /** Server's clock when the workers, and when the queues were read: heartbeats and polls are judged against these. */
  readonly workersReadUs: number;
  readonly queuesReadUs: number;
  /** Slots taken, limit or not; null when it could not be told. */
  readonly activeSlots: number | null;
  readonly holders: readonly Holder[];
}

export interface QueueFacts {
  readonly queue: WorkQueue;
  readonly activeSlots: number | null;
  readonly holders: readonly Holder[];
  /** Runs waiting in it, late or due. */
  readonly waiting: number;
}

export interface LimitFacts {
  readonly limit: ConcurrencyLimit;
  readonly kind: "deployment" | "tag" | "global";
  /** Deployment id, tag or the limit's own name. */
  readonly key: string;
  readonly holders: readonly Holder[];
}

/** What is known of why a run ended badly. */
export interface RunError {
  /** Exception type, null when nothing was raised. */
  readonly type: string | null;
  readonly message: string;
  readonly frame: Frame | null;
  /** The error lines that flow code or Prefect wrote, oldest first, tracebacks left out; `n` counts in what was read. */
  readonly lines: readonly Log[];
  readonly fingerprint: string;
  /** The failing task run, when one raised it. */
  readonly task: TaskRun | null;
}

/** One run in depth. */
export interface RunFacts extends NamedRun {
  /** When Prefect was seen to have it no more; null while it has. */
  readonly deletedUs: number | null;
  readonly deployment: Deployment | null;
  readonly pool: PoolFacts | null;
  readonly queue: QueueFacts | null;
  readonly tasks: readonly TaskRun[];
  /** Level 30 and above plus the last lines, ascending. Null: not held and not readable. */
  readonly logs: readonly Log[] | null;
  /** Events with the run as primary or related resource, ascending. */
  readonly events: readonly PrefectEvent[];
  readonly error: RunError | null;
  /** Subflow runs and runs started for it that ended badly or still run, each in depth, at most two levels. */
  readonly children: readonly RunFacts[];
  readonly parent: NamedRun | null;
  /** Runs of the same deployment (else flow) that ended before this one, newest first. */
  readonly history: readonly FlowRun[];
}

/** Runs that failed in one way. */
export interface FailureGroup {
  readonly fingerprint: string;
  readonly runs: readonly NamedRun[];
  readonly error: RunError | null;
  readonly firstUs: number;
  readonly lastUs: number;
  /** Succeeded since the last of them. */
  readonly isOver: boolean;
  /** Succeeded before the first of them, in the window. */
  readonly isNew: boolean;
}

export interface AutomationFacts {
  readonly automation: Automation;
  readonly replay: TriggerReplay | null;
  /** `prefect.automation.*` events of it, ascending. */
  readonly events: readonly PrefectEvent[];
}

/** Runs that ended in the window. */
export interface EndedRuns {
  /** All of them, or the newest where `isCut`. Newest first, as `bad`. */
  readonly newest: readonly NamedRun[];
  /** Failed and crashed ones, also those that ended before the newest. */
  readonly failed: readonly NamedRun[];
  readonly total: number;
  readonly failedTotal: number;
  readonly isCut: boolean;
}

/** A run that is RUNNING and what it told last. */
export interface RunningRun extends NamedRun {
  /** The newest with the run as primary or related resource, ascending. */
  readonly events: readonly PrefectEvent[];
}

/** A deployment that Prefect has deleted. */
export interface DeletedDeployment {
  readonly id: string;
  readonly name: string;
  readonly flowName: string | null;
  readonly deletedUs: number;
  /** The deployment of the same flow and name that there is now. */
  readonly successor: { readonly id: string; readonly created: string | null } | null;
}

export interface Facts {
  readonly subject: Subject;
  /** Server's clock. */
  readonly nowUs: number;
  /** Until when Prefect was heard: now, or when it was lost. What is silent since then is not dead. */
  readonly reachableUntilUs: number;
  readonly window: TimeRange;
  /** The run asked about. */
  readonly run: RunFacts | null;
  /** The deployments asked about, or those of the runs below. */
  readonly deployments: readonly Deployment[];
  /** The deployment asked about, where it is gone. */
  readonly deletedDeployment: DeletedDeployment | null;
  readonly pools: readonly PoolFacts[];
  /** Runs that are due and have not started, longest due first: Late, Scheduled in the past, AwaitingConcurrencySlot, Pending. */
  readonly waiting: readonly NamedRun[];
  /** Runs under way. */
  readonly active: readonly NamedRun[];
  /** Those of them that are RUNNING, where their events are known; empty for a question about one run. */
  readonly running: readonly RunningRun[];
  readonly ended: EndedRuns;
  readonly failures: readonly FailureGroup[];
  readonly limits: readonly LimitFacts[];
  /** Names of global limits that earlier runs of the flow asked about took. */
  readonly historyLimits: readonly string[];
  /** Failures elsewhere in the day before whose state tells the same error as the run asked about, newest first. */
  readonly sameError: readonly NamedRun[];
  /** Prefect Cloud's throttled periods in the window or in the run's time; null on a server, or when not asked. */
  readonly throttling: readonly ThrottlingPeriod[] | null;
  readonly automation: AutomationFacts | null;
  /** What could not be checked, one sentence each. */
  readonly unchecked: readonly string[];
}

export type Severity = "problem" | "note";

export interface NextCall {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly why: string;
}

/** What a cause says when it holds. */
export interface Finding {
  readonly code: string;
  readonly severity: Severity;
  /** One sentence that names the culprit. */
  readonly summary: string;
  /** Facts that prove it: names, ids, counts, times, log lines. */
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly fix: string;
  readonly next?: readonly NextCall[];
  /** 0..1: 1 is shown directly by Prefect, below 0.7 it is an inference and the summary says so. */
  readonly certainty: number;
  /** Runs it explains. */
  readonly runsExplained: number;
}

export interface CauseModule {
  /** Also the file's name. */
  readonly code: string;
  readonly subjects: readonly SubjectKind[];
  judge(facts: Facts): readonly Finding[];
  /** What is said under `ruled_out` when it was looked at and nothing was found; null when it does not apply. */
  ruledOut?(facts: Facts): string | null;
}
