import { describe, expect, test } from "bun:test";
import { SECOND_US } from "../../../src/lib/time.ts";
import { inTransaction } from "../../../src/store/database.ts";
import { upsertObjects } from "../../../src/store/objects/objects.ts";
import { getDeploymentsTool } from "../../../src/tools/objects/get-deployments.ts";
import {
  aConcurrencyLimit,
  aDeployment,
  aFlow,
  aFlowRun,
  anId,
  aTaskRun,
  at,
  aWorkPool,
  aWorkQueue,
} from "../../support/builders.ts";
import { type Answer, idsOf, losePrefect, openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const flow = aFlow({ id: anId(1), name: "orders-etl" });
const pool = aWorkPool({ id: anId(2), name: "k8s", status: "NOT_READY", concurrency_limit: 3 });
const queue = aWorkQueue({ id: anId(3), work_pool_id: pool.id, work_pool_name: "k8s" });
const limit = aConcurrencyLimit({ id: anId(4), limit: 1, active_slots: 0 });
const nightly = aDeployment({
  id: anId(11),
  name: "nightly",
  flow_id: flow.id,
  tags: ["prod"],
  work_pool_name: "k8s",
  work_queue_id: queue.id,
  global_concurrency_limit: limit,
  parameters: { day: 3 },
  schedules: [
    { id: anId(5), schedule: { cron: "0 6 * * 1-5", timezone: "Europe/Berlin", day_or: true }, active: true },
    { id: anId(6), schedule: { interval: 5_400, anchor_date: at(), timezone: "UTC" }, active: false },
  ],
});
const adhoc = aDeployment({ id: anId(12), name: "adhoc", flow_id: flow.id, paused: true, status: "NOT_READY" });
const limits = [
  { ...limit, name: `deployment:${nightly.id}` },
  aConcurrencyLimit({ id: anId(7), name: "tag:prod", limit: 2 }),
  aConcurrencyLimit({ id: anId(8), name: "tag:else", limit: 2 }),
];
const of = {
  flow_id: flow.id,
  deployment_id: nightly.id,
  work_pool_name: "k8s",
  work_queue_id: queue.id,
  work_queue_name: "default",
};
const runs = [
  aFlowRun({ ...of, id: anId(21), name: "calm-otter", start_time: at(60) }),
  aFlowRun({ ...of, id: anId(22), name: "quick-fox", state_type: "RUNNING", start_time: at(3_000) }),
  aFlowRun({ ...of, id: anId(23), name: "slow-bee", state_type: "SCHEDULED", expected_start_time: at(7_200) }),
  aFlowRun({ ...of, id: anId(24), name: "later-bee", state_type: "SCHEDULED", expected_start_time: at(9_000) }),
];
const taskRun = aTaskRun({ id: anId(25), flow_run_id: anId(21), tags: ["database"] });
const ids = (answer: Answer): string[] => idsOf(answer.structured.deployments);

function fillRecord(harness: ToolHarness): void {
  harness.objects("flow", [flow]);
  harness.objects("deployment", [nightly, adhoc]);
  harness.objects("work_pool", [pool]);
  harness.objects("work_queue", [queue]);
  harness.objects("concurrency_limit", limits);
  harness.flowRuns(runs);
  for (const kind of ["flow_run", "task_run"]) harness.cover(kind);
  harness.following();
}

function fillPrefect(harness: ToolHarness): void {
  const { workspace } = harness.fake;
  workspace.flows.push(flow);
  workspace.deployments.push(nightly, adhoc);
  workspace.workPools.push(pool);
  workspace.workQueues.push(queue);
  workspace.concurrencyLimits.push(...limits);
  workspace.flowRuns.push(...runs);
}

describe("get_deployments from the record", () => {
  test("lists by name, with flow, schedules in words, slots taken, last started run and next run", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const answer = await harness.call(getDeploymentsTool, {});
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(answer.structured.deployments).toEqual([
      { id: adhoc.id, name: "adhoc", flow_name: "orders-etl", paused: true, status: "NOT_READY" },
      {
        id: nightly.id,
        name: "nightly",
        flow_name: "orders-etl",
        paused: false,
        status: "READY",
        schedules: ["at 06:00, Monday through Friday (cron 0 6 * * 1-5, Europe/Berlin)", "every 1h30m (off)"],
        work_pool_name: "k8s",
        concurrency_limit: 1,
        active_slots: 1,
        tags: ["prod"],
        last_run_state: "Running",
        last_run_start: at(3_000),
        next_run: at(7_200),
      },
    ]);
    expect(answer.structured).toMatchObject({ source: "record", coverage: { complete: true } });
  });

  test("shows recent runs of a single deployment, and every limit for its runs with the holders", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const answer = await harness.call(getDeploymentsTool, { deployment: "orders-etl/nightly" });
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(answer.structured.deployments).toMatchObject([
      {
        id: nightly.id,
        work_pool_status: "NOT_READY",
        parameters: { day: 3 },
        next_run: at(7_200),
        recent_runs: [
          { id: runs[1]?.id, name: "quick-fox", state_name: "Running", start_time: at(3_000) },
          { name: "calm-otter", state_name: "Completed", start_time: at(60) },
        ],
        limits: [
          { kind: "deployment", limit: 1, active_slots: 1, holders: ["quick-fox"] },
          { kind: "work_pool", name: "k8s", limit: 3, active_slots: 1, holders: ["quick-fox"] },
          { kind: "tag", name: "prod", limit: 2, active_slots: 0 },
        ],
      },
    ]);
    expect(answer.tokens.text).toBeLessThanOrEqual(405);
  });

  test("lists the limits of tags of its runs and their task runs, and says from which runs they are known", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    harness.flowRuns([{ ...(runs[1] ?? aFlowRun()), tags: ["ad-hoc"] }]);
    harness.taskRuns([taskRun]);
    const named = ["database", "ad-hoc", "else"].map((tag, n) =>
      aConcurrencyLimit({ id: anId(30 + n), name: `tag:${tag}` }),
    );
    harness.objects("concurrency_limit", [
      ...limits.slice(0, 2),
      ...named,
      aConcurrencyLimit({ id: anId(40), name: "api" }),
    ]);
    const { structured } = await harness.call(getDeploymentsTool, { deployment: "orders-etl/nightly" });
    const ofTags = structured.deployments[0].limits.filter(({ kind }: { kind: string }) => kind === "tag");
    expect(ofTags.map(({ name }: { name: string }) => name).toSorted()).toEqual(["ad-hoc", "database", "prod"]);
    expect(structured.coverage.notes).toEqual([
      "Tags are known from the deployment and its last 2 recorded runs. Global limits that its code names are not known.",
    ]);
  });

  test("asks Prefect for the last runs of a deployment that is older than what the record covers", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const old = aFlowRun({ ...of, id: anId(25), name: "old-yak", start_time: at(-5 * 86_400) });
    harness.objects("deployment", [{ ...nightly, created: at(-10 * 86_400) }, adhoc]);
    harness.fake.workspace.flowRuns.push(...runs, old);
    const { structured } = await harness.call(getDeploymentsTool, { deployment: "orders-etl/nightly" });
    const names = structured.deployments[0].recent_runs.map((run: { name: string }) => run.name);
    expect(names).toEqual(["quick-fox", "calm-otter", "old-yak"]);
    await harness.fake.down();
    const away = await harness.call(getDeploymentsTool, { deployment: "orders-etl/nightly" });
    expect(away.structured).toMatchObject({ source: "record", coverage: { complete: false } });
  });

  test("filters by paused, name of deployment or flow, pool and tags", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const ask = async (args: unknown) => ids(await harness.call(getDeploymentsTool, args));
    expect(await ask({ paused: true })).toEqual([adhoc.id]);
    expect(await ask({ filter: { paused: { eq_: false } } })).toEqual([nightly.id]);
    expect(await ask({ name: "ORDERS" })).toEqual([adhoc.id, nightly.id]);
    expect(await ask({ work_pool: "k8s" })).toEqual([nightly.id]);
    expect(await ask({ tags: "prod", flow: "orders-etl" })).toEqual([nightly.id]);
    expect(await ask({ sort: "NAME_DESC", limit: 1 })).toEqual([nightly.id]);
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("returns Prefect's document with full detail", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const answer = await harness.call(getDeploymentsTool, { filter: { id: { any_: [nightly.id] } }, detail: "full" });
    expect(answer.structured.deployments[0]).toMatchObject({
      ...nightly,
      flow_name: "orders-etl",
      last_run_state: "Running",
      last_run_start: at(3_000),
      next_run: at(7_200),
    });
    const one = await harness.call(getDeploymentsTool, { deployment: nightly.id, detail: "full" });
    expect(one.structured.deployments[0]).toMatchObject({ last_run_state: "Running", next_run: at(7_200) });
  });
});

describe("get_deployments from Prefect", () => {
  test("reads the whole list again when it is over a minute old, and saves it", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    fillPrefect(harness);
    harness.nowUs += 61 * SECOND_US;
    const answer = await harness.call(getDeploymentsTool, {});
    expect(answer.structured.source).toBe("live");
    expect(ids(answer)).toEqual([adhoc.id, nightly.id]);
    expect(harness.fake.takeRequests()).toEqual(["POST /deployments/filter"]);
    expect(harness.saved).toMatchObject([{ kind: "deployment", isWhole: true }]);
  });

  test("shows a single deployment without a record: last started runs without scheduled ones, and counted slots", async () => {
    await using harness = await openToolHarness({ record: false });
    fillPrefect(harness);
    const answer = await harness.call(getDeploymentsTool, { deployment: nightly.id });
    expect(answer.structured).toMatchObject({ source: "live" });
    expect(answer.structured.deployments).toMatchObject([
      {
        flow_name: "orders-etl",
        next_run: at(7_200),
        recent_runs: [{ name: "quick-fox" }, { name: "calm-otter" }],
        limits: [{ kind: "deployment", limit: 1, holders: ["quick-fox"] }, { kind: "work_pool" }, { kind: "tag" }],
      },
    ]);
    expect(answer.structured.deployments[0].recent_runs.length).toBe(2);
  });

  test("states that last and next runs are missing from a list, and why", async () => {
    await using harness = await openToolHarness({ record: false });
    fillPrefect(harness);
    const notes = async (args: object) =>
      (await harness.call(getDeploymentsTool, args)).structured.coverage.notes ?? [];
    const missing =
      "Last and next runs are not shown, because flow runs are not recorded up to now; get_flow_runs or get_deployments with deployment shows them.";
    expect(await notes({})).toEqual([missing]);
    expect(await notes({ detail: "full" })).toEqual([missing]);
    expect(await notes({ name: "nothing" })).toEqual([]);
    expect(await notes({ deployment: nightly.id })).not.toContain(missing);
  });

  test("states that a fresh list has no runs; the recorded one has them", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    fillPrefect(harness);
    const fresh = await harness.call(getDeploymentsTool, { fresh: true });
    expect(fresh.structured.coverage.notes).toEqual([
      "Last and next runs are not shown, because fresh reads deployments only; get_flow_runs or get_deployments with deployment shows them.",
    ]);
    expect((await harness.call(getDeploymentsTool, {})).structured.coverage).not.toHaveProperty("notes");
  });

  test("sends the filter unchanged", async () => {
    await using harness = await openToolHarness();
    fillPrefect(harness);
    const filter = { operator: "or_", paused: { eq_: true }, name: { like_: "night" } };
    await harness.call(getDeploymentsTool, { filter, limit: 5 });
    expect(harness.fake.requestsTo("/deployments/filter").map((request) => request.body)).toEqual([
      { deployments: filter, sort: "NAME_ASC", limit: 6, offset: 0 },
    ]);
  });
});

describe("get_deployments fails", () => {
  test("on an ambiguous name with the candidates, on an unknown filter field with the valid ones", async () => {
    await using harness = await openToolHarness();
    const twin = aDeployment({ id: anId(13), name: "nightly", flow_id: anId(9) });
    harness.objects("flow", [flow, aFlow({ id: anId(9), name: "billing" })]);
    harness.objects("deployment", [nightly, twin]);
    const answer = await harness.call(getDeploymentsTool, { deployment: "nightly" });
    expect(answer.structured).toMatchObject({ code: "invalid_input", message: '"nightly" names 2 deployments' });
    expect(answer.structured.hint).toContain(`billing/nightly (${twin.id}); orders-etl/nightly (${nightly.id})`);
    const wrong = await harness.call(getDeploymentsTool, { filter: { work_pool_name: { any_: ["x"] } } });
    expect(wrong.structured.hint).toContain(
      "flow_or_deployment_name, paused, tags, work_queue_name, concurrency_limit",
    );
  });

  test("when Prefect is unreachable and nothing is recorded", async () => {
    await using harness = await openToolHarness();
    await harness.fake.down();
    const answer = await harness.call(getDeploymentsTool, {});
    expect(answer.structured).toMatchObject({ code: "unavailable", retryable: true });
  });
});

describe("get_deployments in the order of names", () => {
  const zeta = { ...nightly, name: "Zeta" };
  const alpha = { ...adhoc, name: "alpha" };

  test.each([
    ["Prefect sorts them in a locale", false, "live"],
    ["Prefect sorts them by code point", true, "record"],
  ])("%s", async (_, isByCodePoint, source) => {
    await using harness = await openToolHarness();
    harness.onDatabase("PostgreSQL");
    fillRecord(harness);
    fillPrefect(harness);
    harness.objects("deployment", [zeta, alpha], isByCodePoint);
    const answer = await harness.call(getDeploymentsTool, {});
    expect([answer.structured.source, answer.text.includes("code points")]).toEqual([source, false]);
    // One row has no order.
    const one = await harness.call(getDeploymentsTool, { name: "Zeta" });
    expect([one.structured.source, ids(one)]).toEqual(["record", [zeta.id]]);
  });

  test("a name that came later is asked of Prefect, until its list is read again", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    fillPrefect(harness);
    inTransaction(harness.db, () => void upsertObjects(harness.db, "deployment", [zeta], harness.nowUs, false));
    expect((await harness.call(getDeploymentsTool, {})).structured.source).toBe("live");
  });

  test("an answer of the record says how it sorts while Prefect cannot be asked", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    harness.objects("deployment", [zeta, alpha], false);
    losePrefect(harness, 30);
    const answer = await harness.call(getDeploymentsTool, {});
    expect([answer.structured.source, ids(answer)]).toEqual(["record", [zeta.id, alpha.id]]);
    expect(answer.text).toContain("Names are in the order of their code points here");
  });
});

test("get_deployments finds names by `flow/deployment`, from the record and live", async () => {
  await using harness = await openToolHarness();
  fillRecord(harness);
  harness.fake.workspace.flows.push(flow, aFlow({ id: anId(91), name: "refunds-etl" }));
  harness.fake.workspace.deployments.push(nightly, adhoc);
  for (const fresh of [false, true]) {
    const find = async (name: string) => ids(await harness.call(getDeploymentsTool, { name, fresh }));
    expect(await find("orders-etl/nightly")).toEqual([nightly.id]);
    expect(await find("ETL/Night")).toEqual([nightly.id]);
    expect(await find("orders-etl/")).toEqual([adhoc.id, nightly.id]);
    expect(await find("/adhoc")).toEqual([adhoc.id]);
    expect(await find("refunds-etl/nightly")).toEqual([]);
  }
});
