/** What is wrong with one run is found as well by a question about its deployment, flow, pool or workspace, without a request. */
import { describe, expect, test } from "bun:test";
import { DAY_US } from "../../../../src/lib/time.ts";
import { diagnose } from "../../../../src/queries/diagnosis/diagnose.ts";
import {
  aDeployment,
  aFlow,
  aFlowRun,
  anAutomation,
  anEvent,
  anId,
  aState,
  aTaskRun,
  at,
  aWorkPool,
  aWorkQueue,
} from "../../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../../support/tool-harness.ts";

const flow = aFlow({ id: anId(1), name: "orders" });
const otherFlow = aFlow({ id: anId(4), name: "stock" });
const pool = aWorkPool({ id: anId(5), name: "etl-pool" });
const deployment = aDeployment({ id: anId(2), name: "prod", flow_id: flow.id, work_pool_name: pool.name });
const sameName = aDeployment({ id: anId(3), name: "prod", flow_id: otherFlow.id, work_pool_name: pool.name });
const queue = aWorkQueue({ id: anId(6), work_pool_id: pool.id, work_pool_name: pool.name });
const own = {
  flow_id: flow.id,
  deployment_id: deployment.id,
  work_pool_name: pool.name,
  work_queue_id: queue.id,
};
const HOURS = 3_600;

async function open(): Promise<ToolHarness> {
  const harness = await openToolHarness();
  harness.objects("flow", [flow, otherFlow]);
  harness.objects("deployment", [deployment, sameName]);
  harness.objects("work_pool", [pool]);
  harness.objects("work_queue", [queue]);
  for (const kind of ["worker", "concurrency_limit", "automation"] as const) harness.objects(kind, []);
  for (const kind of ["flow_run", "task_run", "event"]) harness.cover(kind, { fromUs: harness.nowUs - 30 * DAY_US });
  harness.following();
  return harness;
}

const SCOPES = [
  null,
  { kind: "deployment", text: "orders/prod" },
  { kind: "flow", text: "orders" },
  { kind: "work_pool", text: "etl-pool" },
] as const;

describe("a run that has been running for hours", () => {
  test.each(SCOPES.map((subject) => [subject?.kind ?? "workspace", subject] as const))(
    "asked for %s",
    async (_, subject) => {
      await using harness = await open();
      const earlier = [1, 2, 3].map((n) =>
        aFlowRun({
          ...own,
          total_run_time: 30,
          start_time: at(-n * HOURS - 20 * HOURS),
          end_time: at(-n * HOURS - 20 * HOURS + 30),
        }),
      );
      harness.flowRuns([
        ...earlier,
        aFlowRun({ ...own, name: "endless", state_type: "RUNNING", start_time: at(-10 * HOURS) }),
      ]);
      const found = await diagnose(harness.query, { subject });
      expect(found.verdict).toBe("problem");
      expect(found.findings[0]).toMatchObject({ code: "running_long" });
      expect(found.findings[0]?.summary).toStartWith("endless (orders/prod) has been Running for 11 h");
    },
  );
});

describe("the window follows the rhythm", () => {
  test("a weekly deployment whose last run failed before the window is a problem, until a run completes", async () => {
    await using harness = await open();
    const message = "Flow run encountered an exception: OSError: the disk of the partner is full";
    const failed = aFlowRun({
      ...own,
      name: "weekly-1",
      state_type: "FAILED",
      start_time: at(-50 * HOURS),
      end_time: at(-49 * HOURS),
      state: aState({ type: "FAILED", message }),
    });
    harness.flowRuns([failed]);
    harness.cover("log", { scope: failed.id });
    for (const subject of SCOPES) {
      const found = await diagnose(harness.query, { subject });
      expect(found.findings[0]?.summary).toContain("the disk of the partner is full");
      expect(found.reachUs).not.toBeNull();
    }
    const given = await diagnose(harness.query, { subject: null, sinceUs: harness.nowUs - DAY_US });
    expect(given).toMatchObject({ verdict: "nothing_wrong", reachUs: null });
    harness.flowRuns([aFlowRun({ ...own, start_time: at(-40 * HOURS), end_time: at(-39 * HOURS) })]);
    expect((await diagnose(harness.query, { subject: null })).verdict).toBe("nothing_wrong");
  });
});

describe("a parent and its subflow that fail for one reason", () => {
  test("are one problem, whose root is the subflow", async () => {
    await using harness = await open();
    const failure = (name: string, id: number, message: string, seconds: number, given = {}) =>
      aFlowRun({
        id: anId(id),
        name,
        flow_id: flow.id,
        state_type: "FAILED",
        start_time: at(seconds),
        end_time: at(100 - id),
        state: aState({ type: "FAILED", message: `Flow run encountered an exception: ${message}` }),
        ...given,
      });
    const task = aTaskRun({ id: anId(30), flow_run_id: anId(20) });
    const parent = failure("top", 20, "FailedRun: Flow run 'low' failed", 10);
    const child = failure("low", 21, "KeyError: 'no such price in the list'", 20, {
      parent_task_run_id: task.id,
      flow_id: otherFlow.id,
    });
    harness.flowRuns([parent, child]);
    harness.taskRuns([task]);
    for (const run of [parent, child]) for (const kind of ["log", "task_run"]) harness.cover(kind, { scope: run.id });
    const found = await diagnose(harness.query, { subject: null });
    expect(found.findings).toHaveLength(1);
    expect(found.findings[0]?.summary).toContain("KeyError");
    expect(found.findings[0]?.summary).toContain("It also made its parent run fail: top.");
  });
});

describe("retries that hide an outage", () => {
  test("are found in runs that completed, over deployments", async () => {
    await using harness = await open();
    const runs = [deployment, sameName].map((one, n) =>
      aFlowRun({ id: anId(40 + n), name: `run-${n}`, flow_id: one.flow_id, deployment_id: one.id, start_time: at(n) }),
    );
    harness.flowRuns(runs);
    harness.events(
      runs.map((run, n) =>
        anEvent({
          event: "prefect.flow-run.AwaitingRetry",
          occurred: at(10 + n),
          resource: {
            "prefect.resource.id": `prefect.flow-run.${run.id}`,
            "prefect.resource.name": run.name,
            "prefect.state-message": "Flow run encountered an exception: ConnectionError: 503 Service Unavailable",
          },
          related: [
            {
              "prefect.resource.id": `prefect.flow.${run.flow_id}`,
              "prefect.resource.role": "flow",
              "prefect.resource.name": n === 0 ? "orders" : "stock",
            },
            {
              "prefect.resource.id": `prefect.deployment.${run.deployment_id}`,
              "prefect.resource.role": "deployment",
              "prefect.resource.name": "prod",
            },
          ],
        }),
      ),
    );
    const found = await diagnose(harness.query, { subject: null });
    expect(found.verdict).toBe("problem");
    expect(found.findings[0]?.summary).toStartWith(
      "2 retries in 2 runs of stock/prod and orders/prod for ConnectionError: 503",
    );
    expect(harness.fake.takeRequests()).toEqual([]);
  });
});

describe("automations in wider questions", () => {
  test("a name that never occurs, near one that does, is a problem for the workspace and for the automation", async () => {
    await using harness = await open();
    const trigger = {
      type: "event",
      posture: "Reactive",
      expect: ["orders.batch-loaded"],
      match: {},
      match_related: {},
      for_each: [],
      threshold: 1,
      within: 0,
    };
    const automation = anAutomation({ id: anId(60), name: "pager", trigger, created: at(-9_000) });
    harness.objects("automation", [automation]);
    harness.events([anEvent({ event: "orders.batch.loaded", occurred: at(5), related: [] })]);
    for (const subject of [null, { kind: "automation", text: "pager" } as const]) {
      const found = await diagnose(harness.query, { subject });
      expect(found.verdict).toBe("problem");
      expect(found.findings[0]).toMatchObject({ code: "automation_unknown_event" });
      expect(found.findings[0]?.summary).toContain(
        "orders.batch-loaded, which never occurred, while orders.batch.loaded did 1 time",
      );
    }
  });
});
