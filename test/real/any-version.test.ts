/**
 * Facts that every supported Prefect has, asked of the product three times: from the record, from Prefect (`fresh`), and of a product
 * without a record. `bun run test:versions` runs this against each version and back end.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Deployed, hoursFromNow, PrefectDriver } from "../support/diagnosis/prefect-driver.ts";
import { type Product, runProduct, startProduct, type ToolResult } from "../support/process/product.ts";
import { type RealPrefect, startRealPrefect } from "../support/real-prefect/real-prefect.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const LATE_RUNS = 5;
const TAG = "warehouse";
const NO_SCHEMA = { enforce_parameter_schema: false };

interface Row {
  readonly id: string;
  readonly name: string;
}

let prefect: RealPrefect;
let driver: PrefectDriver;
let folder: string;
let product: Product;
let empty: Product;
let narrow: Deployed;
let holder: Row;
let late: Row[];
let everyRun: string[];
let automations: Row[];

beforeAll(async () => {
  prefect = await startRealPrefect();
  driver = new PrefectDriver(prefect);
  folder = mkdtempSync(join(tmpdir(), "any-version-"));
  product = await startProduct({ env: prefect.productEnv(join(folder, "following")) });
  await driver.pool("narrow", { concurrency_limit: 1 });
  await driver.pool("wide");
  narrow = await driver.deployment("orders-etl", "nightly", "narrow", NO_SCHEMA);
  const wide = await driver.deployment("orders-etl", "hourly", "wide", NO_SCHEMA);
  await driver.post("/concurrency_limits/", { tag: TAG, concurrency_limit: 2 });
  const start = (deployment: Deployed, hours: number) =>
    driver.post<Row>(`/deployments/${deployment.id}/create_flow_run`, {
      state: { type: "SCHEDULED", state_details: { scheduled_time: hoursFromNow(hours) } },
    });
  late = [];
  for (let index = 0; index < LATE_RUNS; index += 1) late.push(await start(narrow, -0.5));
  const upcoming = await start(wide, 5);
  holder = await start(narrow, -1);
  for (const type of ["PENDING", "RUNNING"])
    await driver.post(`/flow_runs/${holder.id}/set_state`, { state: { type }, force: true });
  automations = [];
  for (const name of ["restart", "report"]) {
    const trigger = { type: "event", posture: "Reactive", expect: [`shop.${name}`], threshold: 1, within: 0 };
    automations.push(await driver.post("/automations/", { name, trigger, actions: [{ type: "do-nothing" }] }));
  }
  const event = {
    event: "shop.order.placed",
    resource: { "prefect.resource.id": "shop.order.1" },
    payload: { note: "quokkaberry prüfung" },
  };
  await driver.post("/events", [{ ...event, id: crypto.randomUUID(), occurred: new Date().toISOString() }]);
  everyRun = [...late, upcoming, holder].map((run) => run.id);
  await waitUntil(
    "all due runs are Late",
    () => prefect.api<Row[]>("POST", "/flow_runs/filter", { flow_runs: { state: { name: { any_: ["Late"] } } } }),
    (found) => found.length === LATE_RUNS,
  );
  await prefect.settled();
  const synced = await runProduct(["sync", "--once"], prefect.productEnv(join(folder, "once")));
  expect([synced.code, synced.stderr]).toEqual([0, ""]);
  empty = await startProduct({ env: { ...prefect.productEnv(join(folder, "none")), PREFECT_MCP_SYNC: "off" } });
});

afterAll(async () => {
  driver?.stopHeartbeats();
  await product?.[Symbol.asyncDispose]();
  await empty?.[Symbol.asyncDispose]();
  await prefect?.[Symbol.asyncDispose]();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const idsOf = (rows: readonly { readonly id: string }[]) => rows.map((row) => row.id).toSorted();

/** Answers are compared as soon as the record has what the events said. */
const ASKED: readonly (readonly [string, (tool: string, args?: object) => Promise<ToolResult>])[] = [
  ["from the record", (tool, args = {}) => product.call(tool, args)],
  ["from Prefect", (tool, args = {}) => product.call(tool, tool === "diagnose" ? args : { ...args, fresh: true })],
  ["without a record", (tool, args = {}) => empty.call(tool, args)],
];

describe.each(ASKED)("%s", (_, ask) => {
  const structured = async (tool: string, args?: object) => {
    const answer = await ask(tool, args);
    if (answer.isError) throw new Error(answer.text);
    return answer.structured;
  };

  test("every run is listed, whether it has started or not", async () => {
    await waitUntil(
      "all runs are listed",
      async () => idsOf((await structured("get_flow_runs", { limit: 50 })).flow_runs),
      (found) => found.length === everyRun.length,
    );
    expect(idsOf((await structured("get_flow_runs", { limit: 50 })).flow_runs)).toEqual(everyRun.toSorted());
  });

  test("runs that were asked for by id are there", async () => {
    const answer = await structured("get_flow_runs", { filter: { id: { any_: everyRun } }, limit: 50 });
    expect(idsOf(answer.flow_runs)).toEqual(everyRun.toSorted());
  });

  test.each<[string, string, string, () => object, () => readonly string[]]>([
    [
      "runs by who created them",
      "get_flow_runs",
      "flow_runs",
      () => ({ created_by: { is_null_: true } }),
      () => everyRun,
    ],
    [
      "runs by any of several tags",
      "get_flow_runs",
      "flow_runs",
      () => ({ tags: { any_: ["none", "nothing"] } }),
      () => [],
    ],
    ["task runs by their end", "get_task_runs", "task_runs", () => ({ end_time: { is_null_: true } }), () => []],
    [
      "automations by id",
      "get_automations",
      "automations",
      () => ({ id: { any_: [automations[1]?.id] } }),
      () => idsOf(automations.slice(1)),
    ],
    ["automations by tags", "get_automations", "automations", () => ({ tags: { any_: ["none"] } }), () => []],
    [
      "deployments by other ids and any of several tags",
      "get_deployments",
      "deployments",
      () => ({ id: { not_any_: [narrow.id] }, tags: { any_: ["none"] } }),
      () => [],
    ],
  ])("filters: %s", async (_, tool, key, filter, expected) => {
    const answer = await structured(tool, { filter: filter(), limit: 50 });
    expect([idsOf(answer[key]), answer.coverage.complete]).toEqual([expected().toSorted(), true]);
  });

  test("an automation is diagnosed", async () => {
    const answer = await ask("diagnose", { automation: automations[0]?.id });
    expect([answer.isError, answer.structured.verdict]).toEqual([false, "nothing_wrong"]);
  });

  test("late runs are counted", async () => {
    const { flow_runs } = await structured("get_dashboard", { since: "3h" });
    expect([flow_runs.late, flow_runs.running, flow_runs.total]).toEqual([LATE_RUNS, 1, LATE_RUNS + 1]);
  });

  test("no run was deleted", async () => {
    for (const id of everyRun) {
      const [run] = (await structured("get_flow_runs", { flow_run: id })).flow_runs;
      expect([run.id, run.deleted]).toEqual([id, undefined]);
    }
  });

  test("slots: the pool's, with its holder, and the limit of a tag", async () => {
    const { slots } = await structured("get_dashboard", { since: "3h" });
    expect(slots).toContainEqual(
      expect.objectContaining({
        name: "narrow",
        limit: 1,
        active_slots: 1,
        holders: [expect.objectContaining({ id: holder.id })],
      }),
    );
    expect(slots).toContainEqual(expect.objectContaining({ name: TAG, limit: 2, active_slots: 0 }));
  });

  test("work pools with their slots", async () => {
    const { work_pools } = await structured("get_work_pools");
    const pool = work_pools.find((one: Row) => one.name === "narrow");
    expect([work_pools.length, pool.active_slots]).toEqual([2, 1]);
  });

  test("deployments of a work pool", async () => {
    const { deployments } = await structured("get_deployments", { work_pool: "narrow" });
    expect(idsOf(deployments)).toEqual([narrow.id]);
  });

  test.each(["quokkaberry", "prüfung"])("a search finds an event: %s", async (query) => {
    const { results } = await structured("search", { query, kinds: ["event"] });
    expect(results.length).toBe(1);
  });

  test("events by text", async () => {
    const { events } = await structured("read_events", {
      filter: { text: { query: "quokkaberry" } },
      occurred_after: "3h",
    });
    expect(events.length).toBe(1);
  });

  test("a late run: the pool is full, and of whom", async () => {
    const answer = await ask("diagnose", { flow_run: late[0]?.id });
    expect(answer.structured.causes[0]?.code).toBe("work_pool_limit");
    expect(answer.text).toContain(holder.name);
  });

  test("the workspace is diagnosed", async () => {
    const answer = await ask("diagnose", {});
    expect([answer.isError, answer.structured.causes.length > 0]).toEqual([false, true]);
  });
});

test("record and Prefect have the same events", async () => {
  const audit = await runProduct(["audit", "--json"], prefect.productEnv(join(folder, "once")));
  const found = JSON.parse(audit.stdout);
  expect([audit.code, found.unexplained, found.record]).toEqual([0, 0, found.server]);
});
