/** For every cause the facts in which it holds, in any scope: a question about one run, or one about many. */
import { HOUR_US, MINUTE_US } from "../../../src/lib/time.ts";
import type { FlowRun } from "../../../src/model/objects.ts";
import type { SubjectKind } from "../../../src/queries/diagnosis/findings/scopes.ts";
import type { AutomationFacts, Facts, RunFacts } from "../../../src/queries/diagnosis/findings/types.ts";
import {
  aConcurrencyLimit,
  aDeployment,
  aLog,
  anAutomation,
  anEvent,
  anId,
  aState,
  aTaskRun,
  at,
  aWorker,
} from "../builders.ts";
import {
  aLateRun,
  aNamedRun,
  aRunError,
  NOW_US,
  someAutomation,
  someEnded,
  someFacts,
  somePool,
  someRunFacts,
} from "./facts.ts";

const DEPLOYMENT_ID = anId(500);

/** About one run, or about many of which it is one. */
function withRun(kind: SubjectKind, run: RunFacts, given: Partial<Facts> = {}): Facts {
  return kind === "flow_run"
    ? someFacts(kind, { run, examined: [run], ...given })
    : someFacts(kind, { examined: [run], active: [run], ...given });
}

function waitingIn(kind: SubjectKind, given: Partial<Facts>, run: Partial<FlowRun> = {}): Facts {
  const late = aLateRun({ deployment_id: DEPLOYMENT_ID, ...run });
  const facts = someRunFacts(late.run, late);
  const own = kind === "flow_run" ? { run: facts, examined: [facts] } : {};
  return someFacts(kind, { waiting: [late], ...own, ...given });
}

const worker = aWorker({ name: "w", last_heartbeat_time: at(3_590) });
const running = { name: "slow", state_type: "RUNNING" as const, start_time: at(0) };
const history = [20, 30, 25].map(
  (total_run_time, index) =>
    aNamedRun({ id: anId(510 + index), total_run_time, start_time: at(-1_000 * index - 2_000) }).run,
);
const deployment = aDeployment({ id: DEPLOYMENT_ID, name: "nightly", work_pool_name: "etl-pool" });
const schedule = { id: anId(520), schedule: { interval: 3600 }, active: true };
const failedRun = (n: number) =>
  aNamedRun({ id: anId(530 + n), name: `bad-${n}`, state_type: "FAILED", end_time: at(n) });
const completed = (n: number, total_run_time: number) =>
  aNamedRun({
    id: anId(540 + n),
    name: `good-${n}`,
    deployment_id: DEPLOYMENT_ID,
    total_run_time,
    end_time: at(60 - n),
  });
const limit = aConcurrencyLimit({ id: anId(550), name: "ledger", limit: 1, active_slots: 1 });
const holders = [{ id: anId(551), name: "holder" }];

function automation(kind: SubjectKind, given: Partial<AutomationFacts>): Facts {
  const one = someAutomation({ automation: anAutomation({ id: anId(560), name: "pager" }), ...given });
  return someFacts(kind, { automation: kind === "automation" ? one : null, automations: [one] });
}

const automationEvent = (what: string, payload = {}) =>
  anEvent({
    event: `prefect.automation.${what}`,
    occurred: at(10),
    resource: { "prefect.resource.id": `prefect.automation.${anId(560)}`, "prefect.resource.name": "pager" },
    payload,
  });

export const EXAMPLES: Readonly<Record<string, (kind: SubjectKind) => Facts>> = {
  flow_run_deleted: (kind) => withRun(kind, someRunFacts({ state_type: "RUNNING" }, { deletedUs: NOW_US - MINUTE_US })),
  crashed: (kind) =>
    withRun(
      kind,
      someRunFacts({ state_type: "CRASHED", state: aState({ type: "CRASHED", message: "status code: -9" }) }),
    ),
  exception: (kind) => withRun(kind, someRunFacts({ state_type: "FAILED" }, { error: aRunError() })),
  timed_out: (kind) => withRun(kind, someRunFacts({ state_type: "FAILED", state_name: "TimedOut" })),
  cancelled: (kind) => {
    const message = "Deployment concurrency limit reached.";
    const run = someRunFacts({
      name: "refused",
      state_type: "CANCELLED",
      state: aState({ type: "CANCELLED", message }),
    });
    return withRun(kind, run, { ended: someEnded([run]) });
  },
  paused: (kind) => withRun(kind, someRunFacts({ name: "held", state_type: "PAUSED" })),
  awaiting_retry: (kind) =>
    withRun(
      kind,
      someRunFacts({
        name: "again",
        state_type: "SCHEDULED",
        state_name: "AwaitingRetry",
        next_scheduled_start_time: at(0),
      }),
    ),
  scheduled_for_later: (kind) =>
    withRun(kind, someRunFacts({ state_type: "SCHEDULED", state_name: "Scheduled", expected_start_time: at(9_000) })),
  deployment_deleted: (kind) =>
    someFacts(kind, {
      deletedDeployment: { id: DEPLOYMENT_ID, name: "nightly", flowName: "f", deletedUs: NOW_US, successor: null },
    }),
  deployment_paused: (kind) =>
    someFacts(kind, { deployments: [{ ...deployment, paused: true, schedules: [schedule] }] }),
  schedule_inactive: (kind) =>
    someFacts(kind, { deployments: [{ ...deployment, schedules: [{ ...schedule, active: false }] }] }),
  schedule_ended: (kind) =>
    someFacts(kind, {
      deployments: [
        { ...deployment, schedules: [{ ...schedule, schedule: { rrule: "FREQ=DAILY;UNTIL=20251231T000000Z" } }] },
      ],
    }),
  no_work_pool: (kind) =>
    waitingIn(
      kind,
      { deployments: [{ ...deployment, work_pool_name: null, status: "NOT_READY" }] },
      { work_pool_name: null },
    ),
  work_pool_paused: (kind) => waitingIn(kind, { pools: [somePool({ is_paused: true, status: "PAUSED" })] }),
  work_queue_paused: (kind) => waitingIn(kind, { pools: [somePool({}, { queue: { is_paused: true } })] }),
  slot_leaked: (kind) => {
    const own = { ...deployment, global_concurrency_limit: limit };
    const limits = [{ limit, kind: "deployment" as const, key: DEPLOYMENT_ID, holders: [] }];
    return waitingIn(kind, { deployments: [own], limits }, { state_name: "AwaitingConcurrencySlot" });
  },
  deployment_limit: (kind) => {
    const own = { ...deployment, global_concurrency_limit: limit };
    const limits = [{ limit, kind: "deployment" as const, key: DEPLOYMENT_ID, holders }];
    return waitingIn(kind, { deployments: [own], limits }, { state_name: "AwaitingConcurrencySlot" });
  },
  work_pool_limit: (kind) =>
    waitingIn(kind, { pools: [somePool({ concurrency_limit: 1 }, { activeSlots: 1, holders, workers: [worker] })] }),
  work_queue_limit: (kind) => {
    const pool = somePool({}, { queue: { concurrency_limit: 1 }, workers: [worker] });
    return waitingIn(kind, {
      pools: [{ ...pool, queues: pool.queues.map((one) => ({ ...one, activeSlots: 1, holders })) }],
    });
  },
  no_worker: (kind) => waitingIn(kind, { pools: [somePool()] }),
  work_queue_not_polled: (kind) =>
    waitingIn(kind, { pools: [somePool({}, { queue: { last_polled: null }, workers: [worker] })] }),
  pending_no_infrastructure: (kind) =>
    withRun(
      kind,
      someRunFacts({ name: "stuck", state_type: "PENDING", state: aState({ type: "PENDING", timestamp: at(3_000) }) }),
    ),
  cancelling_stuck: (kind) =>
    withRun(
      kind,
      someRunFacts({
        name: "ending",
        state_type: "CANCELLING",
        state: aState({ type: "CANCELLING", timestamp: at(0) }),
      }),
    ),
  zombie_run: (kind) =>
    withRun(
      kind,
      someRunFacts(running, {
        events: [anEvent({ event: "prefect.flow-run.heartbeat", occurred: at(60), related: [] })],
      }),
    ),
  tag_limit: (kind) => {
    const task = aTaskRun({
      state_type: "PENDING",
      tags: ["db"],
      state: aState({ type: "PENDING", timestamp: at(3_000) }),
    });
    const limits = [{ limit: { ...limit, name: "tag:db" }, kind: "tag" as const, key: "db", holders }];
    return withRun(kind, someRunFacts(running, { tasks: [task] }), { limits });
  },
  waits_for_child: (kind) =>
    withRun(
      kind,
      someRunFacts(running, {
        children: [someRunFacts({ name: "child", state_type: "SCHEDULED", state_name: "Late" })],
      }),
    ),
  global_limit: (kind) =>
    withRun(kind, someRunFacts(running, { historyLimits: ["ledger"] }), {
      limits: [{ limit, kind: "global", key: "ledger", holders }],
    }),
  running_long: (kind) => withRun(kind, someRunFacts(running, { history })),
  failures: (kind) =>
    someFacts(kind, {
      ended: someEnded([failedRun(2), failedRun(1)]),
      failures: [
        {
          runs: [failedRun(2), failedRun(1)],
          parents: [],
          error: aRunError(),
          firstUs: NOW_US - HOUR_US,
          lastUs: NOW_US,
          isOver: false,
          isNew: true,
          elsewhere: [],
          newest: null,
        },
      ],
    }),
  retries: (kind) =>
    someFacts(kind, {
      retries: [
        {
          runs: [completed(1, 5), aNamedRun({ id: anId(549), name: "other" }, { deploymentName: "hourly" })],
          count: 4,
          tasks: ["fetch-0"],
          type: "ConnectionError",
          message: "503 Service Unavailable",
          firstUs: NOW_US - HOUR_US,
          lastUs: NOW_US - MINUTE_US,
        },
      ],
    }),
  rate_limited: (kind) =>
    withRun(kind, someRunFacts({ state_type: "FAILED" }, { logs: [aLog({ message: "429 Too Many Requests" })] }), {
      throttling: [
        {
          start: at(0),
          end: at(60),
          duration_minutes: 1,
          keys_affected: [
            {
              key: "flows",
              total_requested: 9,
              total_granted: 5,
              total_denied: 4,
              peak_denial_minute: at(0),
              peak_denied: 4,
            },
          ],
        },
      ] as unknown as NonNullable<Facts["throttling"]>,
    }),
  flaky: (kind) =>
    someFacts(kind, {
      ended: someEnded(
        [0, 1, 2, 3].map((n) =>
          n % 2 === 0
            ? completed(n, 5)
            : { ...failedRun(n), run: { ...failedRun(n).run, deployment_id: DEPLOYMENT_ID } },
        ),
      ),
    }),
  duration_regression: (kind) =>
    someFacts(kind, { ended: someEnded([60, 61, 5, 5, 5, 5, 5].map((seconds, n) => completed(n, seconds))) }),
  automation_disabled: (kind) =>
    automation(kind, { automation: anAutomation({ id: anId(560), name: "pager", enabled: false }) }),
  automation_action_failed: (kind) =>
    automation(kind, {
      events: [
        automationEvent("triggered"),
        automationEvent("action.failed", { action_type: "run-deployment", reason: "404" }),
      ],
    }),
  automation_run_failed: (kind) =>
    automation(kind, { started: [aNamedRun({ state_type: "FAILED", end_time: at(60) })] }),
  automation_unknown_event: (kind) =>
    automation(kind, {
      nearNames: [{ expected: "orders.batch-loaded", near: [{ name: "orders.batch.loaded", count: 59 }] }],
    }),
  automation_unknown_resource: (kind) =>
    automation(kind, { missing: [{ kind: "flow", expected: "ordres", near: ["orders"], part: "match_related" }] }),
  automation_not_fired: (kind) =>
    automation(kind, {
      replay: {
        trigger: {
          type: "event",
          match: {},
          match_related: [],
          after: [],
          expect: ["prefect.flow-run.Failed"],
          for_each: [],
          posture: "Reactive",
          threshold: 1,
          within: 0,
        },
        firings: [],
        matched: [],
        missed: { resource: [], related: [], notStarted: [], late: [] },
        nearest: null,
        open: [],
        children: [],
      },
    }),
  automation_fired: (kind) =>
    automation(kind, { events: [automationEvent("triggered"), automationEvent("action.executed")] }),
  completed_after_retry: (kind) => withRun(kind, someRunFacts({ state_type: "COMPLETED", run_count: 2 })),
  errors_in_log: (kind) =>
    withRun(kind, someRunFacts({ state_type: "COMPLETED" }, { logs: [aLog({ level: 40, message: "handled" })] })),
  no_schedule: (kind) => someFacts(kind, { deployments: [{ ...deployment, schedules: [] }] }),
};
