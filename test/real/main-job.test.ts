/** The main task on real input: flows run on a real Prefect server, and record and answers must equal what the API returns. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/lib/clock.ts";
import { ExactNumber, parseJson } from "../../src/lib/exact-json.ts";
import { parseIsoUs } from "../../src/lib/time.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import { matchesEventFilter } from "../../src/model/events/event-filter.ts";
import type { FlowRun, JsonObject, Log, TaskRun } from "../../src/model/objects.ts";
import { createRedactor } from "../../src/model/secrets/redact.ts";
import { openRecord } from "../../src/store/database.ts";
import { findEvents } from "../../src/store/events/events.ts";
import { type Product, runProduct, startProduct } from "../support/process/product.ts";
import { type RealPrefect, startRealPrefect, WORKSPACE } from "../support/real-prefect/real-prefect.ts";
import { isAtLeast } from "../support/real-prefect/target.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const WIDE = { since: "2020-01-01T00:00:00Z", until: "2100-01-01T00:00:00Z" };

/** Scenarios that depend on the server's own loops (a run becomes Late) come before the flows that keep it busy. */
const SCENARIOS = [
  ...["pool", "automation", "scheduled", "paused", "success", "failure", "retry", "crash", "subflows"],
  ...["map", "logs", "worker"],
];

let prefect: RealPrefect;
let followed: string;
let product: Product;
let ids: Readonly<Record<string, string>>;

/** The product syncs while the flows run: events arrive over the socket in bursts, followed by catch-ups. */
beforeAll(async () => {
  prefect = await startRealPrefect();
  followed = mkdtempSync(join(tmpdir(), "main-job-"));
  product = await startProduct({ env: envFor(followed) });
  const working = startWorker();
  const flows = await prefect.python(WORKSPACE, SCENARIOS);
  if (flows.exitCode !== 0) throw new Error(`the flows did not run: ${flows.stderr.slice(-3000)}`);
  ids = JSON.parse(flows.stdout.trim().split("\n").at(-1) ?? "{}").ids;
  // A worker reports a run only after the run's process has ended, and not at all when it is ended itself before that.
  const executed = () => eventsOfApi({ event: { name: ["prefect.worker.executed-flow-run"] } });
  await waitUntil("the worker has reported both of its runs", executed, (events) => events.length === 2);
  (await working).kill("SIGINT");
  await (await working).exited;
  // A run that becomes Late between two readings would be a difference between their answers.
  const scheduled = () =>
    pagesOf<FlowRun>("/flow_runs/filter", { flow_runs: { state: { name: { any_: ["Scheduled"] } } } });
  const isDue = (run: FlowRun) => (parseIsoUs(run.expected_start_time ?? "") ?? 0) < systemClock.nowUs();
  await waitUntil("every run that is due has become Late", scheduled, (runs) => !runs.some(isDue));
  await prefect.settled();
});

afterAll(async () => {
  await product?.[Symbol.asyncDispose]();
  await prefect?.[Symbol.asyncDispose]();
  rmSync(followed, { recursive: true, force: true });
});

function envFor(dataDir: string): Record<string, string> {
  return { HOME: dataDir, PREFECT_API_URL: prefect.url, PREFECT_MCP_DATA_DIR: dataDir };
}

/** A worker of `etl-pool`, as soon as the flows have made the pool. */
async function startWorker() {
  const pools = () => prefect.api<{ name: string }[]>("POST", "/work_pools/filter", {});
  await waitUntil("the work pool exists", pools, (found) => found.some((pool) => pool.name === "etl-pool"));
  return prefect.prefect(["worker", "start", "--pool", "etl-pool", "--name", "worker-1"], {
    PREFECT_WORKER_QUERY_SECONDS: "2",
  });
}

async function eventsOfApi(
  filter: JsonObject = {},
  parse: (text: string) => unknown = parseJson,
): Promise<PrefectEvent[]> {
  type Page = { events: PrefectEvent[]; next_page: string | null };
  const body = { filter: { occurred: WIDE, order: "ASC", ...filter } };
  let page = await prefect.api<Page>("POST", "/events/filter", body, parse);
  const events = [...page.events];
  while (page.next_page) {
    page = await prefect.api<Page>("GET", page.next_page.slice(page.next_page.indexOf("/events/")), undefined, parse);
    events.push(...page.events);
  }
  return events;
}

async function pagesOf<Row>(path: string, body: JsonObject): Promise<Row[]> {
  const rows: Row[] = [];
  for (;;) {
    const page = await prefect.api<Row[]>("POST", path, { ...body, limit: 200, offset: rows.length });
    rows.push(...page);
    if (page.length < 200) return rows;
  }
}

/** The same value with the text of each exact number, which `toEqual` cannot see. */
function digits(value: unknown): unknown {
  if (value instanceof ExactNumber) return { number: String(value) };
  if (Array.isArray(value)) return value.map(digits);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, digits(member)]));
}

function eventsOfRecord(dataDir: string): PrefectEvent[] {
  const file = readdirSync(dataDir).find((name) => /\.(db|sqlite)$/.test(name));
  if (!file) return [];
  const db = openRecord(join(dataDir, file), "read");
  try {
    const whole = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER };
    return findEvents(db, { ...whole, order: "asc", limit: 1_000_000 }).events;
  } finally {
    db.close();
  }
}

const byId = (events: readonly PrefectEvent[]) => events.toSorted((a, b) => (a.id < b.id ? -1 : 1));

/** Every page of a list tool. */
async function everyPage(tool: string, args: object, key: string): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = [];
  let cursor: string | undefined;
  do {
    const { structured, isError, text } = await product.call(tool, { ...args, ...(cursor ? { cursor } : {}) });
    if (isError) throw new Error(text);
    items.push(...structured[key]);
    cursor = structured.next_cursor;
  } while (cursor);
  return items;
}

/** Of a run that has ended. */
function ranUs({ start_time, end_time }: FlowRun | TaskRun): number | null {
  return start_time && end_time ? (parseIsoUs(end_time) ?? 0) - (parseIsoUs(start_time) ?? 0) : null;
}

/** Runs that have ended in the order in which the product sorts them where Prefect cannot. */
function byDuration(runs: readonly TaskRun[], sort: string): TaskRun[] {
  const direction = sort === "DURATION_DESC" ? -1 : 1;
  const key = (run: TaskRun) => [
    Number(ranUs(run) === null),
    direction * (ranUs(run) ?? 0),
    -(parseIsoUs(run.expected_start_time ?? "") ?? 0),
    run.id,
  ];
  return runs.toSorted((a, b) => {
    const [one, other] = [key(a), key(b)];
    const at = one.findIndex((value, index) => value !== other[index]);
    return at < 0 ? 0 : (one[at] ?? 0) < (other[at] ?? 0) ? -1 : 1;
  });
}

const idsOf = (rows: readonly { id?: unknown }[]) => rows.map((row) => row.id);

describe("the workspace", () => {
  test.each([
    ["prefect.flow-run.Completed"],
    ["prefect.flow-run.Failed"],
    ["prefect.flow-run.AwaitingRetry"],
    ["prefect.flow-run.Crashed"],
    ["prefect.flow-run.Cancelled"],
    ["prefect.flow-run.Late"],
    ["prefect.flow-run.Paused"],
    ["prefect.task-run.Failed"],
    ["prefect.task-run.AwaitingRetry"],
    ["prefect.worker.executed-flow-run"],
    ["prefect.automation.triggered"],
    ["prefect.automation.action.executed"],
    ["shop.order.placed"],
  ])("has an event %s", async (name) => {
    expect((await eventsOfApi({ event: { name: [name] } })).length).toBeGreaterThan(0);
  });
});

describe("the record", () => {
  test("holds exactly the events of the API, every field, when it synced while the flows ran", async () => {
    const ids = (events: readonly PrefectEvent[]) => events.map(({ id }) => id).toSorted();
    // A run may become Late at any time: the record streams that event seconds before the API returns it.
    const { wanted, held } = await waitUntil(
      "the record and the API have the same events",
      async () => ({ wanted: await eventsOfApi(), held: eventsOfRecord(followed) }),
      (both) => Bun.deepEquals(ids(both.wanted), ids(both.held)),
    );
    expect(wanted.length).toBeGreaterThan(800);
    const redact = createRedactor({ credentials: [] }).event;
    expect(digits(byId(held))).toEqual(digits(byId(wanted.map(redact))));
  });

  test("holds exactly the events of the API when it was filled afterwards", async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "main-job-once-"));
    try {
      const before = new Set((await eventsOfApi()).map(({ id }) => id));
      const synced = await runProduct(["sync", "--once"], envFor(dataDir));
      expect([synced.code, synced.stderr]).toEqual([0, ""]);
      const redact = createRedactor({ credentials: [] }).event;
      const held = eventsOfRecord(dataDir);
      const heldIds = new Set(held.map(({ id }) => id));
      expect([...before].filter((id) => !heldIds.has(id))).toEqual([]);
      // A run may become Late meanwhile: what the record holds is equal, and what it lacks came after the sync began.
      const wanted = (await eventsOfApi()).filter(({ id }) => heldIds.has(id));
      expect(digits(byId(held))).toEqual(digits(byId(wanted.map(redact))));
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  test("is found complete by the audit", async () => {
    const audit = await runProduct(["audit", "--json"], envFor(followed));
    const found = JSON.parse(audit.stdout);
    expect([audit.code, found.unexplained, found.record]).toEqual([0, 0, found.server]);
  });
});

describe("answers equal what the API returns", () => {
  test("read_events: every event with every field, page by page", async () => {
    const items = await everyPage(
      "read_events",
      { detail: "full", limit: 500, order: "asc", occurred_after: "7d" },
      "events",
    );
    const redact = createRedactor({ credentials: [] }).event;
    expect(byId(items as unknown as PrefectEvent[])).toEqual(byId((await eventsOfApi({}, JSON.parse)).map(redact)));
  });

  test.each([
    ["a prefix", { event: { prefix: ["prefect.flow-run."] } }],
    ["names", { event: { name: ["prefect.flow-run.Failed", "prefect.flow-run.Crashed"] } }],
    ["a label", { resource: { labels: { "prefect.state-type": "FAILED" } } }],
    ["a related role", { related: { role: ["customer"] } }],
  ])("read_events by %s", async (_, filter) => {
    const items = await everyPage("read_events", { filter, limit: 500, occurred_after: "7d" }, "events");
    // Before 3.2, a label whose name has a dot matches nothing on SQLite.
    const wanted = isAtLeast("3.2.0")
      ? await eventsOfApi(filter)
      : (await eventsOfApi()).filter((event) => matchesEventFilter(filter, event));
    expect(idsOf(items).toSorted()).toEqual(idsOf(wanted).toSorted());
  });

  test("read_events of one run and its tasks", async () => {
    const items = await everyPage("read_events", { flow_run: ids.failure, limit: 500 }, "events");
    const wanted = await eventsOfApi({ any_resource: { id: [`prefect.flow-run.${ids.failure}`] } });
    expect(idsOf(items).toSorted()).toEqual(idsOf(wanted).toSorted());
  });

  test.each([
    ["all, newest start first", {}, "START_TIME_DESC", {}],
    ["failed and crashed", { state: { type: { any_: ["FAILED", "CRASHED"] } } }, "EXPECTED_START_TIME_DESC", {}],
    ["late", { state: { name: { any_: ["Late"] } } }, "EXPECTED_START_TIME_DESC", {}],
    ["by tag", { tags: { all_: ["demo"] } }, "START_TIME_DESC", {}],
    ["ad hoc, by name", { deployment_id: { is_null_: true } }, "NAME_ASC", {}],
    ["of a deployment", {}, "START_TIME_DESC", { deployment: "orders-nightly" }],
    ["of a flow", {}, "EXPECTED_START_TIME_ASC", { flow: "orders-etl" }],
  ])("get_flow_runs: %s", async (_, filter, sort, shorthand: { deployment?: string; flow?: string }) => {
    const items = await everyPage("get_flow_runs", { filter, sort, limit: 200, ...shorthand }, "flow_runs");
    const { deployment, flow } = shorthand;
    const wanted = await pagesOf<FlowRun>("/flow_runs/filter", {
      flow_runs: filter,
      sort,
      ...(deployment && { deployments: { name: { any_: [deployment] } } }),
      ...(flow && { flows: { name: { any_: [flow] } } }),
    });
    expect(wanted.length).toBeGreaterThan(0);
    expect(idsOf(items)).toEqual(idsOf(wanted));
  });

  test("get_flow_runs: every field of a run in full detail", async () => {
    const { structured } = await product.call("get_flow_runs", { flow_run: ids.failure, detail: "full" });
    const wanted = await prefect.api<FlowRun>("GET", `/flow_runs/${ids.failure}`);
    const { estimated_run_time: _, estimated_start_time_delta: __, ...steady } = wanted;
    expect(structured.flow_runs).toEqual([expect.objectContaining(steady)]);
  });

  test("get_task_runs of the mapped run, in Prefect's order", async () => {
    const items = await everyPage("get_task_runs", { flow_run: ids.map, limit: 200 }, "task_runs");
    const body = { flow_runs: { id: { any_: [ids.map ?? ""] } }, sort: "EXPECTED_START_TIME_DESC" };
    const wanted = await pagesOf<TaskRun>("/task_runs/filter", body);
    expect(wanted.length).toBe(200);
    expect(idsOf(items)).toEqual(idsOf(wanted));
  });

  const ended = { state: { type: { any_: ["COMPLETED", "FAILED", "CRASHED"] } } };

  test.each(["DURATION_ASC", "DURATION_DESC"])("get_task_runs: %s, as Prefect sorts them since 3.9.1", async (sort) => {
    const wanted = isAtLeast("3.9.1")
      ? await pagesOf<TaskRun>("/task_runs/filter", { task_runs: ended, sort })
      : byDuration(await pagesOf<TaskRun>("/task_runs/filter", { task_runs: ended }), sort);
    expect(wanted.length).toBeGreaterThan(200);
    for (const fresh of [false, true]) {
      const items = await everyPage("get_task_runs", { filter: ended, sort, limit: 200, fresh }, "task_runs");
      expect(idsOf(items)).toEqual(idsOf(wanted));
    }
  });

  test.each(["get_flow_runs", "get_task_runs"])(
    "%s: bounds on the duration, the same from both sources",
    async (tool) => {
      const key = tool === "get_flow_runs" ? "flow_runs" : "task_runs";
      const all = await pagesOf<FlowRun | TaskRun>(`/${key}/filter`, { [key]: ended });
      const durations = all.flatMap((run) => ranUs(run) ?? []).toSorted((a, b) => a - b);
      const median = durations[durations.length >> 1] ?? 0;
      const wanted = all.filter((run) => (ranUs(run) ?? 0) >= median);
      expect(wanted.length).toBeLessThan(all.length);
      for (const fresh of [false, true]) {
        const args = { filter: ended, min_duration: `${median / 1e6}`, limit: 200, fresh };
        const items = await everyPage(tool, args, key);
        expect(idsOf(items).toSorted()).toEqual(idsOf(wanted).toSorted());
      }
    },
  );

  test.each([
    ["get_deployments", "deployments"],
    ["get_flows", "flows"],
    ["get_work_pools", "work_pools"],
    ["get_automations", "automations"],
  ])("%s: all, by name", async (tool, key) => {
    const items = await everyPage(tool, { limit: 200 }, key);
    const wanted = await pagesOf<{ id: string; name: string }>(`/${key}/filter`, {});
    expect(items.map(({ id, name }) => ({ id, name }))).toEqual(wanted.map(({ id, name }) => ({ id, name })));
  });

  test("get_flow_run_logs: the error at the end of a long run is in the default answer", async () => {
    const { structured, text } = await product.call("get_flow_run_logs", { flow_run_id: ids["late-error"] });
    expect(text).toContain("the error at the end of a long run");
    expect(structured.logs.some((line: Log) => line.message.includes("the error at the end of a long run"))).toBe(true);
  });

  test("get_flow_run_logs: 1,500 lines, each whole and in order", async () => {
    const items = await everyPage("get_flow_run_logs", { flow_run_id: ids.logs, head: true, limit: 1000 }, "logs");
    const wanted = await pagesOf<Log>("/logs/filter", {
      logs: { flow_run_id: { any_: [ids.logs ?? ""] } },
      sort: "TIMESTAMP_ASC",
    });
    expect(wanted.length).toBeGreaterThan(1_500);
    expect(items.map((line) => line.message)).toEqual(wanted.map((line) => line.message));
  });

  test("get_dashboard counts what the API counts", async () => {
    const until = new Date().toISOString();
    const since = new Date(Date.now() - 3_600_000).toISOString();
    const { structured } = await product.call("get_dashboard", { since, until });
    // Before Prefect 3.4.5, its own filter on the start does not know the expected start.
    const begin = (run: FlowRun) => run.start_time ?? run.expected_start_time ?? "";
    const all = await pagesOf<FlowRun>("/flow_runs/filter", {});
    const rows = all.filter((run) => begin(run) >= since && begin(run) <= until);
    const count = (type: string, isLate?: boolean) =>
      rows.filter((run) => run.state_type === type && (isLate === undefined || (run.state_name === "Late") === isLate))
        .length;
    expect(structured.flow_runs).toEqual({
      completed: count("COMPLETED"),
      failed: count("FAILED"),
      crashed: count("CRASHED"),
      cancelled: count("CANCELLED"),
      running: count("RUNNING"),
      pending: count("PENDING"),
      scheduled: count("SCHEDULED", false),
      late: count("SCHEDULED", true),
      paused: count("PAUSED"),
      cancelling: count("CANCELLING"),
      total: rows.length,
    });
    expect(structured.slots).toContainEqual(
      expect.objectContaining({
        name: "narrow-pool",
        limit: 1,
        active_slots: 1,
        holders: [expect.objectContaining({ id: ids.running })],
      }),
    );
  });

  test("search finds the words of custom events", async () => {
    // No word that Prefect gives to runs as a name: "quick-zebra" is one.
    const items = await everyPage("search", { query: "quokkaberry", kinds: ["event"], limit: 200 }, "results");
    const wanted = (await eventsOfApi({ event: { prefix: ["shop.order."] } })).map((event) => event.id);
    expect(idsOf(items).toSorted()).toEqual(wanted.toSorted());
  });

  test("get_identity and get_record_status name this server and what is recorded", async () => {
    const identity = await product.call("get_identity");
    expect(JSON.stringify(identity.structured)).toContain(prefect.url);
    expect(JSON.stringify(identity.structured)).toContain(await prefect.api<string>("GET", "/admin/version"));
    // The server continues to make events, which the websocket brings before REST has them.
    const status = await waitUntil(
      "Prefect and the record have as many events",
      async () => {
        const { structured } = await product.call("get_record_status");
        return { structured, events: (await eventsOfApi()).length };
      },
      ({ structured, events }) => structured.events === events,
    );
    expect(status.structured).toMatchObject({ events: status.events, syncing: "self", gaps: [] });
  });

  test("every answer names the same ids in both channels", async () => {
    const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
    const found = (text: string) => [...new Set(text.match(uuid) ?? [])].toSorted();
    for (const tool of [
      "get_dashboard",
      "get_flow_runs",
      "read_events",
      "get_deployments",
      "get_work_pools",
      "get_automations",
    ]) {
      const { structured, text } = await product.call(tool);
      expect([tool, found(text)]).toEqual([tool, found(JSON.stringify(structured))]);
    }
  });
});
