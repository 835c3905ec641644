/** Facts for tests of causes: empty by default, each test adds what it needs. */

import { HOUR_US } from "../../../src/lib/time.ts";
import type { FlowRun, WorkPool, WorkQueue } from "../../../src/model/objects.ts";
import { isFailed } from "../../../src/model/state.ts";
import type { SubjectKind } from "../../../src/queries/diagnosis/findings/scopes.ts";
import type {
  AutomationFacts,
  CauseModule,
  EndedRunFacts,
  Facts,
  Finding,
  NamedRun,
  PoolFacts,
  QueueFacts,
  RunError,
  RunFacts,
} from "../../../src/queries/diagnosis/findings/types.ts";
import { allTools } from "../../../src/tools/index.ts";
import { aFlowRun, aLog, anAutomation, anId, at, aWorkPool, aWorkQueue, T0_US } from "../builders.ts";

/** An hour after the builders' times. */
export const NOW_US = T0_US + HOUR_US;
export const NOW = at(3_600);

export function someFacts(kind: SubjectKind, given: Partial<Facts> = {}): Facts {
  return {
    subject: { kind, id: anId(900), name: "subject" },
    nowUs: NOW_US,
    isPast: false,
    reachableUntilUs: NOW_US,
    run: null,
    examined: given.run ? [given.run] : [],
    deployments: [],
    deletedDeployment: null,
    pools: [],
    waiting: [],
    active: [],
    ended: someEnded(),
    failures: [],
    retries: [],
    limits: [],
    sameError: [],
    throttling: null,
    automation: null,
    automations: given.automation ? [given.automation] : [],
    withoutUpcoming: null,
    nextTimes: new Map(),
    unchecked: [],
    unread: [],
    ...given,
  };
}

/** Ended runs, newest first; there are no others. */
export function someEnded(newest: readonly NamedRun[] = []): EndedRunFacts {
  const failed = newest.filter(({ run }) => isFailed(run.state_type));
  return { newest, failed, total: newest.length, failedTotal: failed.length, isCut: false, earlier: [] };
}

export function aNamedRun(run: Partial<FlowRun> = {}, given: Partial<NamedRun> = {}): NamedRun {
  return { run: aFlowRun(run), flowName: "load-orders", deploymentName: "nightly", ...given };
}

export function someRunFacts(run: Partial<FlowRun> = {}, given: Partial<RunFacts> = {}): RunFacts {
  return {
    ...aNamedRun(run),
    deletedUs: null,
    deployment: null,
    pool: null,
    tasks: [],
    logs: [],
    events: [],
    error: null,
    children: [],
    parent: null,
    history: [],
    historyLimits: [],
    input: null,
    ...given,
  };
}

/** Facts about one run. */
export function factsOfRun(run: Partial<FlowRun>, given: Partial<RunFacts> = {}, facts: Partial<Facts> = {}): Facts {
  return someFacts("flow_run", { run: someRunFacts(run, given), ...facts });
}

export function aRunError(given: Partial<RunError> = {}): RunError {
  return {
    type: "KeyError",
    message: "'price'",
    frame: { file: "/srv/flows/etl.py", line: 41, function: "load_rows", code: "raise boom" },
    lines: [],
    task: null,
    others: [],
    ...given,
  };
}

export function somePool(
  pool: Partial<WorkPool> = {},
  given: Partial<Omit<PoolFacts, "pool">> & { queue?: Partial<WorkQueue> } = {},
): PoolFacts {
  const { queue, ...rest } = given;
  const own = aWorkPool(pool);
  const held: QueueFacts = {
    queue: aWorkQueue({ id: QUEUE_ID, work_pool_id: own.id, work_pool_name: own.name, last_polled: NOW, ...queue }),
    activeSlots: 0,
    holders: [],
    waiting: 0,
  };
  return {
    pool: own,
    queues: [held],
    workers: [],
    areWorkersKnown: true,
    workersReadUs: NOW_US,
    queuesReadUs: NOW_US,
    activeSlots: 0,
    holders: [],
    ...rest,
  };
}

/** The queue of `somePool`. */
export const QUEUE_ID = anId(700);

/** A run of `etl-pool` that is late in its queue. */
export function aLateRun(given: Partial<FlowRun> = {}): NamedRun {
  return aNamedRun({
    name: "late-run",
    state_type: "SCHEDULED",
    state_name: "Late",
    expected_start_time: at(3_000),
    work_pool_name: "etl-pool",
    work_queue_name: "default",
    work_queue_id: QUEUE_ID,
    ...given,
  });
}

export function someAutomation(given: Partial<AutomationFacts> = {}): AutomationFacts {
  return { automation: anAutomation(), replay: null, events: [], nearNames: [], missing: [], started: [], ...given };
}

export function anErrorLine(message: string): ReturnType<typeof aLog> {
  return aLog({ level: 40, message });
}

/** The only finding of a cause. Throws when there are none or more, and when a proposed next call has arguments that its tool does not take. */
export function onlyFinding(cause: CauseModule, facts: Facts): Finding {
  const found = cause.judge(facts);
  const [first] = found;
  if (!first || found.length !== 1) throw new Error(`${cause.code}: ${found.length} findings`);
  for (const { tool, args } of first.next ?? []) {
    // The published names: clients do not know the aliases.
    const known = Object.keys(allTools.find(({ name }) => name === tool)?.input.shape ?? {});
    const unknown = Object.keys(args).filter((name) => !known.includes(name));
    if (known.length === 0 || unknown.length > 0) throw new Error(`${cause.code}: ${tool} takes no ${unknown}`);
  }
  return first;
}
