import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/errors.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import type { JsonObject } from "../../src/model/objects.ts";
import type { PrefectClient } from "../../src/prefect/client.ts";
import { cloudIds } from "../../src/prefect/cloud.ts";
import { eventProblem, pageToken } from "../../src/prefect/events.ts";
import { aConcurrencyLimit, aFlowRun, aLog, anEvent, anId, at, aWorker, aWorkPool } from "../support/builders.ts";
import { failureOf } from "../support/failure-of.ts";
import { connect, facts } from "../support/fake-prefect/client.ts";
import { startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { recorded, recordedBody } from "../support/recorded.ts";

type Call = (client: PrefectClient) => Promise<unknown>;

/** Route, file of the recorded answer, call, body it sends. */
const ROUTES: readonly [string, string, Call, unknown][] = [
  ["POST /flow_runs/filter", "flow-runs-filter", (c) => c.filterFlowRuns({ limit: 5 }), { limit: 5 }],
  ["POST /flow_runs/count", "flow-runs-count", (c) => c.countFlowRuns({ flow_runs: {} }), { flow_runs: {} }],
  ["GET /flow_runs/a%2Fb", "flow-run", (c) => c.readFlowRun("a/b"), null],
  ["GET /flow_run_states/", "flow-run-states", (c) => c.readFlowRunStates(anId(7)), null],
  ["POST /task_runs/filter", "task-runs-filter", (c) => c.filterTaskRuns({}), { limit: 200 }],
  [
    "POST /logs/filter",
    "logs-filter",
    (c) => c.filterLogs({ sort: "TIMESTAMP_ASC" }),
    { sort: "TIMESTAMP_ASC", limit: 200 },
  ],
  ["POST /flows/filter", "flows-filter", (c) => c.filterObjects("flow", {}), { limit: 200 }],
  [
    "POST /deployments/filter",
    "deployments-filter",
    (c) => c.filterObjects("deployment", { offset: 3 }),
    { offset: 3, limit: 200 },
  ],
  ["POST /work_pools/filter", "work-pools-filter", (c) => c.filterObjects("work_pool", {}), { limit: 200 }],
  ["POST /work_queues/filter", "work-queues", (c) => c.filterObjects("work_queue", {}), { limit: 200 }],
  ["POST /work_pools/my%20pool/workers/filter", "workers-filter", (c) => c.filterWorkers("my pool"), { limit: 200 }],
  [
    "POST /v2/concurrency_limits/filter",
    "concurrency-limits",
    (c) => c.filterObjects("concurrency_limit", {}),
    { limit: 200 },
  ],
  ["POST /automations/filter", "automations-filter", (c) => c.filterObjects("automation", {}), { limit: 200 }],
  [
    "POST /artifacts/filter",
    "artifacts-filter",
    (c) => c.filterObjects("artifact", { artifacts: { type: { not_any_: ["result"] } }, limit: 6 }),
    { artifacts: { type: { not_any_: ["result"] } }, limit: 6 },
  ],
  [
    "POST /work_pools/p/concurrency_status",
    "work-pool-concurrency-status",
    (c) => c.readWorkPoolSlots("p"),
    { flow_run_limit: 200 },
  ],
  ["GET /health", "health", (c) => c.readHealth(), null],
  ["GET /admin/settings", "admin-settings", (c) => c.readServerSettings(), null],
];

describe("every route", () => {
  test.each(ROUTES)("%s: the recorded answer (%s) is returned unchanged", async (route, file, call, body) => {
    await using fake = await startFakePrefect();
    const answer = recordedBody(file);
    fake.answer(route, answer);
    expect(await call(connect(fake))).toEqual(answer);
    expect(fake.takeRequests()).toEqual([route]);
    expect(fake.requests[0]?.body).toEqual(body);
  });

  test("POST /variables/filter: names and tags, without the values", async () => {
    await using fake = await startFakePrefect();
    const [{ value, ...variable }] = recordedBody<[Record<string, unknown>]>("variables-filter");
    fake.answer("POST /variables/filter", [{ ...variable, value, value_type: "int" }]);
    expect(value).toBe(2);
    const rows: readonly unknown[] = await connect(fake).filterObjects("variable", {});
    expect(rows).toEqual([variable]);
  });

  test("POST /concurrency_limits/filter: holders of tag limits", async () => {
    await using fake = await startFakePrefect();
    const answer = recordedBody<unknown[]>("concurrency-limits", 1);
    fake.answer("POST /concurrency_limits/filter", answer);
    expect(await connect(fake).filterTagLimits()).toEqual(answer as JsonObject[]);
  });

  test("GET /admin/version is the product's version", async () => {
    await using fake = await startFakePrefect();
    expect(await connect(fake).readVersion()).toBe("3.8.8");
  });

  test("any other GET", async () => {
    await using fake = await startFakePrefect();
    fake.answer("GET /flow_runs/x/input/k", "value");
    expect(await connect(fake).get("/flow_runs/x/input/k?a=1")).toBe("value");
    expect(fake.requests[0]?.query).toEqual({ a: "1" });
  });

  test.each(
    recorded("not-found-404")
      .filter(({ response }) => response.status === 404)
      .map((exchange) => [exchange.request.path, exchange] as const),
  )("an object that does not exist: %s", async (_, { response }) => {
    await using fake = await startFakePrefect();
    const client = connect(fake);
    await client.readVersion();
    fake.answer("GET /flow_runs/x", response.body, 404);
    const error = await failureOf(client.readFlowRun("x"));
    expect(error.code).toBe("not_found");
    const { detail, exception_message } = response.body as Record<string, string>;
    if (detail !== "Not Found") expect(error.message).toContain((detail ?? exception_message ?? "").replace(/\.$/, ""));
  });

  test.each(recorded("errors-422").map((exchange) => [exchange.name, exchange] as const))(
    "the error names what Prefect refused: %s",
    async (_, { response }) => {
      await using fake = await startFakePrefect();
      fake.answer("POST /flow_runs/filter", response.body, 422);
      const error = await failureOf(connect(fake).filterFlowRuns({ limit: 1 }));
      expect(error.code).toBe("invalid_input");
      const { detail, exception_detail } = response.body as {
        detail?: string;
        exception_detail?: { msg: string; loc: unknown[] }[];
      };
      const text = detail ?? exception_detail?.[0]?.msg ?? "?";
      expect(error.message).toContain(text.replace(/\.$/, "").slice(0, 200));
      const field = exception_detail?.[0]?.loc.findLast((part) => typeof part === "string");
      if (field !== undefined && field !== "body") expect(error.message).toContain(String(field));
      expect(error.message).not.toContain("request_body");
    },
  );
});

describe("events", () => {
  const pages = recordedBody<{ events: PrefectEvent[]; total: number; next_page: string }>("events-filter-page");

  test("come as pages with the total and only the token of the link", async () => {
    await using fake = await startFakePrefect();
    fake.answer("POST /events/filter", {
      ...pages,
      next_page: pages.next_page.replace("127.0.0.1:4200", "evil.example:1"),
    });
    fake.answer("GET /events/filter/next", recordedBody("events-next-page"));
    const client = connect(fake);
    const first = await client.filterEvents({ order: "ASC" }, 3);
    expect(first).toEqual({ events: pages.events, total: 6, nextToken: pageToken(pages.next_page) });
    const second = await client.nextEvents(first.nextToken ?? "");
    expect(second.events.length).toBe(3);
    expect(second.nextToken).toBeNull();
    expect(fake.requests.map(({ method, path, body, query }) => [method, path, body, query])).toEqual([
      ["POST", "/events/filter", { filter: { order: "ASC" }, limit: 3 }, {}],
      ["GET", "/events/filter/next", null, { "page-token": first.nextToken }],
    ]);
  });

  test("are all read by following the tokens, whatever host the links name", async () => {
    await using fake = await startFakePrefect();
    fake.emit(Array.from({ length: 130 }, (_, i) => anEvent({ occurred: at(i) })));
    fake.faults.nextPageBase = "http://127.0.0.1:9/wrong";
    const client = connect(fake);
    const seen: string[] = [];
    let page = await client.filterEvents({ order: "ASC", occurred: { until: at(999) } }, 50);
    seen.push(...page.events.map(({ id }) => id));
    while (page.nextToken !== null) {
      page = await client.nextEvents(page.nextToken);
      seen.push(...page.events.map(({ id }) => id));
    }
    expect(seen).toEqual(fake.workspace.events.all().map(({ id }) => id));
    expect(client.requests).toBe(3);
  });

  test("can be counted only: with limit 0 there is no next page", async () => {
    await using fake = await startFakePrefect();
    fake.emit([anEvent(), anEvent()]);
    expect(await connect(fake).filterEvents({ occurred: { until: at(9) } }, 0)).toEqual({
      events: [],
      total: 2,
      nextToken: null,
    });
  });

  test("are never asked for in larger pages than Prefect allows", async () => {
    await using fake = await startFakePrefect();
    const client = connect(fake);
    for (const limit of [51, -1, Number.NaN])
      expect((await failureOf(client.filterEvents({}, limit))).code).toBe("invalid_input");
    expect(fake.requests).toEqual([]);
  });

  test("with an unknown page token are an error with a hint", async () => {
    await using fake = await startFakePrefect();
    expect(facts(await failureOf(connect(fake).nextEvents("zzzz")))).toEqual({
      code: "invalid_input",
      message: "Prefect does not accept this page token.",
      hint: "Start again from the first page.",
    });
  });

  test.each(["day", "time", "event", "resource"] as const)("are counted by %s", async (countable) => {
    await using fake = await startFakePrefect();
    const answer = recordedBody(`events-count-by-${countable}`);
    fake.answer(`POST /events/count-by/${countable}`, answer);
    const body = { filter: { occurred: { since: at(0) } }, time_unit: "hour" as const };
    expect(await connect(fake).countEvents(countable, body)).toEqual(answer as never);
    expect(fake.requests[0]?.body).toEqual(body);
  });

  test("that are malformed are errors that name the place", async () => {
    await using fake = await startFakePrefect();
    const client = connect(fake);
    const broken: [unknown, string][] = [
      [{ ...anEvent(), id: 5 }, "events[1].id should be a UUID"],
      [{ ...anEvent(), resource: {} }, "events[1].resource should have prefect.resource.id"],
      [{ ...anEvent(), related: [{}] }, "events[1].related[0] should have prefect.resource.id"],
      [{ ...anEvent(), payload: null }, "events[1].payload should be an object"],
      ["event", "events[1] should be an object"],
    ];
    for (const [event, problem] of broken) {
      fake.answer("POST /events/filter", { events: [anEvent(), event], total: 2, next_page: null });
      const error = await failureOf(client.filterEvents({}, 50));
      expect(error.message).toBe(`Prefect's answer to POST /events/filter is not understood: ${problem}.`);
      expect(error.code).toBe("unavailable");
    }
    fake.answer("POST /events/filter", []);
    expect((await failureOf(client.filterEvents({}, 50))).message).toContain(
      "a page with events and total was expected",
    );
  });

  test("of all 79 recorded names are accepted", () => {
    const events = [0, 1].flatMap((part) => recordedBody<{ events: PrefectEvent[] }>("events-filter", part).events);
    expect(events.length).toBeGreaterThanOrEqual(79);
    expect(events.map(eventProblem).filter((problem) => problem !== null)).toEqual([]);
  });
});

describe("a server with a lower cap on pages", () => {
  test("is read in pages of that size, so that a short answer means the end", async () => {
    await using fake = await startFakePrefect({ pageCap: 7 });
    for (let i = 0; i < 25; i += 1) fake.workspace.logs.push(aLog({ timestamp: at(i), message: String(i) }));
    const client = connect(fake);
    const messages = async (body: JsonObject) => (await client.filterLogs(body)).map(({ message }) => Number(message));
    const upTo = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
    expect(await messages({})).toEqual(upTo(0, 25));
    expect(await messages({ limit: 10, offset: 3 })).toEqual(upTo(3, 13));
    expect(await messages({ limit: 5 })).toEqual(upTo(0, 5));
    expect(await messages({ limit: 200, offset: 20 })).toEqual(upTo(20, 25));
    // Refused once, known since: 4 pages, 2, 1 and 1 more.
    expect(client.requests).toBe(1 + 4 + 2 + 1 + 1);
  });

  test("is not assumed when more than Prefect's default cap was asked for", async () => {
    await using fake = await startFakePrefect();
    const error = await failureOf(connect(fake).filterLogs({ limit: 201 }));
    expect(facts(error)).toEqual({
      code: "invalid_input",
      message: "Prefect answered 422 to POST /logs/filter: Invalid limit: must be less than or equal to 200.",
      hint: "Correct the named field; Prefect's filters reject unknown ones.",
    });
  });
});

describe("rows", () => {
  test("of the routes with zod schemas are checked too", async () => {
    await using fake = await startFakePrefect();
    const client = connect(fake);
    fake.answer("POST /work_pools/filter", [aWorkPool(), { ...aWorkPool(), name: null }]);
    expect((await failureOf(client.filterObjects("work_pool", {}))).message).toMatch(
      /POST \/work_pools\/filter is not understood: \[1\]\.name: /,
    );
    fake.answer("POST /v2/concurrency_limits/filter", { rows: [aConcurrencyLimit()] });
    expect((await failureOf(client.filterObjects("concurrency_limit", {}))).code).toBe("unavailable");
    fake.answer("POST /flow_runs/count", "7");
    expect((await failureOf(client.countFlowRuns({}))).message).toContain("a number was expected");
    fake.answer("GET /flow_runs/x", { ...aFlowRun(), state: "Completed" });
    expect((await failureOf(client.readFlowRun("x"))).message).toContain("state should be an object or null");
  });

  test("keep unknown keys, and may lack those that are newer than the server", async () => {
    await using fake = await startFakePrefect();
    const worker = { id: anId(), name: "w", work_pool_id: anId(), future_field: { a: [1] } };
    fake.workspace.workPools.push(aWorkPool({ name: "p" }));
    fake.answer("POST /work_pools/p/workers/filter", [worker, aWorker()]);
    expect((await connect(fake).filterWorkers("p"))[0]).toEqual(worker);
  });
});

describe("Prefect Cloud", () => {
  const account = anId(41);
  const workspace = anId(42);
  const basePath = `/api/accounts/${account}/workspaces/${workspace}`;

  test("has its own routes above the workspace's", async () => {
    await using fake = await startFakePrefect({ basePath, apiKey: "pnu_1" });
    fake.answer("GET /api/me/", { id: anId(5), handle: "ann" });
    const client = connect(fake, { isCloud: true, auth: { kind: "key", key: "pnu_1" } });
    expect(client.url).toEndWith(basePath);
    expect(await client.getCloud("/me/")).toEqual({ id: anId(5), handle: "ann" });
    expect(await client.countFlowRuns({})).toBe(0);
    expect(fake.takeRequests()).toEqual(["GET /api/me/", "POST /flow_runs/count"]);
    expect(fake.requests[0]?.headers.authorization).toBe("Bearer pnu_1");
  });

  test("is never asked for a CSRF token, and its 404 does not mean a wrong URL", async () => {
    await using fake = await startFakePrefect({ basePath });
    const client = connect(fake, { isCloud: true });
    fake.answer("POST /flow_runs/count", { detail: "Missing CSRF token." }, 403);
    expect((await failureOf(client.countFlowRuns({}))).code).toBe("unauthorized");
    expect((await failureOf(client.get("/nope"))).code).toBe("not_found");
    expect(fake.takeRequests()).toEqual(["POST /flow_runs/count", "GET /nope"]);
  });

  test("ids are parsed from the URL", () => {
    expect(cloudIds(`https://api.prefect.cloud${basePath}`)).toEqual({
      root: "https://api.prefect.cloud/api",
      accountId: account,
      workspaceId: workspace,
    });
    expect(cloudIds("http://127.0.0.1:4200/api")).toBeNull();
  });
});

test("errors state whether they are retryable", async () => {
  await using fake = await startFakePrefect();
  const seen: Record<string, boolean> = {};
  for (const status of [400, 403, 404, 405, 408, 409, 413, 422, 429, 500, 503, 504]) {
    fake.answer("POST /flow_runs/count", { detail: "no" }, status);
    const error = await failureOf(connect(fake).countFlowRuns({}, { retries: 0 }));
    expect(error).toBeInstanceOf(AppError);
    seen[`${status} ${error.code}`] = error.retryable;
  }
  expect(seen).toEqual({
    "400 invalid_input": false,
    "403 unauthorized": false,
    "404 not_found": false,
    "405 not_found": false,
    "408 unavailable": true,
    "409 invalid_input": false,
    "413 invalid_input": false,
    "422 invalid_input": false,
    "429 rate_limited": true,
    "500 unavailable": true,
    "503 unavailable": true,
    "504 unavailable": true,
  });
});
