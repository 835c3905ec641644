/** The client, and the fake server the other tests use, against a real Prefect 3.8.8. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { systemClock } from "../../src/lib/clock.ts";
import { parseJson } from "../../src/lib/exact-json.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import type { EventFilter } from "../../src/model/events/event-filter.ts";
import type { JsonObject } from "../../src/model/objects.ts";
import { createPrefectClient, type PrefectClient } from "../../src/prefect/client.ts";
import type { PrefectConnection } from "../../src/prefect/transport/connection.ts";
import { skewMsOf } from "../../src/prefect/transport/server-offset.ts";
import type { QueryContext } from "../../src/queries/source/context.ts";
import { searchTool } from "../../src/tools/events/search.ts";
import { getArtifactsTool } from "../../src/tools/objects/get-artifacts.ts";
import { callWith } from "../support/call-tool.ts";
import { DEFAULT_CONNECTION } from "../support/default-connection.ts";
import { failureOf } from "../support/failure-of.ts";
import { facts } from "../support/fake-prefect/client.ts";
import { type FakePrefect, startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { type RealPrefect, startRealPrefect } from "../support/real-prefect/real-prefect.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const FUTURE = "2099-01-01T00:00:00Z";
const AUTH = "admin:not-so-secret";

let real: RealPrefect;
let guarded: RealPrefect;
let fake: FakePrefect;
let client: PrefectClient;
let copy: PrefectClient;
let ids: Readonly<Record<string, string>>;
let exactRunId: string;
let events: readonly PrefectEvent[];

const open = (url: string, options: Partial<PrefectConnection> = {}) =>
  createPrefectClient({ ...DEFAULT_CONNECTION, url, ...options }, { clock: systemClock, logger: silentLogger });

async function allEvents(from: PrefectClient): Promise<PrefectEvent[]> {
  const found: PrefectEvent[] = [];
  let page = await from.filterEvents({ occurred: { until: FUTURE }, order: "ASC" }, 50);
  found.push(...page.events);
  while (page.nextToken !== null) {
    page = await from.nextEvents(page.nextToken);
    found.push(...page.events);
  }
  return found;
}

/** A run and an event with numbers that no double writes in this way; as text, because `JSON.stringify` would lose them. */
const EXACT = '{"big":9223372036854775807,"float":1.0,"zero":-0.0,"list":[18446744073709551615]}';

async function addExactNumbers(): Promise<string> {
  const flow = await real.api<{ id: string }>("POST", "/flows/", { name: "exact" });
  const body = { flow_id: flow.id, state: { type: "PENDING" }, parameters: parseJson(EXACT) };
  const run = await real.api<{ id: string }>("POST", "/flow_runs/", body);
  const resource = { "prefect.resource.id": "exact.numbers" };
  const event = { occurred: new Date().toISOString(), event: "exact.numbers", resource, payload: parseJson(EXACT) };
  await real.api("POST", "/events", [{ ...event, id: crypto.randomUUID() }]);
  return run.id;
}

/** Waits until nothing changes any more: the runs that no worker takes are Late, and their events are written. */
async function quiet(): Promise<void> {
  const waiting = {
    state: { name: { any_: ["Scheduled"] } },
    deployment_id: { any_: [ids["deployment:orders-stranded"] ?? ""] },
  };
  const count = () => client.countFlowRuns({ flow_runs: waiting });
  await waitUntil("every stranded run is Late", count, (found) => found === 0);
  await real.settled();
}

/** Copies what the real server holds into the fake one. */
async function copyWorkspace(): Promise<void> {
  const { workspace } = fake;
  fake.emit(events, { socket: false });
  workspace.flowRuns.push(...(await client.filterFlowRuns({})));
  workspace.taskRuns.push(...(await client.filterTaskRuns({})));
  workspace.logs.push(...(await client.filterLogs({})));
  workspace.flows.push(...(await client.filterObjects("flow", {})));
  workspace.deployments.push(...(await client.filterObjects("deployment", {})));
  workspace.workPools.push(...(await client.filterObjects("work_pool", {})));
  workspace.workQueues.push(...(await client.filterObjects("work_queue", {})));
  workspace.concurrencyLimits.push(...(await client.filterObjects("concurrency_limit", {})));
  workspace.automations.push(...(await client.filterObjects("automation", {})));
  workspace.artifacts.push(...(await client.filterObjects("artifact", {})));
  workspace.variables.push(...(await real.api<typeof workspace.variables>("POST", "/variables/filter", {})));
}

async function addArtifactsAndVariable(): Promise<void> {
  const report = { key: "orders-report", type: "markdown", description: "Orders per **region**", data: "# 12 orders" };
  const { id } = await real.api<{ id: string }>("POST", "/artifacts/", report);
  await real.api("POST", "/artifacts/", { data: { storage_key: "result" }, flow_run_id: ids.success });
  const variable = { name: "order_limit", value: "tulip-4711", tags: ["orders"] };
  const made = await real.api<{ id: string }>("POST", "/variables/", variable);
  ids = { ...ids, report: id, variable: made.id };
}

beforeAll(async () => {
  const env = { PREFECT_SERVER_API_AUTH_STRING: AUTH, PREFECT_SERVER_CSRF_PROTECTION_ENABLED: "true" };
  [real, guarded, fake] = await Promise.all([
    startRealPrefect({ env: { PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS: "PT2S" } }),
    startRealPrefect({ env }),
    startFakePrefect({ textSearch: false }),
  ]);
  client = open(real.url);
  copy = open(fake.url);
  ids = await real.fill("pool", "automation", "success", "failure", "retry", "crash", "subflows", "scheduled");
  await addArtifactsAndVariable();
  exactRunId = await addExactNumbers();
  await quiet();
  events = await allEvents(client);
  await copyWorkspace();
});

afterAll(async () => {
  await Promise.all([real, guarded, fake].map((server) => server?.[Symbol.asyncDispose]()));
});

describe("a real server", () => {
  test("is described by its admin routes", async () => {
    expect(await client.readHealth()).toBe(true);
    expect(await client.readVersion()).toBe("3.8.8");
    const { server } = (await client.readServerSettings()) as { server: { events: JsonObject; api: JsonObject } };
    expect(server.events.retention_period).toBe("P7D");
    expect(server.api.default_limit).toBe(200);
    const offset = client.serverOffset;
    expect(Math.abs(offset ? skewMsOf(offset, systemClock) : Number.NaN)).toBeLessThan(1_500);
  });

  test("answers every route in the expected form", async () => {
    const states = await client.readFlowRunStates(ids.retry ?? "");
    expect(states.map(({ name }) => name)).toEqual(["Pending", "Running", "AwaitingRetry", "Running", "Completed"]);
    const stateEvents = events.filter(
      ({ resource }) =>
        resource["prefect.resource.id"] === `prefect.flow-run.${ids.retry}` && resource["prefect.state-name"],
    );
    expect(states.map(({ id }) => id)).toEqual(stateEvents.map(({ id }) => id));
    expect((await client.readFlowRun(ids.failure ?? "")).state_name).toBe("Failed");
    expect(
      (await client.filterFlowRuns({ flow_runs: { state: { type: { any_: ["CRASHED"] } } } })).map(({ id }) => id),
    ).toEqual([ids.crash ?? ""]);
    expect(await client.countFlowRuns({ flow_runs: { state: { name: { any_: ["Late"] } } } })).toBeGreaterThan(0);
    expect((await client.filterTaskRuns({ flow_runs: { id: { any_: [ids.success ?? ""] } } })).length).toBe(3);
    expect((await client.filterObjects("work_queue", {})).map(({ name }) => name).sort()).toEqual([
      "default",
      "default",
      "default",
      "fast",
    ]);
    expect(await client.filterWorkers("etl-pool")).toEqual([]);
    expect((await client.filterObjects("concurrency_limit", {})).map(({ name }) => name)).toEqual([
      `deployment:${ids["deployment:sleeper-one-at-a-time"]}`,
      "tag:db",
      "warehouse",
    ]);
    expect((await client.filterTagLimits()).map(({ tag, active_slots }) => [tag, active_slots])).toEqual([["db", []]]);
    expect((await client.filterObjects("automation", {})).map(({ id }) => id)).toEqual([ids.automation ?? ""]);
    const slots = (await client.readWorkPoolSlots("narrow-pool")) as {
      active_slots: number;
      queues: { flow_runs: { id: string }[] }[];
    };
    expect([slots.active_slots, slots.queues[0]?.flow_runs.map(({ id }) => id)]).toEqual([1, [ids.running ?? ""]]);
    const logs = await client.filterLogs({ logs: { flow_run_id: { any_: [ids.failure ?? ""] }, level: { ge_: 40 } } });
    expect(logs.some(({ message }) => message.includes("Traceback"))).toBe(true);
    // Weeks until 2099 are more than a thousand buckets.
    const counts = await client.countEvents("event", { filter: {}, time_unit: "week" });
    expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(events.length);
  });

  test("answers numbers with every digit, in parameters, counts and payloads", async () => {
    const [run] = await client.filterFlowRuns({ flow_runs: { id: { any_: [exactRunId] } } });
    expect(JSON.stringify(run?.parameters)).toBe(EXACT);
    expect(JSON.stringify(run)).toContain('"total_run_time":0.0');
    const sent = events.find(({ event }) => event === "exact.numbers");
    expect(JSON.stringify(sent?.payload)).toBe(EXACT);
  });

  test("has an artifact and a variable, both found by the tools, and the variable's value is nowhere", async () => {
    const variables = await client.filterObjects("variable", {});
    expect(variables).toEqual([
      {
        id: ids.variable ?? "",
        created: expect.any(String),
        updated: expect.any(String),
        name: "order_limit",
        tags: ["orders"],
      },
    ]);
    const query: QueryContext = {
      record: () => null,
      api: () => client,
      clock: systemClock,
      saveLive: () => undefined,
      freshMs: 60_000,
      liveDeadlineMs: 300_000,
      uiUrl: null,
      instance: client.url,
    };
    const args = { query: "order*", kinds: ["artifact", "variable"] };
    const found = await callWith(query, searchTool, args);
    expect(found.structuredContent).toMatchObject({
      results: [
        { kind: "variable", id: ids.variable, name: "order_limit" },
        { kind: "artifact", id: ids.report, name: "orders-report" },
      ],
      coverage: { complete: true },
    });
    expect(JSON.stringify(found)).not.toContain("tulip-4711");
    const listed = await callWith(query, getArtifactsTool, { detail: "full" });
    expect(listed.structuredContent).toMatchObject({ artifacts: [{ id: ids.report, data: "# 12 orders" }] });
    const ofRun = await callWith(query, getArtifactsTool, { flow_run: ids.success, filter: {} });
    expect(ofRun.structuredContent).toMatchObject({ artifacts: [{ flow_run_id: ids.success }] });
  });

  test("answers wrong calls with errors that state the reason", async () => {
    expect(facts(await failureOf(client.filterFlowRuns({ flow_runs: { bogus: 1 } })))).toEqual({
      code: "invalid_input",
      message: "Prefect answered 422 to POST /flow_runs/filter: flow_runs.bogus: Extra inputs are not permitted.",
      hint: "Correct the named field; Prefect's filters reject unknown ones.",
    });
    expect((await failureOf(client.readFlowRun("00000000-0000-4000-8000-000000000000"))).message).toBe(
      "Prefect answered 404 to GET /flow_runs/00000000-0000-4000-8000-000000000000: Flow run not found.",
    );
    expect((await failureOf(client.nextEvents("zzzz"))).code).toBe("invalid_input");
    expect((await failureOf(open(real.url.replace("/api", "")).filterFlowRuns({}))).message).toBe(
      `The URL ${real.url.replace("/api", "")} lacks /api: Prefect's API is at ${real.url}.`,
    );
  });

  test("closes the connection after a 500, and the next call succeeds", async () => {
    for (let i = 0; i < 5; i += 1) {
      const wrongToken = btoa(btoa('{"a":1}'));
      expect((await failureOf(client.nextEvents(wrongToken))).status).toBe(500);
      expect(await client.readHealth({ retries: 0 })).toBe(true);
    }
  });
});

describe("its event socket", () => {
  test("delivers the same events as REST does later", async () => {
    const stream = client.openEventStream({}, new AbortController().signal);
    await stream.ready;
    const sent = Array.from({ length: 3 }, (_, i) => ({
      occurred: new Date(systemClock.nowUs() / 1000 + i).toISOString(),
      event: "lab.first",
      resource: { "prefect.resource.id": `lab.thing.${i}` },
      related: [],
      payload: { i },
      id: crypto.randomUUID(),
    }));
    await real.api("POST", "/events", sent);
    const heard: PrefectEvent[] = [];
    for await (const batch of stream) {
      heard.push(...batch);
      if (heard.length >= 3) break;
    }
    expect(heard.map(({ id }) => id)).toEqual(sent.map(({ id }) => id));
    const ids = { occurred: { until: FUTURE }, id: { id: sent.map(({ id }) => id) } };
    const read = () => client.filterEvents({ ...ids, order: "ASC" }, 50);
    const page = await waitUntil("the events are written", read, (found) => found.events.length >= sent.length);
    expect(page.events).toEqual(heard);
  });

  test("closes the connection on an unknown filter without a reason", async () => {
    const stream = client.openEventStream({ bogus: 1 } as EventFilter, new AbortController().signal);
    await expect(stream.ready).rejects.toMatchObject({
      code: "unavailable",
      message: "Prefect dropped the event stream right after its filter, without a reason.",
    });
  });

  test("is refused without /api, which is not an error of the credentials", async () => {
    const stream = open(real.url.replace("/api", "")).openEventStream({}, new AbortController().signal);
    await expect(stream.ready).rejects.toMatchObject({ code: "unavailable", status: 403 });
  });
});

describe("a server with an auth string and CSRF protection", () => {
  const basic = { kind: "basic", authString: AUTH } as const;

  test("is read with the right one", async () => {
    const right = open(guarded.url, { auth: basic });
    expect(await right.readVersion()).toBe("3.8.8");
    expect(await right.countFlowRuns({})).toBe(0);
    expect((await right.filterEvents({}, 0)).total).toBe(0);
    // version, call refused for lack of a token, token, count, events
    expect(right.requests).toBe(5);
    const stream = right.openEventStream({}, new AbortController().signal);
    await stream.ready;
    stream.close();
  });

  test.each([
    [
      "nothing",
      { kind: "none" },
      "asks for credentials and none are set.",
      " It says: Auth required but no token provided.",
    ],
    [
      "a wrong one",
      { kind: "basic", authString: "admin:wrong" },
      "does not accept the auth string (401).",
      " It says: Invalid token.",
    ],
    ["a key", { kind: "key", key: "pnu_0123456789" }, "does not accept the API key (401).", " It says: Invalid token."],
  ] as const)("refuses %s, over HTTP and on the socket", async (_, auth, text, more) => {
    const wrong = open(guarded.url, { auth });
    const message = `Prefect at ${guarded.url} ${text}`;
    expect(await failureOf(wrong.countFlowRuns({}))).toMatchObject({ code: "unauthorized", message, retryable: false });
    const stream = wrong.openEventStream({}, new AbortController().signal);
    await expect(stream.ready).rejects.toMatchObject({ code: "unauthorized", message: message + more });
    expect(await wrong.readHealth()).toBe(true);
  });
});

describe("the fake server equals it", () => {
  const run = (name: string) => `prefect.flow-run.${ids[name]}`;
  const filters: [string, () => EventFilter][] = [
    ["everything", () => ({})],
    ["ascending", () => ({ order: "ASC" })],
    ["a window", () => ({ occurred: { since: events[40]?.occurred ?? "", until: events[90]?.occurred ?? "" } })],
    ["prefixes", () => ({ event: { prefix: ["prefect.flow-run.", "prefect.deployment"] } })],
    ["prefixes without case, with a wildcard", () => ({ event: { prefix: ["PREFECT.flow_run."] } })],
    [
      "names",
      () => ({
        event: {
          name: ["prefect.flow-run.Failed", "prefect.task-run.Completed"],
          exclude_name: ["prefect.task-run.Completed"],
        },
      }),
    ],
    ["all but", () => ({ event: { exclude_prefix: ["prefect.task-run.", "prefect.flow"] } })],
    ["a resource", () => ({ resource: { id: [run("success"), run("failure")] } })],
    ["resources by prefix", () => ({ resource: { id_prefix: ["prefect.work-"] } })],
    [
      "labels",
      () => ({
        resource: { labels: { "prefect.state-type": ["FAILED", "CRASHED"], "prefect.resource.name": "!zzz*" } },
      }),
    ],
    ["label globs without case", () => ({ resource: { labels: { "prefect.resource.name": "ORDERS*" } } })],
    ["negated labels", () => ({ resource: { labels: { "prefect.state-name": ["!Completed"] } } })],
    ["distinct", () => ({ resource: { distinct: true }, event: { prefix: ["prefect.flow-run."] } })],
    [
      "distinct, oldest",
      () => ({ resource: { distinct: true }, event: { prefix: ["prefect.flow-run."] }, order: "ASC" }),
    ],
    ["related", () => ({ related: { id: [run("success")], role: ["flow-run"] } })],
    ["related, two of them", () => ({ related: [{ role: ["flow"] }, { role: ["tag"], id: ["prefect.tag.prod"] }] })],
    ["related in roles", () => ({ related: { resources_in_roles: [["prefect.tag.demo", "tag"]] } })],
    ["related by label", () => ({ related: { labels: { "prefect.resource.name": "*etl*" } } })],
    ["any resource", () => ({ any_resource: { id: [run("subflows")] } })],
    ["any resource by prefix", () => ({ any_resource: { id_prefix: ["prefect.automation."] } })],
    [
      "any resource by label",
      () => ({
        any_resource: [{ labels: { "prefect.resource.name": "orders-etl" } }, { id_prefix: ["prefect.task-run."] }],
      }),
    ],
    ["ids", () => ({ id: { id: events.slice(10, 14).map(({ id }) => id) } })],
    ["empty lists", () => ({ event: { name: [] }, id: { id: [] }, resource: { id: [] } })],
  ];

  test.each(filters)("events: %s", async (_, filter) => {
    const whole = { occurred: { until: events.at(-1)?.occurred ?? "" }, ...filter() };
    const [theirs, ours] = await Promise.all([client.filterEvents(whole, 50), copy.filterEvents(whole, 50)]);
    // Events of one instant may come in either order; the page must still hold the same ones.
    const key = ({ events: list }: { events: readonly PrefectEvent[] }) =>
      list.map(({ occurred, id }) => `${occurred} ${id}`).sort();
    expect(key(ours)).toEqual(key(theirs));
    expect(ours.total).toBe(theirs.total);
    expect(ours.events.map(({ occurred }) => occurred)).toEqual(theirs.events.map(({ occurred }) => occurred));
  });

  test.each(["event", "resource", "time", "day"] as const)("counts by %s", async (countable) => {
    const occurred = {
      since: `${events[0]?.occurred.slice(0, 13)}:00:00Z`,
      until: `${events.at(-1)?.occurred.slice(0, 13)}:59:59.999999Z`,
    };
    const time_unit = countable === "time" ? "hour" : countable === "day" ? "day" : "week";
    const body = { filter: { occurred, event: { exclude_prefix: ["lab."] } }, time_unit } as const;
    const sorted = async (from: PrefectClient) =>
      (await from.countEvents(countable, body))
        .map(({ value, label, count }) => [value, label, count].join(" "))
        .sort();
    expect(await sorted(copy)).toEqual(await sorted(client));
  });

  const flowRunQueries: [string, () => JsonObject][] = [
    ["states", () => ({ flow_runs: { state: { type: { any_: ["FAILED", "RUNNING"] } } } })],
    ["not states", () => ({ flow_runs: { state: { type: { not_any_: ["SCHEDULED", "COMPLETED"] } } } })],
    ["state names", () => ({ flow_runs: { state: { name: { any_: ["Waiting for QA", "Late"] } } } })],
    [
      "or",
      () => ({ flow_runs: { operator: "or_", state: { type: { any_: ["CRASHED"] } }, tags: { all_: ["demo"] } } }),
    ],
    ["tags", () => ({ flow_runs: { tags: { any_: ["nightly", "prod"] } } })],
    ["no tags", () => ({ flow_runs: { tags: { is_null_: true } } })],
    ["no deployment", () => ({ flow_runs: { deployment_id: { is_null_: true } } })],
    ["ids, none", () => ({ flow_runs: { id: { any_: [] } } })],
    ["not ids", () => ({ flow_runs: { id: { not_any_: [ids.success ?? ""] } } })],
    ["a parent", () => ({ flow_runs: { parent_flow_run_id: { any_: [ids.subflows ?? ""] } } })],
    ["ended", () => ({ flow_runs: { end_time: { is_null_: false } } })],
    ["started since", () => ({ flow_runs: { start_time: { after_: copyRun("retry").start_time ?? "" } } })],
    [
      "expected before",
      () => ({ flow_runs: { expected_start_time: { before_: copyRun("retry").expected_start_time ?? "" } } }),
    ],
    ["made by", () => ({ flow_runs: { created_by: { type_: ["AUTOMATION"] } } })],
    ["of a flow", () => ({ flows: { name: { like_: "SYNC" } } })],
    ["of a pool", () => ({ work_pools: { name: { any_: ["dead-pool"] } } })],
    ["of a queue", () => ({ work_pool_queues: { name: { any_: ["fast"] } } })],
    ["of a deployment", () => ({ deployments: { name: { any_: ["orders-narrow"] } } })],
    ["with a failed task", () => ({ task_runs: { state: { type: { any_: ["FAILED"] } } } })],
    ["by name", () => ({ sort: "NAME_ASC" })],
    ["by end", () => ({ sort: "END_TIME_DESC", flow_runs: { end_time: { is_null_: false } } })],
    ["a page", () => ({ sort: "EXPECTED_START_TIME_DESC", limit: 3, offset: 2 })],
  ];
  const copyRun = (name: string) =>
    fake.workspace.flowRuns.find(({ id }) => id === ids[name]) ?? { start_time: null, expected_start_time: null };

  test.each(flowRunQueries)("flow runs: %s", async (_, query) => {
    // The scheduler still creates runs: leave out those created after the copy.
    const known = { id: { any_: fake.workspace.flowRuns.map(({ id }) => id) } };
    const body: JsonObject = { sort: "EXPECTED_START_TIME_ASC", ...query() };
    const isOr = (body.flow_runs as JsonObject | undefined)?.operator === "or_";
    const bounded = isOr ? body : { ...body, flow_runs: { ...known, ...(body.flow_runs as JsonObject | undefined) } };
    const read = async (from: PrefectClient) => (await from.filterFlowRuns(bounded)).map(({ id }) => id);
    expect(await read(copy)).toEqual(await read(client));
    expect(await copy.countFlowRuns(bounded)).toBe(await client.countFlowRuns(bounded));
  });

  test.each([
    [
      "task runs",
      "/task_runs/filter",
      { task_runs: { state: { name: { any_: ["Completed", "Failed"] } } }, sort: "EXPECTED_START_TIME_ASC" },
    ],
    [
      "task runs of a run",
      "/task_runs/filter",
      { flow_runs: { state: { type: { any_: ["FAILED"] } } }, sort: "EXPECTED_START_TIME_ASC" },
    ],
    [
      "tasks that stand for subflows",
      "/task_runs/filter",
      { task_runs: { subflow_runs: { exists_: true } }, sort: "EXPECTED_START_TIME_ASC" },
    ],
    ["logs", "/logs/filter", { logs: { level: { ge_: 30 } }, sort: "TIMESTAMP_DESC" }],
    ["logs of flows only", "/logs/filter", { logs: { task_run_id: { is_null_: true }, level: { le_: 20 } } }],
    ["flows", "/flows/filter", { flows: { name: { like_: "s" } } }],
    ["flows with failed runs", "/flows/filter", { flow_runs: { state: { type: { any_: ["FAILED"] } } } }],
    ["deployments", "/deployments/filter", { deployments: { tags: { all_: ["prod"] }, paused: { eq_: false } } }],
    [
      "deployments by either name",
      "/deployments/filter",
      { deployments: { flow_or_deployment_name: { like_: "orders" } }, sort: "NAME_DESC" },
    ],
    ["deployments of a pool", "/deployments/filter", { work_pools: { name: { any_: ["narrow-pool"] } } }],
    ["pools", "/work_pools/filter", { work_pools: { type: { any_: ["process"] } } }],
    ["queues of a pool", "/work_pools/etl-pool/queues/filter", {}],
    ["limits", "/v2/concurrency_limits/filter", {}],
    ["automations", "/automations/filter", { automations: { tags: { any_: ["ops"] } } }],
    ["artifacts", "/artifacts/filter", { sort: "UPDATED_DESC" }],
    ["artifacts but results", "/artifacts/filter", { artifacts: { type: { not_any_: ["result"] } } }],
    ["artifacts by key", "/artifacts/filter", { artifacts: { key: { like_: "ORDERS" } } }],
    ["artifacts without a key", "/artifacts/filter", { artifacts: { key: { exists_: false } } }],
    ["variables", "/variables/filter", { variables: { name: { like_: "LIMIT" }, tags: { all_: ["orders"] } } }],
  ] as const)("%s", async (_, path, body) => {
    const read = async (url: string) => {
      const response = await fetch(url + path, {
        method: "POST",
        keepalive: false,
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      });
      return ((await response.json()) as { id: string }[]).map(({ id }) => id);
    };
    expect(await read(fake.url)).toEqual(await read(real.url));
  });
});

describe("a real server that is stopped", () => {
  test("closes the stream with a code on SIGTERM and without on SIGKILL; calls fail with refused connections", async () => {
    for (const [signal, message] of [
      ["SIGTERM", "The Prefect server is stopping or restarting."],
      ["SIGKILL", `The event stream to ${guarded.url} was lost.`],
    ] as const) {
      const watcher = open(guarded.url, { auth: { kind: "basic", authString: AUTH } });
      const stream = watcher.openEventStream({}, new AbortController().signal);
      await stream.ready;
      const end = failureOf(stream[Symbol.asyncIterator]().next() as Promise<unknown>);
      await guarded.stop(signal);
      expect(await end).toMatchObject({ code: "unavailable", message });
      expect((await failureOf(watcher.readHealth({ retries: 0 }))).message).toBe(
        `Nothing accepts connections at ${guarded.url}.`,
      );
      if (signal === "SIGTERM") await guarded.restart();
    }
  });
});
