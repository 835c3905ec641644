import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ReplayServer, startReplayServer } from "../../src/demo/replay-server.ts";
import { loadWorkspace } from "../../src/demo/workspace.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import type { EventFilter } from "../../src/model/events/event-filter.ts";
import type { FlowRun, JsonObject, WorkPool } from "../../src/model/objects.ts";

/** What the assertions look at; each kind has some of it. */
type Row = FlowRun & WorkPool;
interface EventPage {
  readonly events: readonly PrefectEvent[];
  readonly total: number;
  readonly next_page: string | null;
}

const workspace = loadWorkspace();
const WIDE = { since: "2020-01-01T00:00:00Z", until: "2100-01-01T00:00:00Z" };
let server: ReplayServer;

beforeAll(async () => {
  server = await startReplayServer();
});
afterAll(() => server.stop());

async function answer(method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await fetch(server.url + path, init);
  return { status: response.status, body: await response.json() };
}
const get = (path: string) => answer("GET", path);
const post = (path: string, body: object = {}) => answer("POST", path, body);

async function rows(path: string, body: object = {}): Promise<Row[]> {
  const { status, body: found } = await post(path, body);
  expect(status).toBe(200);
  return found as Row[];
}

async function first(path: string, body: object = {}): Promise<Row> {
  const [row] = await rows(path, { ...body, limit: 1 });
  if (!row) throw new Error(`${path} found nothing`);
  return row;
}

async function events(filter: EventFilter, limit = 50): Promise<EventPage> {
  return (await post("/events/filter", { filter: { occurred: WIDE, ...filter }, limit })).body as EventPage;
}

const keys = (row: object | undefined) => Object.keys(row ?? {}).toSorted();

describe("objects", () => {
  const family = workspace.families[0];

  test.each([
    ["/flows/filter", workspace.flows[0]],
    ["/deployments/filter", workspace.deployments[0]],
    ["/work_pools/filter", workspace.work_pools[0]],
    ["/work_queues/filter", workspace.work_queues[0]],
    ["/automations/filter", workspace.automations[0]],
    ["/v2/concurrency_limits/filter", workspace.concurrency_limits[0]],
    ["/concurrency_limits/filter", workspace.tag_limits[0]],
    ["/work_pools/etl-pool/workers/filter", workspace.workers["etl-pool"]?.[0]],
    ["/flow_runs/filter", family?.flow_runs[0]],
    ["/task_runs/filter", family?.task_runs[0]],
    ["/logs/filter", family?.logs[0]],
  ])("%s answers rows with the recorded fields", async (path, recorded) => {
    const found = await rows(path);
    expect(found.length).toBeGreaterThan(0);
    for (const row of found) expect(keys(row)).toEqual(keys(recorded));
  });

  test.each([["/artifacts/filter"], ["/variables/filter"]])(
    "%s answers an empty list: none were recorded",
    async (path) => {
      expect(await rows(path)).toEqual([]);
    },
  );

  test("one object by id, and Prefect's own error text where there is none", async () => {
    const run = await first("/flow_runs/filter");
    expect(await get(`/flow_runs/${run.id}`)).toMatchObject({ status: 200, body: { id: run.id } });
    const none = "00000000-0000-4000-8000-000000000000";
    expect(await get(`/flow_runs/${none}`)).toEqual({ status: 404, body: { detail: "Flow run not found" } });
    expect(await get("/work_pools/nope")).toEqual({ status: 404, body: { detail: 'Work pool "nope" not found.' } });
    expect(await get("/nope")).toEqual({ status: 404, body: { detail: "Not Found" } });
  });

  test("combined filters, sort, limit and offset", async () => {
    const filter = {
      flows: { name: { any_: ["hourly-report"] } },
      flow_runs: { state: { type: { any_: ["COMPLETED"] } } },
    };
    const sorted = { ...filter, sort: "START_TIME_DESC" };
    const all = await rows("/flow_runs/filter", sorted);
    expect((await post("/flow_runs/count", filter)).body).toBe(all.length);
    expect(new Set(all.map((run) => run.state_type))).toEqual(new Set(["COMPLETED"]));
    const starts = all.map((run) => run.start_time ?? "");
    expect(starts).toEqual(starts.toSorted().reverse());
    expect(await rows("/flow_runs/filter", { ...sorted, limit: 3, offset: 2 })).toEqual(all.slice(2, 5));
  });

  test("related rows: flows with a crashed run, runs of a pool, tasks and subflows of a run", async () => {
    const crashed = await rows("/flows/filter", { flow_runs: { state: { type: { any_: ["CRASHED"] } } } });
    expect(crashed.map((flow) => flow.name)).toEqual(["train-model"]);
    const legacy = await rows("/flow_runs/filter", { work_pools: { name: { any_: ["legacy-pool"] } } });
    expect(legacy.map((run) => run.state_name)).toEqual(["Late", "Late", "Late"]);
    const parent = await first("/flow_runs/filter", { flows: { name: { any_: ["sync-inventory"] } } });
    const children = await rows("/flow_runs/filter", { flow_runs: { parent_flow_run_id: { any_: [parent.id] } } });
    expect(children.map((run) => run.state_type).toSorted()).toEqual(["COMPLETED", "COMPLETED", "FAILED"]);
    const dummies = await rows("/task_runs/filter", {
      flow_runs: { id: { any_: [parent.id] } },
      task_runs: { subflow_runs: { exists_: true } },
    });
    expect(dummies.length).toBe(3);
  });

  test("an empty list matches nothing, null means the default, unknown top-level keys are ignored", async () => {
    expect(await rows("/flow_runs/filter", { flow_runs: { id: { any_: [] } } })).toEqual([]);
    const loose = { sort: null, limit: null, flows: null, flow: { x: 1 } };
    expect((await rows("/flows/filter", loose)).length).toBe(workspace.flows.length);
  });

  test("occupied slots name their holder", async () => {
    const { body } = await post("/work_pools/gpu-pool/concurrency_status", { flow_run_limit: 200 });
    expect(keys(body as object)).toEqual(keys(workspace.slots["gpu-pool"]));
    expect(body).toMatchObject({
      active_slots: 1,
      concurrency_limit: 1,
      queues: [{ queue_name: "default", flow_runs: [{ state_name: "Running" }], flow_run_count: 1 }],
    });
    const pools = await rows("/work_pools/filter");
    expect(pools.map((pool) => [pool.name, pool.active_slots])).toEqual([
      ["etl-pool", null],
      ["gpu-pool", 1],
      ["legacy-pool", null],
    ]);
  });

  test("states of a run are those of its events", async () => {
    const run = await first("/flow_runs/filter", { flow_runs: { state: { name: { any_: ["Failed"] } } } });
    const states = (await get(`/flow_run_states/?flow_run_id=${run.id}`)).body as { id: string }[];
    const resource = { id: [`prefect.flow-run.${run.id}`], labels: { "prefect.state-type": "*" } };
    const page = await events({ order: "ASC", resource });
    expect(states.map((state) => state.id)).toEqual(page.events.map((event) => event.id));
  });

  test("the input that a paused run waits for can be read", async () => {
    const run = await first("/flow_runs/filter", { flow_runs: { state: { type: { any_: ["PAUSED"] } } } });
    const { schema } = (run.state?.state_details?.run_input_keyset ?? {}) as JsonObject;
    const { body } = await get(`/flow_runs/${run.id}/input/${schema}`);
    expect(Object.keys((body as { properties: object }).properties)).toEqual(["approved", "comment"]);
  });

  test("settings, version, health", async () => {
    const answers = await Promise.all(["/health", "/version", "/admin/version", "/admin/settings"].map(get));
    const { api_version, version, settings } = workspace;
    expect(answers.map(({ body }) => body)).toEqual([true, api_version, version, settings]);
  });
});

describe("refusals", () => {
  test("pages over the limit, in both wordings", async () => {
    expect(await post("/flow_runs/filter", { limit: 201 })).toEqual({
      status: 422,
      body: { detail: "Invalid limit: must be less than or equal to 200." },
    });
    const msg = "Input should be less than or equal to 50";
    expect(await post("/events/filter", { limit: 51 })).toEqual({
      status: 422,
      body: {
        exception_message: "Invalid request received.",
        exception_detail: [{ type: "less_than_equal", loc: ["body", "limit"], msg, input: 51 }],
        request_body: { limit: 51 },
      },
    });
  });

  test.each([
    ["/events/filter", { filter: { bogus: 1 } }, ["body", "filter", "bogus"]],
    ["/events/filter", { filter: { event: { like: "x" } } }, ["body", "filter", "event", "like"]],
    ["/flow_runs/filter", { flow_runs: { bogus: 1 } }, ["body", "flow_runs", "bogus"]],
    ["/flow_runs/filter", { flow_runs: { name: { startswith_: "x" } } }, ["body", "flow_runs", "name", "startswith_"]],
    ["/logs/filter", { logs: { name: { any_: ["x"] } } }, ["body", "logs", "name"]],
  ])("%s refuses the unknown key of %j", async (path, body, loc) => {
    expect(await post(path, body)).toMatchObject({
      status: 422,
      body: { exception_detail: [{ type: "extra_forbidden", loc, msg: "Extra inputs are not permitted" }] },
    });
  });

  test("an invalid page token", async () => {
    const refused = { status: 403, body: { detail: "Forbidden" } };
    expect(await get("/events/filter/next?page-token=zzzz")).toEqual(refused);
  });
});

describe("events", () => {
  const before = (ms: number) => new Date(Date.now() - ms).toISOString();

  test("pages by token are complete and without repetition", async () => {
    let page = await events({ occurred: { since: WIDE.since, until: before(60_000) }, order: "ASC" });
    expect(page.events.length).toBe(50);
    const { total } = page;
    const seen = page.events.map((event) => event.id);
    while (page.next_page) {
      page = (await (await fetch(page.next_page)).json()) as EventPage;
      seen.push(...page.events.map((event) => event.id));
    }
    expect([seen.length, new Set(seen).size, page.total]).toEqual([total, total, total]);
  });

  test.each([
    ["time", "hour"],
    ["day", "day"],
    ["event", "day"],
    ["resource", "day"],
  ])("counts by %s agree with the total", async (countable, unit) => {
    const filter = { occurred: { since: before(36 * 3_600_000), until: before(60_000) } };
    const { total } = await events(filter, 0);
    const { body } = await post(`/events/count-by/${countable}`, { filter, time_unit: unit });
    expect((body as { count: number }[]).reduce((sum, bucket) => sum + bucket.count, 0)).toBe(total);
  });

  test("are filtered by name, label, related resource and text", async () => {
    const loaded = await events({ event: { prefix: ["shop.orders."] } });
    expect(new Set(loaded.events.map((event) => event.event))).toEqual(new Set(["shop.orders.batch-loaded"]));
    const web = await events({ event: { prefix: ["shop.orders."] }, resource: { labels: { "shop.front": "web" } } });
    expect([web.total > 0, web.total < loaded.total]).toEqual([true, true]);
    const archive = workspace.deployments.find((row) => row.name === "archive");
    expect((await events({ related: { id: [`prefect.deployment.${archive?.id}`] } })).total).toBeGreaterThan(10);
    expect((await events({ text: { query: '"page 300 of 1200"' } })).total).toBeGreaterThan(0);
  });

  test("are the newest of each resource with a distinct filter", async () => {
    const page = await events({ event: { prefix: ["prefect.flow-run."] }, resource: { distinct: true } });
    const ids = page.events.map((event) => event.resource["prefect.resource.id"]);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe("the event stream", () => {
  interface Frame {
    readonly type: string;
    readonly event: PrefectEvent;
  }

  class Stream {
    readonly frames: Frame[] = [];
    readonly opened = Promise.withResolvers<void>();
    readonly closed = Promise.withResolvers<{ code: number; reason: string }>();
    private readonly socket: WebSocket;
    private arrived = Promise.withResolvers<void>();

    constructor(url: string) {
      this.socket = new WebSocket(url.replace("http", "ws"), ["prefect"]);
      this.socket.onopen = () => this.opened.resolve();
      this.socket.onclose = ({ code, reason }) => this.closed.resolve({ code, reason });
      this.socket.onmessage = ({ data }) => {
        this.frames.push(JSON.parse(String(data)));
        this.arrived.resolve();
        this.arrived = Promise.withResolvers<void>();
      };
    }

    say(...messages: object[]): void {
      for (const message of messages) this.socket.send(JSON.stringify(message));
    }

    async frame(index: number): Promise<Frame | undefined> {
      while (this.frames.length <= index) await this.arrived.promise;
      return this.frames[index];
    }

    close(): void {
      this.socket.close();
    }
  }

  test("authenticates, then sends each event published from then on in one frame", async () => {
    const stream = new Stream(`${server.url}/events/out`);
    await stream.opened.promise;
    const since = new Date().toISOString();
    stream.say({ type: "auth", token: null });
    expect(await stream.frame(0)).toEqual({ type: "auth_success" } as Frame);
    stream.say({ type: "filter", backfill: false, filter: { occurred: { since, until: WIDE.until } } });
    const frame = await stream.frame(1);
    expect([frame?.type, (frame?.event.occurred ?? "") > since]).toEqual(["event", true]);
    const held = await events({ id: { id: [frame?.event.id ?? ""] } });
    expect(held.events).toEqual(frame ? [frame.event] : []);
    stream.close();
  });

  test("sends the events of the last 15 minutes first, oldest first", async () => {
    const askedMs = Date.now();
    const stream = new Stream(`${server.url}/events/out`);
    await stream.opened.promise;
    stream.say({ type: "auth", token: null }, { type: "filter", filter: { occurred: WIDE } });
    await stream.frame(40);
    const moments = stream.frames.slice(1, 41).map(({ event }) => Date.parse(event.occurred));
    expect(moments).toEqual(moments.toSorted((a, b) => a - b));
    expect(moments[0]).toBeGreaterThanOrEqual(askedMs - 15 * 60_000);
    stream.close();
  });

  test.each([
    ["no auth first", [{ type: "filter", filter: {} }], 1008, "Expected 'auth' message"],
    ["auth twice", [{ type: "auth" }, { type: "auth" }], 1002, "Expected 'filter' message"],
    ["no filter key", [{ type: "auth" }, { type: "filter" }], 1002, "Invalid filter: 'filter'"],
  ])("ends on %s as Prefect does", async (_, messages, code, reason) => {
    const stream = new Stream(`${server.url}/events/out`);
    await stream.opened.promise;
    stream.say(...messages);
    expect(await stream.closed.promise).toEqual({ code, reason });
  });

  test("ends without a close frame on an invalid filter", async () => {
    const stream = new Stream(`${server.url}/events/out`);
    await stream.opened.promise;
    stream.say({ type: "auth" }, { type: "filter", filter: { bogus: 1 } });
    expect((await stream.closed.promise).code).toBe(1006);
  });

  test.each([["/events/out/"], ["/other"]])("refuses the upgrade of %s", async (path) => {
    expect((await new Stream(server.url + path).closed.promise).code).toBe(1006);
  });

  test("ends with 1012 when the server stops", async () => {
    const other = await startReplayServer();
    const stream = new Stream(`${other.url}/events/out`);
    await stream.opened.promise;
    await other.stop();
    expect((await stream.closed.promise).code).toBe(1012);
    expect(await fetch(`${other.url}/health`).catch(() => "stopped")).toBe("stopped");
  });
});
