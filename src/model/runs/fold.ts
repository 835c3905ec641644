/**
 * Folds state events into rows of runs. The result does not depend on the order of arrival. The rules are those by which the server
 * updates its row. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/orchestration/global_policy.py
 */
import { earliestUs, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import { isUuid } from "../../lib/uuid.ts";
import { type PrefectEvent, RESOURCE_ID, RESOURCE_NAME, RESOURCE_ROLE, splitResourceId } from "../events/event.ts";
import { eventPrefix } from "../kinds.ts";
import { isTerminal } from "../state.ts";

const FLOW_RUN = eventPrefix("flow_run");
const TASK_RUN = eventPrefix("task_run");

/** The facts that decide which of two states of a run is the later one. `follows` and `received` (time text) are null when unknown. */
export interface StateStamp {
  readonly stateId: string;
  readonly type: string;
  readonly atUs: ServerUs;
  readonly follows: string | null;
  readonly received: string | null;
}

/** One state change of a flow run or task run, read from its event. */
export interface StateChange extends StateStamp {
  readonly kind: "flow_run" | "task_run";
  readonly runId: string;
  readonly runName: string;
  readonly name: string;
  /** Null when the state has none. Untrusted text. */
  readonly message: string | null;
  /** After the transition. */
  readonly runCount: number;
  readonly event: PrefectEvent;
}

/**
 * The state change in an event, or null. The label `prefect.state-type` decides, not the event's name, because state names are free
 * text. Heartbeats and pull steps do not have the label.
 */
export function readStateChange(event: PrefectEvent): StateChange | null {
  const type = event.resource["prefect.state-type"];
  if (type === undefined) return null;
  const kind = event.event.startsWith(FLOW_RUN) ? "flow_run" : event.event.startsWith(TASK_RUN) ? "task_run" : null;
  if (kind === null) return null;
  const resourceId = event.resource[RESOURCE_ID] ?? "";
  const prefix = kind === "flow_run" ? FLOW_RUN : TASK_RUN;
  const runId = resourceId.slice(prefix.length).toLowerCase();
  if (!resourceId.startsWith(prefix) || !isUuid(runId) || !isUuid(event.id)) return null;
  const atUs = parseIsoUs(event.occurred);
  if (atUs === undefined) return null;
  return {
    kind,
    runId,
    runName: event.resource[RESOURCE_NAME] ?? "",
    stateId: event.id,
    type,
    name: event.resource["prefect.state-name"] ?? event.event.slice(prefix.length),
    message: event.resource["prefect.state-message"] || null,
    runCount: Number(event.resource["prefect.run-count"] ?? 0) || 0,
    atUs,
    follows: event.follows,
    received: event.received,
    event,
  };
}

/** Whether `a` is later than `b`: by time, then by `follows`, then by `received`, then the terminal one, then by id. */
export function isLaterState(a: StateStamp, b: StateStamp): boolean {
  if (a.stateId === b.stateId) return false;
  if (a.atUs !== b.atUs) return a.atUs > b.atUs;
  if (a.follows === b.stateId) return true;
  if (b.follows === a.stateId) return false;
  const [aReceived, bReceived] = [receivedUs(a), receivedUs(b)];
  if (aReceived !== null && bReceived !== null && aReceived !== bReceived) return aReceived > bReceived;
  if (isTerminal(a.type) !== isTerminal(b.type)) return isTerminal(a.type);
  return a.stateId > b.stateId;
}

function receivedUs(stamp: StateStamp): number | null {
  return stamp.received === null ? null : (parseIsoUs(stamp.received) ?? null);
}

/** The state columns of a flow run, as far as they follow from events. Times in microseconds, `totalRunTime` in seconds. */
export interface FoldedState {
  readonly stateId: string | null;
  readonly type: string | null;
  readonly name: string | null;
  readonly atUs: ServerUs | null;
  readonly message: string | null;
  readonly runCount: number;
  readonly expectedUs: ServerUs | null;
  readonly nextUs: ServerUs | null;
  readonly startUs: ServerUs | null;
  readonly endUs: ServerUs | null;
  readonly totalRunTime: number;
}

export const NO_STATE: FoldedState = {
  stateId: null,
  type: null,
  name: null,
  atUs: null,
  message: null,
  runCount: 0,
  expectedUs: null,
  nextUs: null,
  startUs: null,
  endUs: null,
  totalRunTime: 0,
};

/**
 * Applies changes of one run, in any order, to the recorded state. `stamp`: that of the recorded state; null without one.
 * `isKnown`: the expected start came from REST and is not changed; otherwise it is the time of the earliest state that is
 * not SCHEDULED, or is named Late. The start is the earliest RUNNING state, or the end of a run that never ran.
 */
export function foldChanges(
  held: FoldedState,
  stamp: StateStamp | null,
  changes: readonly StateChange[],
  isKnown: boolean,
): FoldedState {
  let state = held;
  let current = stamp;
  for (const change of changes) {
    state = withBounds(state, change, isKnown);
    if (current !== null && !isLaterState(change, current)) continue;
    state = advance(state, change);
    current = change;
  }
  return state;
}

/** Earliest first, by `isLaterState`. */
export function sortChanges(changes: readonly StateChange[]): StateChange[] {
  return [...changes].sort((a, b) => (isLaterState(a, b) ? 1 : isLaterState(b, a) ? -1 : 0));
}

/** Start and expected start, which also change when the change is not the newest one. */
function withBounds(state: FoldedState, change: StateChange, isKnown: boolean): FoldedState {
  const isStart = change.type === "RUNNING" || (isTerminal(change.type) && change.runCount === 0);
  const startUs = isStart ? earliestUs(state.startUs ?? change.atUs, change.atUs) : state.startUs;
  const isDue = change.type !== "SCHEDULED" || change.name === "Late";
  const expectedUs = isKnown || !isDue ? state.expectedUs : earliestUs(state.expectedUs ?? change.atUs, change.atUs);
  return startUs === state.startUs && expectedUs === state.expectedUs ? state : { ...state, startUs, expectedUs };
}

/** The part of the folded state that the newest change replaces by its own values. */
export function stateOfChange({ stateId, type, name, atUs, message }: StateChange) {
  return { stateId, type, name, atUs, message };
}

function advance(state: FoldedState, change: StateChange): FoldedState {
  const ranUs = state.type === "RUNNING" && state.atUs !== null ? Math.max(0, change.atUs - state.atUs) : 0;
  return {
    ...stateOfChange(change),
    runCount: change.runCount,
    expectedUs: state.expectedUs,
    nextUs: change.type === "SCHEDULED" && state.type === "SCHEDULED" ? state.nextUs : null,
    startUs: state.startUs,
    endUs: isTerminal(change.type) ? change.atUs : null,
    totalRunTime: state.totalRunTime + ranUs / 1_000_000,
  };
}

/** The facts about a run in the related resources of its event. Ids are null where there is none, or it is not a UUID. */
export interface RunRelations {
  readonly flowId: string | null;
  readonly flowRunId: string | null;
  readonly deploymentId: string | null;
  readonly workQueueId: string | null;
  readonly workQueueName: string | null;
  readonly workPoolName: string | null;
  readonly parentTaskRunId: string | null;
  readonly creatorId: string | null;
  readonly creatorType: string | null;
  /** The tags of run, flow, deployment and parent together: used as the run's tags until they are read over REST. */
  readonly tags: readonly string[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads `related` by role. For a flow run, `task-run` is the parent of a subflow; for a task run, `flow-run` contains it. */
export function readRunRelations(event: PrefectEvent): RunRelations {
  const tags: string[] = [];
  const context: Mutable<RunRelations> = {
    flowId: null,
    flowRunId: null,
    deploymentId: null,
    workQueueId: null,
    workQueueName: null,
    workPoolName: null,
    parentTaskRunId: null,
    creatorId: null,
    creatorType: null,
    tags,
  };
  for (const resource of event.related) {
    const id = resource[RESOURCE_ID] ?? "";
    const role = resource[RESOURCE_ROLE];
    if (role === "tag") {
      if (id.startsWith("prefect.tag.")) tags.push(id.slice("prefect.tag.".length));
      continue;
    }
    const { kind, key } = splitResourceId(id);
    const uuid = isUuid(key) ? key.toLowerCase() : null;
    if (role === "flow") context.flowId = uuid;
    else if (role === "flow-run") context.flowRunId ??= uuid;
    else if (role === "deployment") context.deploymentId = uuid;
    else if (role === "work-queue") {
      context.workQueueId = uuid;
      context.workQueueName = resource[RESOURCE_NAME] ?? null;
    } else if (role === "work-pool") context.workPoolName = resource[RESOURCE_NAME] ?? null;
    else if (role === "task-run") context.parentTaskRunId = uuid;
    else if (role === "creator") {
      context.creatorId = uuid;
      context.creatorType = kind.slice("prefect.".length).toUpperCase().replaceAll("-", "_") || null;
    }
  }
  return context;
}
