import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/errors.ts";
import type { NamedKind } from "../../../src/model/kinds.ts";
import { parseLink } from "../../../src/queries/names/name-links.ts";
import { resolveName } from "../../../src/queries/names/names.ts";
import {
  aDeployment,
  aFlow,
  aFlowRun,
  aFlowRunEvent,
  anAutomation,
  anEvent,
  anId,
  aTaskRun,
  at,
  aWorkPool,
  aWorkQueue,
} from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const orders = aFlow({ id: anId(1), name: "orders-etl" });
const billing = aFlow({ id: anId(2), name: "billing" });
const nightly = aDeployment({ id: "abcd0001-b17d-4e57-8a11-000000000003", name: "nightly", flow_id: orders.id });
const twin = aDeployment({ id: "abcd0002-b17d-4e57-8a11-000000000004", name: "nightly", flow_id: billing.id });
const run = aFlowRun({ id: "feed0001-b17d-4e57-8a11-000000000005", name: "calm-otter", start_time: at(60) });
const again = aFlowRun({ id: "feed0002-b17d-4e57-8a11-000000000006", name: "calm-otter", start_time: at(120) });
const task = aTaskRun({ id: "beef0001-b17d-4e57-8a11-000000000007", name: "load-1" });
const pool = aWorkPool({ id: anId(8), name: "etl pool" });
const queue = aWorkQueue({ id: anId(9), name: "default", work_pool_id: pool.id, work_pool_name: pool.name });
const automation = anAutomation({ id: anId(10), name: "rerun" });

function record(harness: ToolHarness): void {
  harness.objects("flow", [orders, billing]);
  harness.objects("deployment", [nightly, twin]);
  harness.objects("work_pool", [pool]);
  harness.objects("work_queue", [queue]);
  harness.objects("automation", [automation]);
  harness.flowRuns([run]);
  harness.taskRuns([task]);
}

async function failure(harness: ToolHarness, kind: NamedKind, text: string): Promise<AppError> {
  const error = await resolveName(harness.query, kind, text).catch((thrown: unknown) => thrown);
  if (error instanceof AppError) return error;
  throw new Error(`resolved to ${JSON.stringify(error)}`);
}

describe("links and resource ids", () => {
  test("every path of both UIs has its kind", () => {
    const id = run.id;
    const base = "https://app.prefect.cloud/account/a/workspace/w";
    const cases: [string, string, string][] = [
      [`${base}/runs/flow-run/${id}`, "flow_run", id],
      [`http://h:4200/v2/runs/flow-run/${id}?tab=Logs`, "flow_run", id],
      [`http://h:4200/flow-runs/flow-run/${id}`, "flow_run", id],
      [`http://h:4200/runs/task-run/${id}`, "task_run", id],
      [`http://h:4200/deployments/deployment/${id}`, "deployment", id],
      [`http://h:4200/flows/flow/${id}`, "flow", id],
      ["http://h:4200/work-pools/work-pool/etl%20pool", "work_pool", "etl pool"],
      ["http://h:4200/work-pools/work-pool/etl%20pool/queue/default", "work_queue", "etl pool/default"],
      [`http://h:4200/work-queues/work-queue/${id}`, "work_queue", id],
      [`http://h:4200/automations/automation/${id}`, "automation", id],
      [`prefect.flow-run.${id}`, "flow_run", id],
    ];
    for (const [text, kind, key] of cases) expect(parseLink(text)).toEqual({ kind: kind as NamedKind, key });
    for (const text of ["calm-otter", "http://h:4200/dashboard", "prefect.flow-run.x", "https://"])
      expect(parseLink(text)).toBeNull();
  });
});

describe("recorded names", () => {
  test("ids, beginnings of ids, links and names of every kind are resolved without a request", async () => {
    await using harness = await openToolHarness();
    record(harness);
    const ask = (kind: NamedKind, text: string) => resolveName(harness.query, kind, text);
    const otter = { id: run.id, name: "calm-otter" };
    for (const text of [
      run.id,
      run.id.toUpperCase(),
      "feed0001",
      "feed0001-b17d-4e",
      "calm-otter",
      `http://h/runs/flow-run/${run.id}`,
    ]) {
      expect(await ask("flow_run", text)).toEqual(otter);
    }
    expect(await ask("task_run", "beef")).toEqual({ id: task.id, name: "load-1" });
    expect(await ask("deployment", "orders-etl/nightly")).toEqual({
      id: nightly.id,
      name: "nightly",
      parent: "orders-etl",
    });
    expect(await ask("deployment", "Orders-ETL/Nightly")).toEqual({
      id: nightly.id,
      name: "nightly",
      parent: "orders-etl",
    });
    expect(await ask("flow", " billing ")).toEqual({ id: billing.id, name: "billing" });
    expect(await ask("work_pool", "http://h/work-pools/work-pool/etl%20pool")).toEqual({
      id: pool.id,
      name: "etl pool",
    });
    expect(await ask("work_queue", "etl pool/default")).toEqual({ id: queue.id, name: "default", parent: "etl pool" });
    expect(await ask("automation", automation.id)).toEqual({ id: automation.id, name: "rerun" });
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("several objects of a name or a beginning of an id: the error lists them with what distinguishes them", async () => {
    await using harness = await openToolHarness();
    record(harness);
    harness.flowRuns([again]);
    expect(await failure(harness, "flow_run", "calm-otter")).toMatchObject({
      code: "invalid_input",
      message: '"calm-otter" names 2 flow runs',
      hint: `Give the id of one: calm-otter of ${at(120)} (${again.id}); calm-otter of ${at(60)} (${run.id}).`,
    });
    expect((await failure(harness, "deployment", "abcd")).message).toBe('"abcd" names 2 deployments');
  });

  test("deployments of one name: the error lists them with their flows", async () => {
    await using harness = await openToolHarness();
    record(harness);
    expect(await failure(harness, "deployment", "nightly")).toMatchObject({
      code: "invalid_input",
      message: '"nightly" names 2 deployments',
      hint: `Give the id or the flow/deployment of one: billing/nightly (${twin.id}); orders-etl/nightly (${nightly.id}).`,
    });
  });

  test("the name of a flow is its deployment, when it has one; otherwise the error lists them", async () => {
    await using harness = await openToolHarness();
    record(harness);
    expect(await resolveName(harness.query, "deployment", "billing")).toEqual({
      id: twin.id,
      name: "nightly",
      parent: "billing",
    });
    expect(await resolveName(harness.query, "deployment", "Orders-ETL")).toEqual({
      id: nightly.id,
      name: "nightly",
      parent: "orders-etl",
    });
    const hourly = aDeployment({ id: anId(30), name: "hourly", flow_id: billing.id });
    harness.objects("deployment", [nightly, twin, hourly]);
    expect(await failure(harness, "deployment", "billing")).toMatchObject({
      code: "invalid_input",
      message: '"billing" is a flow with 2 deployments',
      hint: `Give one of them: billing/hourly (${hourly.id}); billing/nightly (${twin.id}).`,
    });
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("very many objects: the error says that there are at least 20", async () => {
    await using harness = await openToolHarness();
    const many = Array.from({ length: 30 }, (_, n) => aFlowRun({ id: `01a2${anId(n).slice(4)}`, name: "same" }));
    harness.flowRuns(many);
    expect((await failure(harness, "flow_run", "01a2")).message).toBe('"01a2" names at least 20 flow runs');
    expect((await failure(harness, "flow_run", "same")).message).toBe('"same" names at least 20 flow runs');
  });

  test("a beginning of an id that is too short: the hint says how long it has to be", async () => {
    await using harness = await openToolHarness();
    record(harness);
    for (const text of ["f", "fe", "fee"]) {
      const { code, hint } = await failure(harness, "flow_run", text);
      expect([code, hint]).toEqual([
        "not_found",
        expect.stringMatching(
          /^The beginning of an id needs at least 4 digits\. .*get_flow_runs lists all flow runs\.$/,
        ),
      ]);
    }
  });

  test("a text longer than any name is refused before it is compared with names", async () => {
    await using harness = await openToolHarness();
    record(harness);
    expect(await failure(harness, "flow_run", "x".repeat(100_000))).toMatchObject({
      code: "invalid_input",
      message: "a text of 100,000 characters names no flow run",
      hint: "Give at most 1000 characters: an id, its beginning, a UI link or a name.",
    });
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("a link to an object of another kind: the error names that kind", async () => {
    await using harness = await openToolHarness();
    const error = await failure(harness, "deployment", `http://h/runs/flow-run/${run.id}`);
    expect(error.message).toEndWith("is a flow run, not a deployment");
  });

  test("a run of which only events are recorded is found by its id", async () => {
    await using harness = await openToolHarness();
    const deleted = anId(99);
    const related = [
      {
        "prefect.resource.id": `prefect.flow-run.${deleted}`,
        "prefect.resource.role": "flow-run",
        "prefect.resource.name": "lost-run",
      },
    ];
    harness.events([anEvent({ related }), aFlowRunEvent(again)]);
    expect(await resolveName(harness.query, "flow_run", deleted)).toEqual({ id: deleted, name: "lost-run" });
    expect(harness.fake.takeRequests()).toEqual([]);
  });
});

describe("names that are not recorded", () => {
  test("are read from Prefect, and the objects are saved", async () => {
    await using harness = await openToolHarness();
    const { workspace } = harness.fake;
    workspace.flowRuns.push(run);
    workspace.flows.push(orders, billing);
    workspace.deployments.push(nightly, twin);
    workspace.workQueues.push(queue, aWorkQueue({ name: "default", work_pool_name: "other" }));
    expect(await resolveName(harness.query, "flow_run", "calm-otter")).toEqual({ id: run.id, name: "calm-otter" });
    expect(await resolveName(harness.query, "flow_run", run.id)).toEqual({ id: run.id, name: "calm-otter" });
    expect(await resolveName(harness.query, "deployment", "billing/nightly")).toEqual({
      id: twin.id,
      name: "nightly",
      parent: "billing",
    });
    expect(await resolveName(harness.query, "work_queue", "etl pool/default")).toEqual({
      id: queue.id,
      name: "default",
      parent: "etl pool",
    });
    expect(harness.fake.takeRequests()).toEqual([
      "POST /flow_runs/filter",
      "POST /flow_runs/filter",
      "POST /deployments/filter",
      "POST /work_queues/filter",
    ]);
    expect(harness.saved.map((batch) => batch.kind)).toEqual(["flow_run", "flow_run", "deployment", "work_queue"]);
  });

  test("deployments of one name in Prefect: the error lists them with their flows, not with their work pools", async () => {
    await using harness = await openToolHarness();
    const { workspace } = harness.fake;
    workspace.flows.push(orders, billing);
    workspace.deployments.push({ ...nightly, work_pool_name: "etl pool" }, { ...twin, work_pool_name: "etl pool" });
    const { hint } = await failure(harness, "deployment", "nightly");
    expect(hint).toContain(`billing/nightly (${twin.id})`);
    expect(hint).toContain(`orders-etl/nightly (${nightly.id})`);
    expect(harness.fake.takeRequests()).toEqual(["POST /deployments/filter", "POST /flows/filter"]);
  });

  test("the name of a flow that is not recorded is its deployment in Prefect", async () => {
    await using harness = await openToolHarness();
    harness.fake.workspace.flows.push(orders, billing);
    harness.fake.workspace.deployments.push(nightly, twin);
    expect(await resolveName(harness.query, "deployment", "billing")).toEqual({
      id: twin.id,
      name: "nightly",
      parent: "billing",
    });
    expect(harness.fake.takeRequests()).toEqual(["POST /deployments/filter", "POST /deployments/filter"]);
  });

  test("nearest names are compared by flow and by deployment", async () => {
    await using harness = await openToolHarness();
    record(harness);
    for (const text of ["biling", "orders-etl/nigthly", "biling/nightly"]) {
      const { hint } = await failure(harness, "deployment", text);
      const name = text.startsWith("b") ? "billing/nightly" : "orders-etl/nightly";
      expect([text, hint]).toEqual([text, expect.stringContaining(`Nearest names: ${name}`)]);
    }
  });

  test("an unknown name: the error lists similar names and the tool that lists all", async () => {
    await using harness = await openToolHarness();
    record(harness);
    expect(await failure(harness, "flow", "order-etl")).toMatchObject({
      code: "not_found",
      message: 'no flow "order-etl"',
      hint: "Nearest names: orders-etl. get_flows lists all flows.",
    });
    const id = anId(77);
    expect((await failure(harness, "flow_run", id)).message).toBe(`no flow run "${id}"`);
    expect((await failure(harness, "flow_run", "  ")).code).toBe("invalid_input");
  });

  test("Prefect is unreachable: the error says so and still lists similar names", async () => {
    await using harness = await openToolHarness();
    record(harness);
    await harness.fake.down();
    const error = await failure(harness, "flow_run", "calm-oter");
    expect(error.code).toBe("unavailable");
    expect(error.message).toStartWith('no flow run "calm-oter" is recorded, and Prefect does not answer');
    expect(error.hint).toStartWith("Nearest names: calm-otter.");
  });
});

test("a flow or a pool in the form of its deployment or queue is answered with what to write", async () => {
  await using harness = await openToolHarness();
  record(harness);
  const flow = await failure(harness, "flow", "billing/nightly");
  expect(flow.code).toBe("not_found");
  expect(flow.ownHint).toStartWith(
    'This has the form of a deployment (flow/deployment): write flow: "billing" or deployment: "billing/nightly". ',
  );
  const queueGiven = await failure(harness, "work_pool", "etl pool/default");
  expect(queueGiven.ownHint).toStartWith(
    'This has the form of a work queue (pool/queue): write work_pool: "etl pool". ',
  );
});
