/**
 * A diagnosis collects facts once and lets causes judge them. A cause is one small module: the facts it needs, what proves it,
 * what excludes it. It reads nothing itself, so each cause can be tested with facts written by hand.
 */

import type { Sentence } from "../../../lib/shown-text.ts";
import type { ServerUs } from "../../../lib/time.ts";
import type { PrefectEvent } from "../../../model/events/event.ts";
import type { TriggerReplay } from "../../../model/objects/automation-trigger.ts";
import type {
  Automation,
  ConcurrencyLimit,
  Deployment,
  FlowRun,
  JsonObject,
  Log,
  TaskRun,
  Worker,
  WorkPool,
  WorkQueue,
} from "../../../model/objects.ts";
import type { Frame } from "../../../model/runs/traceback.ts";
import type { ThrottlingPeriod } from "../../../model/throttling.ts";
import type { Scopes, SubjectKind } from "./scopes.ts";

export interface Subject {
  readonly kind: SubjectKind;
  /** Null for the workspace. */
  readonly id: string | null;
  readonly name: string | null;
}

/** A run with the names of its flow and deployment. */
export interface NamedRun {
  readonly run: FlowRun;
  readonly flowName: string | null;
  readonly deploymentName: string | null;
}

/** A deployment with the name of its flow, if it is known. */
export interface NamedDeployment extends Deployment {
  readonly flowName?: string | null;
}

/** A run that holds a slot of a limit. */
export interface Holder {
  readonly id: string;
  readonly name: string | null;
  /** For a task run: name and id of its flow run, if known. */
  readonly of?: string;
  readonly ofId?: string;
}

/** A work pool and what decides whether its runs start. */
export interface PoolFacts {
  readonly pool: WorkPool;
  readonly queues: readonly QueueFacts[];
  readonly workers: readonly Worker[];
  /** False when the list of workers is old or could not be read. */
  readonly areWorkersKnown: boolean;
  /** When workers and queues were read, server clock: heartbeats and polls are compared with these times. */
  readonly workersReadUs: ServerUs;
  readonly queuesReadUs: ServerUs;
  /** Occupied slots, also where there is no limit; null when unknown. */
  readonly activeSlots: number | null;
  readonly holders: readonly Holder[];
}

export interface QueueFacts {
  readonly queue: WorkQueue;
  readonly activeSlots: number | null;
  readonly holders: readonly Holder[];
  /** Runs of this queue that are late or due. */
  readonly waiting: number;
}

export interface LimitFacts {
  readonly limit: ConcurrencyLimit;
  readonly kind: "deployment" | "tag" | "global";
  /** Deployment id, tag, or the name of a global limit. */
  readonly key: string;
  readonly holders: readonly Holder[];
}

/** Why a run failed, as far as it is known. */
export interface RunError {
  /** Exception type, null when no exception was raised. */
  readonly type: string | null;
  readonly message: string;
  readonly frame: Frame | null;
  /** Error lines of the log without tracebacks and engine lines, oldest first. */
  readonly lines: readonly Log[];
  /** The task run that raised the exception, if one did. */
  readonly task: TaskRun | null;
  /** Other tasks of the run that failed with other errors. */
  readonly others: readonly OtherError[];
}

export interface OtherError {
  readonly task: string;
  readonly taskId: string;
  readonly type: string;
  readonly message: string;
}

/** Everything about one run. */
export interface RunFacts extends NamedRun {
  /** When its deletion in Prefect was noticed; null while it exists. */
  readonly deletedUs: ServerUs | null;
  readonly deployment: Deployment | null;
  readonly pool: PoolFacts | null;
  readonly tasks: readonly TaskRun[];
  /** Level 30 and above, and the last lines, ascending. Null: not recorded, and Prefect did not answer. */
  readonly logs: readonly Log[] | null;
  /** Events with the run as primary or related resource, ascending. */
  readonly events: readonly PrefectEvent[];
  readonly error: RunError | null;
  /** Subflow runs, and runs of deployments that it started, that failed, were cancelled or have not ended: three per run, four levels. */
  readonly children: readonly RunFacts[];
  readonly parent: NamedRun | null;
  /** Ended runs of the same deployment (without one: of the same flow) that started before this one, newest first. */
  readonly history: readonly FlowRun[];
  /** Names of global limits that earlier runs of the same flow acquired; only of a RUNNING run. */
  readonly historyLimits: readonly string[];
  /** JSON schema of the input that a paused run waits for. */
  readonly input: JsonObject | null;
}

/** Runs that failed with the same error. */
export interface FailureGroup {
  /** The runs in which it happened, newest first. */
  readonly runs: readonly NamedRun[];
  /** Runs that failed only because one of these, a subflow of theirs, failed. */
  readonly parents: readonly NamedRun[];
  readonly error: RunError | null;
  readonly firstUs: ServerUs;
  readonly lastUs: ServerUs;
  /** A run has completed since the last of them. */
  readonly isOver: boolean;
  /** A run completed before the first of them, in the window. */
  readonly isNew: boolean;
  /** The newest of them with its details, where the record has them. */
  readonly newest: RunFacts | null;
  /** Runs outside of the scope that failed with the same error in the day before, newest first. */
  readonly elsewhere: readonly NamedRun[];
}

/** Retries for one error. */
export interface RetryGroup {
  /** The runs, newest first. */
  readonly runs: readonly NamedRun[];
  readonly count: number;
  /** Names of the tasks that were retried; empty for retries of flow runs. */
  readonly tasks: readonly string[];
  readonly type: string | null;
  readonly message: string;
  readonly firstUs: ServerUs;
  readonly lastUs: ServerUs;
}

export interface AutomationFacts {
  readonly automation: Automation;
  readonly replay: TriggerReplay | null;
  /** `prefect.automation.*` events of this automation, ascending. */
  readonly events: readonly PrefectEvent[];
  /** Names that it expects and that never occurred, with similar ones that did. */
  readonly nearNames: readonly NearNames[];
  /** Objects that it names and that do not exist. */
  readonly missing: readonly MissingResource[];
  /** Recorded runs that its actions started, newest first. */
  readonly started: readonly NamedRun[];
}

/** An object that a trigger names and that does not exist. */
export interface MissingResource {
  readonly kind: "flow" | "deployment" | "work_pool" | "work_queue";
  readonly expected: string;
  /** Names that differ in little, the nearest first. */
  readonly near: readonly string[];
  /** Part of the trigger that names it. */
  readonly part: "match" | "match_related";
}

export interface NearNames {
  readonly expected: string;
  readonly near: readonly { readonly name: string; readonly count: number }[];
}

/** Runs that ended in the window. */
export interface EndedRunFacts {
  /** All of them, or the newest when `isCut`. Newest first, like `failed`. */
  readonly newest: readonly NamedRun[];
  /** Failed and crashed runs, including those that ended before `newest`. */
  readonly failed: readonly NamedRun[];
  readonly total: number;
  readonly failedTotal: number;
  readonly isCut: boolean;
  /** Runs that ended before the window, of deployments with few runs in it: the last ten of each, and back to the last that completed. */
  readonly earlier: readonly NamedRun[];
}

/** A deployment that was deleted in Prefect. */
export interface DeletedDeployment {
  readonly id: string;
  readonly name: string;
  readonly flowName: string | null;
  readonly deletedUs: ServerUs;
  /** The current deployment of the same flow and name. */
  readonly successor: { readonly id: string; readonly created: string | null } | null;
}

export interface Facts {
  readonly subject: Subject;
  /** Server clock. */
  readonly nowUs: ServerUs;
  /** The window is over: facts of the present (waiting and running runs, pools, workers, limits) are absent. */
  readonly isPast: boolean;
  /** Now, or when Prefect became unreachable: a run without events after that moment may still be running. Server clock. */
  readonly reachableUntilUs: number;
  /** The run in question. */
  readonly run: RunFacts | null;
  /** The deployment in question, those of the scope, or without a record those of waiting runs. */
  readonly deployments: readonly NamedDeployment[];
  /** The deployment in question, if it was deleted. */
  readonly deletedDeployment: DeletedDeployment | null;
  /** Ids of deployments with an active schedule and without a run to come; null: not known. */
  readonly withoutUpcoming: ReadonlySet<string> | null;
  /** Of these: the next time of their active schedules, null where there is none; absent: not understood, or not computed. */
  readonly nextTimes: ReadonlyMap<string, ServerUs | null>;
  readonly pools: readonly PoolFacts[];
  /** Runs that are due and have not started (Late, Scheduled in the past, AwaitingConcurrencySlot, Pending), earliest first. */
  readonly waiting: readonly NamedRun[];
  /** Runs that have been submitted and have not ended. */
  readonly active: readonly NamedRun[];
  /**
   * Runs that have started or been taken and have not ended, each with its details: the run in question, or those of the scope,
   * as the record has them.
   */
  readonly examined: readonly RunFacts[];
  readonly ended: EndedRunFacts;
  readonly failures: readonly FailureGroup[];
  readonly retries: readonly RetryGroup[];
  readonly limits: readonly LimitFacts[];
  /** Failures of other runs in the day before whose state reports the same error, newest first. */
  readonly sameError: readonly NamedRun[];
  /** Periods in which Prefect Cloud throttled requests, in the window or during the run; null on a server or when not read. */
  readonly throttling: readonly ThrottlingPeriod[] | null;
  /** The automation in question. */
  readonly automation: AutomationFacts | null;
  /** The automation in question, or those of the scope, without a replay of their triggers. */
  readonly automations: readonly AutomationFacts[];
  /** What could not be checked, one phrase each. */
  readonly unchecked: readonly Sentence[];
  /** Facts that can only be read from a record, and were not read because no current one exists. */
  readonly unread: readonly Sentence[];
}

export type Severity = "problem" | "note";

export interface NextCall {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly why: Sentence;
}

/** What a cause has found. */
export interface Finding {
  readonly code: string;
  readonly severity: Severity;
  /** One sentence that names the cause. */
  readonly summary: Sentence;
  /** Facts that prove the cause: names, ids, counts, times, log lines. */
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly fix: Sentence;
  readonly next?: readonly NextCall[];
  /** 0..1. 1: Prefect shows it directly; below 0.7: an inference, and the summary says so. */
  readonly certainty: number;
  /** Number of runs that it explains. */
  readonly runsExplained: number;
  /** What keeps this up: followed to its own cause. The most important first. */
  readonly leads?: readonly Lead[];
  /** It is one only if a lead has a problem of its own: a run that waits for one that works as it should has none. */
  readonly isOfLead?: true;
  /** Frees what is held, when the run that a lead names has ended without giving it back. */
  readonly release?: Sentence;
  /** Links to what can be acted on, beginning at what the summary names. */
  readonly because?: readonly Link[];
}

/** An object that a finding leads to. */
export interface Lead {
  readonly kind: LeadKind;
  readonly id: string;
  readonly name: string;
  /** Only a change of these fields counts; absent: of all that matter for the kind. */
  readonly fields?: readonly string[];
  /** Only a change after this moment counts: what has changed since the last good run. */
  readonly changedAfterUs?: ServerUs;
  /** And only one before this moment: the end of the first bad run. */
  readonly changedBeforeUs?: ServerUs;
  /** Of a worker: the run that it ran, and the last good one to compare with. */
  readonly runs?: { readonly bad: string; readonly good: string };
}

export type LeadKind =
  | "flow_run"
  | "deployment"
  | "work_pool"
  | "work_queue"
  | "concurrency_limit"
  | "automation"
  | "variable"
  | "block_document"
  | "worker";

/** One link of the chain from a finding to what can be acted on. */
export interface Link extends Pick<Lead, "kind" | "id" | "name"> {
  readonly state: Sentence | null;
  /** ISO 8601. */
  readonly since: string | null;
  readonly why: Sentence;
}

export interface CauseModule {
  /** Unique; findings may have more specific codes. */
  readonly code: string;
  readonly scopes: Scopes;
  judge(facts: Facts): readonly Finding[];
  /** The text under `ruled_out` when the cause was checked and not found; null when it does not apply. */
  ruledOut?(facts: Facts): Sentence | null;
}
