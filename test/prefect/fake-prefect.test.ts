/** Compares the fake server with recorded answers of Prefect 3.8.8. test/real/prefect-client.test.ts compares the rest. */
import { describe, expect, test } from "bun:test";
import { formatIsoUs } from "../../src/lib/time.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import { aFlowRun, aFlowRunEvent, anEvent, anId, aTaskRun, aTaskRunEvent, at, T0_US } from "../support/builders.ts";
import { type FakePrefect, startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { type Exchange, type Frame, recorded, recordedBody, recordedFrames } from "../support/recorded.ts";

async function replay(fake: FakePrefect, { request }: Exchange): Promise<{ status: number; body: unknown }> {
  const { method, path, headers, body } = request;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const init = { method, headers: { "content-type": "application/json", ...headers }, redirect: "manual" as const };
  const response = await fetch(fake.url + path, body === undefined ? init : { ...init, body: text });
  return { status: response.status, body: await response.json().catch(() => "") };
}

describe("the errors are the recorded ones", () => {
  const unknown = new Set([
    // Routes and checks that the fake does not have.
    "history interval",
    "dashboard counts need start_time",
    "resource without id",
    "not JSON",
  ]);
  const cases = recorded("errors-422").filter(({ name }) => !unknown.has(name));
  test.each(cases.map((exchange) => [exchange.name, exchange] as const))("422: %s", async (_, exchange) => {
    // The recording server's clock decides how many buckets 180 days have.
    await using fake = await startFakePrefect({ nowUs: () => Date.parse("2026-11-22T11:22:56Z") * 1000 });
    expect(await replay(fake, exchange)).toEqual({ status: exchange.response.status, body: exchange.response.body });
  });

  test.each(recorded("errors-401").map((exchange) => [exchange.name, exchange] as const))(
    "401: %s",
    async (_, exchange) => {
      await using fake = await startFakePrefect({ authString: "admin:pass" });
      expect(await replay(fake, exchange)).toEqual({ status: exchange.response.status, body: exchange.response.body });
    },
  );

  const others = recorded("errors-other").filter(({ name }) => /version|page token|method/.test(name));
  test.each(others.map((exchange) => [exchange.name, exchange] as const))("other: %s", async (_, exchange) => {
    await using fake = await startFakePrefect();
    expect(await replay(fake, exchange)).toEqual({ status: exchange.response.status, body: exchange.response.body });
  });

  const missing = recorded("not-found-404").filter(({ name }) => !/graph|set_state|variables/.test(name));
  test.each(missing.map((exchange) => [exchange.name, exchange] as const))("404: %s", async (_, exchange) => {
    await using fake = await startFakePrefect();
    expect(await replay(fake, exchange)).toEqual({ status: exchange.response.status, body: exchange.response.body });
  });

  test("403 of CSRF protection, and tokens that replace each other", async () => {
    await using fake = await startFakePrefect({ csrf: true });
    const token = async () =>
      ((await (await fetch(`${fake.url}/csrf-token?client=a`)).json()) as { token: string }).token;
    const first = await token();
    const post = async (headers: Record<string, string>) => {
      const response = await fetch(`${fake.url}/flow_runs/filter`, { method: "POST", headers, body: "{}" });
      return [response.status, await response.json()];
    };
    const pair = { "Prefect-Csrf-Token": first, "Prefect-Csrf-Client": "a" };
    expect(await post({})).toEqual([403, { detail: "Missing CSRF token." }]);
    expect(await post({ "Prefect-Csrf-Token": first })).toEqual([403, { detail: "Missing client identifier." }]);
    expect(await post(pair)).toEqual([200, []]);
    expect(await post({ ...pair, "Prefect-Csrf-Client": "b" })).toEqual([
      403,
      { detail: "Invalid CSRF token or client identifier." },
    ]);
    await token();
    expect(await post(pair)).toEqual([403, { detail: "Invalid CSRF token or client identifier." }]);
  });
});

describe("pages of events", () => {
  const page = async (fake: FakePrefect, body: unknown) =>
    (await (await fetch(`${fake.url}/events/filter`, { method: "POST", body: JSON.stringify(body) })).json()) as {
      events: PrefectEvent[];
      total: number;
      next_page: string | null;
    };
  const walk = async (fake: FakePrefect, filter: unknown, afterFirst: () => void) => {
    let current = await page(fake, { filter });
    const seen = current.events.map(({ id }) => id);
    afterFirst();
    while (current.next_page !== null) {
      current = (await (await fetch(current.next_page)).json()) as typeof current;
      seen.push(...current.events.map(({ id }) => id));
    }
    return { fetched: seen.length, distinct: new Set(seen).size, seen: new Set(seen) };
  };
  const until = at(9_999);

  /** The rows of a table measured on 3.8.8: five events inserted after page one. */
  test.each([
    ["120, DESC, frozen until; new ones occur now", 120, "DESC", undefined, 200, [120, 120, 0]],
    ["120, DESC, until in the future; new ones occur now", 120, "DESC", until, 200, [125, 120, 0]],
    ["120, ASC, until in the future; new ones occur now", 120, "ASC", until, 200, [125, 125, 0]],
    ["120, DESC, late ones older than all", 120, "DESC", until, -60, [125, 125, 0]],
    ["120, ASC, late ones older than all", 120, "ASC", until, -60, [125, 120, 0]],
    ["100, DESC, late ones on the newest side", 100, "DESC", until, 119.5, [100, 95, 5]],
  ] as const)("shift like those of Prefect: %s", async (_, rows, order, end, lateAt, expected) => {
    await using fake = await startFakePrefect({ nowUs: () => T0_US + 150_000_000 });
    const events = Array.from({ length: rows }, (_, i) => anEvent({ occurred: at(i + 1) }));
    fake.emit(events);
    const occurred = { since: at(-3600), ...(end === undefined ? {} : { until: end }) };
    const result = await walk(fake, { occurred, order }, () => {
      for (let i = 0; i < 5; i += 1) fake.emit(anEvent({ occurred: at(lateAt + i / 100) }));
    });
    const lost = events.filter(({ id }) => !result.seen.has(id)).length;
    expect([result.fetched, result.distinct, lost]).toEqual([...expected]);
  });

  test("carry a token of the recorded content, and stay at limit 0", async () => {
    await using fake = await startFakePrefect({ nowUs: () => T0_US });
    fake.emit([anEvent(), anEvent()]);
    const { next_page, total, events } = await page(fake, { limit: 1 });
    const token = new URL(next_page ?? "").searchParams.get("page-token") ?? "";
    expect(JSON.parse(atob(atob(token)))).toEqual({
      filter: {
        occurred: { since: "2026-02-21T00:00:00Z", until: formatIsoUs(T0_US) },
        event: null,
        resource: null,
        related: null,
        any_resource: null,
        id: { id: null },
        text: null,
        order: "DESC",
      },
      count: 2,
      page_size: 1,
      offset: 1,
    });
    expect([total, events.length]).toEqual([2, 1]);
    const none = await page(fake, { limit: 0 });
    expect([none.total, none.events.length, none.next_page !== null]).toEqual([2, 0, true]);
  });
});

describe("the socket", () => {
  const sessions = Map.groupBy(recordedFrames(), ({ session }) => session);
  const closing = [
    "first message is not auth",
    "second message is not a filter",
    "filter with an unknown key: no close frame",
    "auth string set, wrong token",
    "auth string set, no token",
  ];

  /** Sends what the recording client sent and returns what came back, without events. */
  async function play(fake: FakePrefect, frames: readonly Frame[]): Promise<unknown[]> {
    const socket = new WebSocket(`${fake.url.replace("http", "ws")}/events/out`, ["prefect"]);
    const received: unknown[] = [];
    const closed = new Promise<void>((resolve) => {
      socket.onclose = ({ code, reason }) => {
        received.push({ code, reason });
        resolve();
      };
    });
    socket.onmessage = ({ data }) => received.push(JSON.parse(String(data)));
    await new Promise((resolve) => {
      socket.onopen = resolve;
    });
    for (const { kind, data } of frames) if (kind === "send") socket.send(JSON.stringify(data));
    await closed;
    return received;
  }

  test.each(closing)("closes as recorded: %s", async (name) => {
    await using fake = await startFakePrefect(name.startsWith("auth string") ? { authString: "admin:pass" } : {});
    const frames = sessions.get(name) ?? [];
    const expected = frames
      .filter(({ kind }) => kind === "receive" || kind === "close")
      .map(({ kind, data, code, reason }) => (kind === "close" ? { code, reason } : data));
    expect(await play(fake, frames)).toEqual(expected as unknown[]);
  });

  test("refuses as recorded: another path, no subprotocol with an auth string", async () => {
    await using fake = await startFakePrefect({ authString: "admin:pass" });
    for (const [path, protocols] of [
      ["/events/nope", ["prefect"]],
      ["/events/out/", ["prefect"]],
      ["/events/out", []],
    ] as const) {
      const socket = new WebSocket(fake.url.replace("http", "ws") + path, [...protocols]);
      await new Promise((resolve) => {
        socket.onclose = resolve;
      });
    }
    expect(fake.requests.map(({ status }) => status)).toEqual([403, 403, 403]);
  });
});

test("built events look like recorded ones", () => {
  const events = [0, 1].flatMap((part) => recordedBody<{ events: PrefectEvent[] }>("events-filter", part).events);
  const find = (name: string) => events.find(({ event }) => event === name);
  const run = aFlowRunEvent(aFlowRun({ tags: ["prod"] }));
  const task = aTaskRunEvent(aTaskRun({ flow_run_id: anId(9) }));
  for (const [built, real] of [
    [run, find("prefect.flow-run.Completed")],
    [task, find("prefect.task-run.Completed")],
  ] as const) {
    expect(Object.keys(built).sort()).toEqual(Object.keys(real ?? {}).sort());
    expect(Object.keys(built.resource).sort()).toEqual(Object.keys(real?.resource ?? {}).sort());
    expect(Object.keys(built.payload).sort()).toEqual(Object.keys(real?.payload ?? {}).sort());
  }
});
