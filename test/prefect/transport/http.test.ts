import { describe, expect, test } from "bun:test";
import { systemClock } from "../../../src/lib/clock.ts";
import { skewMsOf } from "../../../src/prefect/transport/server-offset.ts";
import { aFlowRun } from "../../support/builders.ts";
import { failureOf } from "../../support/failure-of.ts";
import { connect, facts } from "../../support/fake-prefect/client.ts";
import { startFakePrefect } from "../../support/fake-prefect/fake-prefect.ts";
import { startFaultProxy } from "../../support/proxies/fault-proxy.ts";
import { fastClock } from "../../support/time/fast-clock.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

describe("what is sent", () => {
  test("names the API version and the user agent, and no credential where none is set", async () => {
    await using fake = await startFakePrefect();
    await connect(fake).readVersion();
    const { headers } = fake.requests[0] ?? { headers: {} };
    expect(headers).toMatchObject({
      "x-prefect-api-version": "0.8.4",
      "user-agent": "prefect-mcp-bun/0.1.0",
      accept: "application/json",
    });
    expect(headers).not.toHaveProperty("authorization");
  });

  test("carries the key as Bearer or the auth string as Basic, UTF-8 included", async () => {
    await using keyed = await startFakePrefect({ apiKey: "pnu_secret" });
    await using basic = await startFakePrefect();
    expect(await connect(keyed, { auth: { kind: "key", key: "pnu_secret" } }).countFlowRuns({})).toBe(0);
    await connect(basic, { auth: { kind: "basic", authString: "jörg:pässword" } }).readVersion();
    const header = basic.requests[0]?.headers.authorization ?? "";
    expect(Buffer.from(header.replace("Basic ", ""), "base64").toString()).toBe("jörg:pässword");
  });

  test("takes credentials out of the URL and uses them", async () => {
    await using fake = await startFakePrefect({ authString: "admin:pass" });
    const client = connect({ url: fake.url.replace("//", "//admin:pass@") });
    expect(await client.countFlowRuns({})).toBe(0);
    expect(client.url).toBe(fake.url);
  });

  test("has the custom headers of the settings except those that Prefect reserves", async () => {
    await using fake = await startFakePrefect();
    const customHeaders = {
      "X-Team": "data",
      "user-agent": "me",
      "Prefect-Csrf-Token": "x",
      "Content-Length": "3",
      Authorization: "Token t",
    };
    await connect(fake, { customHeaders }).countFlowRuns({});
    expect(fake.requests[0]?.headers).toMatchObject({
      "x-team": "data",
      "user-agent": "prefect-mcp-bun/0.1.0",
      authorization: "Token t",
    });
    expect(fake.requests[0]?.headers).not.toHaveProperty("prefect-csrf-token");
    expect(fake.requests[0]?.headers["content-length"]).toBe("2");
  });

  test("is counted, retries included", async () => {
    await using fake = await startFakePrefect();
    const client = connect(fake);
    fake.faults.fail("/flow_runs/count", { status: 503, body: { exception_message: "Service Unavailable" } }, 2);
    expect(await client.countFlowRuns({})).toBe(0);
    expect(client.requests).toBe(3);
    expect(fake.requests.length).toBe(3);
  });
});

describe("retries", () => {
  test("wait longer each time and stop after the configured number", async () => {
    await using fake = await startFakePrefect();
    const clock = fastClock(50);
    fake.faults.fail("/flow_runs/count", { status: 502 }, 99);
    const error = await failureOf(connect(fake, { maxRetries: 3 }, clock).countFlowRuns({}));
    expect(error).toMatchObject({ code: "unavailable", status: 502, retryable: true });
    expect(fake.requests.length).toBe(4);
    expect(clock.slept.filter((ms) => ms <= 10_000)).toEqual([2000, 4000, 8000]);
  });

  test("wait for Retry-After, and the last error contains it", async () => {
    await using fake = await startFakePrefect();
    const clock = fastClock(50);
    fake.faults.fail(
      "/flow_runs/count",
      { status: 429, body: { detail: "slow down" }, headers: { "Retry-After": "5" } },
      3,
    );
    const error = await failureOf(connect(fake, {}, clock).countFlowRuns({}, { retries: 1 }));
    expect(clock.slept).toContain(5500);
    expect(facts(error)).toEqual({
      code: "rate_limited",
      message: "Prefect's rate limit is reached: slow down.",
      hint: "Ask again in 5 s.",
    });
    expect(error.retryAfterMs).toBe(5000);
  });

  test("do not count announced maintenance", async () => {
    await using fake = await startFakePrefect();
    fake.faults.fail(
      "/flow_runs/count",
      { status: 503, headers: { "Prefect-Maintenance": "true", "Retry-After": "1" } },
      4,
    );
    expect(await connect(fake).countFlowRuns({}, { retries: 0 })).toBe(0);
    expect(fake.requests.length).toBe(5);
  });

  test("are not made when they would not change the answer", async () => {
    await using fake = await startFakePrefect();
    for (const status of [400, 401, 403, 404, 409, 422, 500]) {
      fake.faults.fail("/flow_runs/count", { status, body: { detail: "no" } });
      await failureOf(connect(fake).countFlowRuns({}));
    }
    expect(fake.requestsTo("/flow_runs/count").length).toBe(7);
  });

  test("are made for the extra codes of the settings", async () => {
    await using fake = await startFakePrefect();
    fake.faults.fail("/flow_runs/count", { status: 500, body: {} });
    expect(await connect(fake, { retryExtraCodes: [500] }).countFlowRuns({})).toBe(0);
  });

  test("are not made when the deadline would pass first", async () => {
    await using fake = await startFakePrefect();
    // Time passes by the waits between tries only; the waits for answers never end by themselves.
    let waitedMs = 0;
    const sleep = (ms: number, signal?: AbortSignal) => {
      // How long the answer is waited for: all the time that is left.
      if (ms === 5_000 - waitedMs)
        return new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
      waitedMs += ms;
      return Promise.resolve();
    };
    const clock = { ...fastClock(1), steadyMs: () => waitedMs, sleep };
    fake.faults.fail("/flow_runs/count", { status: 503 }, 99);
    await failureOf(connect(fake, {}, clock).countFlowRuns({}, { deadlineMs: 5_000 }));
    expect(fake.requests.length).toBe(2);
    expect(waitedMs).toBeGreaterThan(0);
    expect(waitedMs).toBeLessThan(5_000);
  });

  test("are made at once when a pooled connection is broken", async () => {
    await using fake = await startFakePrefect();
    const clock = fastClock(1);
    const client = connect(fake, {}, clock);
    await client.readVersion();
    fake.faults.fail("/flow_runs/count", { drop: true });
    expect(await client.countFlowRuns({}, { retries: 0 })).toBe(0);
    fake.faults.fail("/flow_runs/count", { drop: true }, 2);
    const error = await failureOf(client.countFlowRuns({}, { retries: 0 }));
    expect(facts(error)).toEqual({
      code: "unavailable",
      message: `The connection to ${fake.url} broke before the answer was complete.`,
      hint: "Usually this is temporary; if not, check the server's log and any proxy in between.",
    });
  });

  test("are made for a refused connection only after Prefect has answered once", async () => {
    const fake = await startFakePrefect();
    const client = connect(fake, {}, fastClock(50));
    await fake.down();
    const first = await failureOf(client.countFlowRuns({}));
    expect(facts(first)).toEqual({
      code: "unavailable",
      message: `Nothing accepts connections at ${fake.url}.`,
      hint: "Start the Prefect server, or set PREFECT_API_URL to where it runs.",
    });
    expect(client.requests).toBe(1);
    await fake.up();
    expect(await client.countFlowRuns({})).toBe(0);
    await fake.down();
    await failureOf(client.countFlowRuns({}, { retries: 2 }));
    expect(client.requests).toBe(5);
    await fake.stop();
  });
});

describe("time", () => {
  test("a call that gets no answer ends at its deadline", async () => {
    await using fake = await startFakePrefect();
    const clock = fastClock(20);
    const client = connect(fake, {}, clock);
    fake.faults.fail("/flow_runs/count", { hang: true }, 9);
    const error = await failureOf(client.countFlowRuns({}, { deadlineMs: 8_000 }));
    expect(Math.max(...clock.slept)).toBeLessThanOrEqual(8_000);
    expect(error).toMatchObject({ code: "unavailable", retryable: true });
    expect(error.message).toStartWith(`Prefect at ${fake.url} gave no answer in time: no answer in `);
    expect(error.message).toMatch(/in \d+(\.\d)? s\.$/);
    expect(error.hint).toContain("PREFECT_MCP_LIVE_DEADLINE_SECONDS");
  });

  test("a call whose answer never ends also ends at its deadline", async () => {
    await using fake = await startFakePrefect();
    using proxy = startFaultProxy({ hostname: "127.0.0.1", port: fake.port });
    const client = connect({ url: fake.url.replace(String(fake.port), String(proxy.port)) }, {}, fastClock(20));
    expect(await client.readVersion()).toBe("3.8.8");
    proxy.set({ kind: "black-hole" });
    expect((await failureOf(client.readVersion({ deadlineMs: 4_000, retries: 0 }))).code).toBe("unavailable");
    proxy.set({ kind: "reset" });
    proxy.set({ kind: "none" });
    expect(await client.readVersion()).toBe("3.8.8");
  });

  test("a cancelled call ends at once, also while it waits for its next try", async () => {
    await using fake = await startFakePrefect();
    const clock = fastClock(1);
    const client = connect(fake, {}, clock);
    fake.faults.fail("/flow_runs/count", { hang: true });
    fake.faults.fail("/task_runs/filter", { status: 503 }, 9);
    for (const [isWaiting, call] of [
      // For the answer, at most for the time that is left.
      [() => clock.slept.length > 0, (signal: AbortSignal) => client.countFlowRuns({}, { signal })],
      // For the next try.
      [() => clock.slept.some((ms) => ms < 5_000), (signal: AbortSignal) => client.filterTaskRuns({}, { signal })],
    ] as const) {
      const cancel = new AbortController();
      const result = failureOf(call(cancel.signal));
      await waitUntil("the call waits", isWaiting);
      cancel.abort();
      expect(facts(await result)).toEqual({
        code: "unavailable",
        message: "The call to Prefect was cancelled.",
        hint: "Ask again.",
      });
    }
    const aborted = await failureOf(client.readVersion({ signal: AbortSignal.abort() }));
    expect(aborted.message).toBe("The call to Prefect was cancelled.");
  });

  test("the server clock is compared with the local clock", async () => {
    await using fake = await startFakePrefect({ nowUs: () => systemClock.nowUs() + 90_000_000 });
    const clock = fastClock(1);
    const client = connect(fake, {}, clock);
    expect(client.serverOffset).toBeNull();
    await client.readVersion();
    const { serverOffset } = client;
    expect(Math.abs((serverOffset ? skewMsOf(serverOffset, clock) : 0) - 90_000)).toBeLessThan(1_500);
  });

  test.each([
    ["a web page", { status: 200, text: "<html><title>Sign in</title></html>" }],
    ["an error page", { status: 502, text: "<html><title>502 Bad Gateway</title></html>" }],
    ["an error in JSON", { status: 503, body: { message: "no healthy upstream" } }],
    ["an answer that is not JSON", { status: 200, text: "ok" }],
    ["an answer from a cache", { status: 200, body: "3.8.8", headers: { age: "7200" } }],
  ])("the clock of a proxy is not taken for Prefect's: %s", async (_what, fault) => {
    const clock = fastClock(1);
    await using fake = await startFakePrefect();
    const client = connect(fake, { maxRetries: 0 }, clock);
    await client.readVersion();
    const before = client.serverOffset;
    expect(before).not.toBeNull();
    const date = new Date(Date.now() + 7_200_000).toUTCString();
    fake.faults.fail("/admin/version", { ...fault, headers: { date, ...("headers" in fault ? fault.headers : {}) } });
    await client.readVersion().catch(() => {});
    expect(client.serverOffset?.observedMs).toBe(before?.observedMs ?? Number.NaN);
    expect(client.serverOffset?.newestLowMs).toBe(before?.newestLowMs ?? Number.NaN);
  });
});

describe("answers beyond the bounds of JSON", () => {
  const deep = (levels: number) => `[{"id":${'{"a":'.repeat(levels)}1${"}".repeat(levels)}}]`;

  test("are refused by their depth before they are parsed, and the next answer is read", async () => {
    await using fake = await startFakePrefect();
    const client = connect(fake);
    fake.faults.fail("/flow_runs/count", { status: 200, text: deep(40_000) });
    expect(facts(await failureOf(client.countFlowRuns({})))).toMatchObject({
      code: "unavailable",
      message: "Prefect's answer to POST /flow_runs/count is not understood: it is nested deeper than 512 levels.",
    });
    expect(await client.countFlowRuns({})).toBe(0);
    expect(fake.takeRequests()).toEqual(["POST /flow_runs/count", "POST /flow_runs/count"]);
  });

  test("are refused by the number of their values, which is lower for a Prefect that a caller named", async () => {
    await using fake = await startFakePrefect();
    const text = JSON.stringify(Array(250_001).fill(0));
    fake.faults.fail("/version", { status: 200, text }, 2);
    expect(await connect(fake).get("/version")).toHaveLength(250_001);
    expect(facts(await failureOf(connect(fake, { isNamedByCaller: true }).get("/version")))).toMatchObject({
      code: "invalid_input",
      message: "Prefect's answer is not read: the answer has more than 250000 values.",
    });
  });

  test("are refused by the length of one text when a caller named the Prefect", async () => {
    await using fake = await startFakePrefect();
    const text = JSON.stringify(["x".repeat(2 * 1024 * 1024 + 1)]);
    fake.faults.fail("/version", { status: 200, text }, 2);
    expect(await connect(fake).get("/version")).toHaveLength(1);
    expect(facts(await failureOf(connect(fake, { isNamedByCaller: true }).get("/version")))).toMatchObject({
      code: "invalid_input",
      message: "Prefect's answer is not read: the answer has a text of more than 2097152 characters.",
    });
  });

  test("are refused by the length of a number, which takes quadratic time to read", async () => {
    await using fake = await startFakePrefect();
    fake.faults.fail("/version", { status: 200, text: `[${"9".repeat(5_001)}]` });
    expect(facts(await failureOf(connect(fake).get("/version")))).toMatchObject({
      message: "Prefect's answer to GET /version is not understood: it has a number of more than 5000 digits.",
    });
  });

  test("of an error are not searched for a reason", async () => {
    await using fake = await startFakePrefect();
    const detail = `{"detail":"hidden","more":${deep(40_000)}}`;
    fake.faults.fail("/version", { status: 422, text: detail });
    expect(facts(await failureOf(connect(fake).get("/version")))).toMatchObject({
      message: "Prefect answered 422 to GET /version.",
    });
  });

  test("may be as deep as those of a Prefect server can be", async () => {
    await using fake = await startFakePrefect();
    fake.faults.fail("/version", { status: 200, text: deep(255) });
    expect(await connect(fake).get("/version")).toHaveLength(1);
  });
});

describe("CSRF protection", () => {
  test("fetches a token when the server requires one, and keeps it", async () => {
    await using fake = await startFakePrefect({ csrf: true });
    fake.workspace.flowRuns.push(aFlowRun());
    const client = connect(fake);
    expect(await client.readVersion()).toBe("3.8.8");
    expect(await client.countFlowRuns({})).toBe(1);
    expect(await client.countFlowRuns({})).toBe(1);
    expect(fake.takeRequests()).toEqual([
      "GET /admin/version",
      "POST /flow_runs/count",
      "GET /csrf-token",
      "POST /flow_runs/count",
      "POST /flow_runs/count",
    ]);
  });

  test("fetches one token for all waiting calls, and another one when it is refused", async () => {
    await using fake = await startFakePrefect({ csrf: true });
    const client = connect(fake);
    expect(await Promise.all([1, 2, 3, 4, 5].map(() => client.countFlowRuns({})))).toEqual([0, 0, 0, 0, 0]);
    expect(fake.requestsTo("/csrf-token").length).toBe(1);
    const clientId = fake.requestsTo("/csrf-token")[0]?.query.client ?? "";
    // Another token for the same id makes the first one invalid.
    await (await fetch(`${fake.url}/csrf-token?client=${clientId}`)).json();
    expect(await client.countFlowRuns({})).toBe(0);
    expect(fake.requestsTo("/csrf-token").length).toBe(3);
  });

  test("uses a client id of its own in each client", async () => {
    await using fake = await startFakePrefect({ csrf: true });
    await connect(fake).countFlowRuns({});
    await connect(fake).countFlowRuns({});
    const ids = fake.requestsTo("/csrf-token").map(({ query }) => query.client);
    expect(new Set(ids).size).toBe(2);
  });

  test.each([404, 422])("is not asked again when the server has no token (%p)", async (status) => {
    await using fake = await startFakePrefect();
    fake.faults.fail("/csrf-token", { status, body: { detail: "CSRF protection is disabled." } }, 9);
    fake.faults.fail("/flow_runs/count", { status: 403, body: { detail: "Missing CSRF token." } }, 9);
    const client = connect(fake);
    expect(facts(await failureOf(client.countFlowRuns({})))).toMatchObject({
      code: "unauthorized",
      message: "Prefect refused POST /flow_runs/count (403): Missing CSRF token.",
    });
    await failureOf(client.countFlowRuns({}));
    expect(fake.requestsTo("/csrf-token").length).toBe(1);
  });

  test("is off when the settings say so", async () => {
    await using fake = await startFakePrefect({ csrf: true });
    expect((await failureOf(connect(fake, { csrf: false }).countFlowRuns({}))).code).toBe("unauthorized");
    expect(fake.takeRequests()).toEqual(["POST /flow_runs/count"]);
  });
});

describe("redirects", () => {
  test("are followed on the same host, with method and body", async () => {
    await using fake = await startFakePrefect();
    fake.workspace.flowRuns.push(aFlowRun());
    fake.faults.fail("/flow_runs/filter", { status: 307, headers: { Location: "/api/flow_runs/count" } });
    const client = connect(fake);
    const error = await failureOf(client.filterFlowRuns({}));
    expect(error.message).toBe("Prefect's answer to POST /flow_runs/filter is not understood: a list was expected.");
    expect(fake.takeRequests()).toEqual(["POST /flow_runs/filter", "POST /flow_runs/count"]);
  });

  test("are never followed to another host, which must not get the credentials", async () => {
    await using fake = await startFakePrefect({ authString: "admin:pass" });
    await using other = await startFakePrefect();
    const client = connect(fake, { auth: { kind: "basic", authString: "admin:pass" } });
    fake.faults.fail("/admin/version", { status: 302, headers: { Location: `${other.url}/login?next=x` } });
    expect(facts(await failureOf(client.readVersion()))).toEqual({
      code: "unavailable",
      message: `${fake.url} redirects to ${other.url}/login, which is not followed: credentials stay with the host they are for.`,
      hint: "Set PREFECT_API_URL to the address of the API itself (a sign-in page or a proxy answers there).",
    });
    expect(other.requests).toEqual([]);
  });

  test("end after a few when they form a circle", async () => {
    await using fake = await startFakePrefect();
    fake.faults.fail("/admin/version", { status: 302, headers: { Location: "/api/admin/version" } }, 99);
    await failureOf(connect(fake).readVersion());
    expect(fake.requests.length).toBe(4);
  });
});

test("clients share nothing: a wrong credential of one does not affect the connections of another", async () => {
  await using fake = await startFakePrefect({ authString: "admin:pass" });
  const right = connect(fake, { auth: { kind: "basic", authString: "admin:pass" } });
  const wrong = connect(fake, { auth: { kind: "basic", authString: "admin:no" } });
  for (let i = 0; i < 3; i += 1) {
    expect(await right.countFlowRuns({})).toBe(0);
    expect((await failureOf(wrong.countFlowRuns({}))).code).toBe("unauthorized");
  }
  right.close();
  expect(await right.countFlowRuns({})).toBe(0);
});
