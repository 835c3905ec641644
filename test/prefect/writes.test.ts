import { describe, expect, test } from "bun:test";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { createPrefectClient } from "../../src/prefect/client.ts";
import { DEFAULT_CONNECTION } from "../support/default-connection.ts";
import { freePort } from "../support/real-prefect/real-prefect.ts";

const REQUEST = { method: "PATCH", path: "/work_pools/etl", body: { is_paused: true } } as const;

/** A server that answers each write with what `answer` gives; undefined: never. */
function startServer(answer: (count: number, request: Request) => Response | undefined) {
  const seen: { method: string; path: string; body: string }[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/api/admin/version") return Response.json("3.8.8");
      if (pathname === "/api/csrf-token")
        return Response.json({ token: "csrf-1", client: "x", expiration: "2100-01-01" });
      seen.push({ method: request.method, path: pathname, body: await request.text() });
      return answer(seen.length, request) ?? new Promise<Response>(() => {});
    },
  });
  const connection = { ...DEFAULT_CONNECTION, url: `http://127.0.0.1:${server.port}/api`, csrf: true, maxRetries: 5 };
  const client = createPrefectClient(connection, {
    clock: systemClock,
    logger: silentLogger,
    serverVersion: () => "3.8.8",
  });
  return { client, seen, [Symbol.asyncDispose]: () => server.stop(true) };
}

const json = (body: unknown, status: number) => () => Response.json(body, { status });

describe("a writing request", () => {
  test("is sent as given and its answer is read, with and without a body", async () => {
    await using created = startServer(json({ id: "1" }, 201));
    expect(await created.client.writer.send(REQUEST, 5_000)).toEqual({ kind: "answered", answer: { id: "1" } });
    expect(created.seen).toEqual([{ method: "PATCH", path: "/api/work_pools/etl", body: '{"is_paused":true}' }]);
    await using empty = startServer(() => new Response(null, { status: 204 }));
    expect(await empty.client.writer.send(REQUEST, 5_000)).toEqual({ kind: "answered", answer: null });
  });

  test.each([
    [400, "refused", "invalid_input"],
    [403, "refused", "unauthorized"],
    [404, "refused", "not_found"],
    [409, "refused", "invalid_input"],
    [429, "refused", "rate_limited"],
    [408, "unknown", "unavailable"],
    [500, "unknown", "unavailable"],
    [503, "unknown", "unavailable"],
  ])("that is answered with %d is %s, and sent once", async (status, kind, code) => {
    await using server = startServer(json({ detail: "why" }, status));
    const outcome = await server.client.writer.send(REQUEST, 5_000);
    expect([outcome.kind, outcome.kind === "answered" ? "" : outcome.error.code]).toEqual([kind, code]);
    expect(server.seen).toHaveLength(1);
  });

  test("without an answer is unknown, and sent once", async () => {
    await using silent = startServer(() => undefined);
    expect((await silent.client.writer.send(REQUEST, 300)).kind).toBe("unknown");
    expect(silent.seen).toHaveLength(1);
  });

  test("that a web page answers is unknown: nothing shows what became of it", async () => {
    const text = "<!doctype html><html><title>Sign in</title></html>";
    const headers = { "content-type": "text/html" };
    await using server = startServer(() => new Response(text, { headers }));
    expect((await server.client.writer.send(REQUEST, 5_000)).kind).toBe("unknown");
    expect(server.seen).toHaveLength(1);
  });

  test("that a redirect answers is refused and not followed", async () => {
    await using server = startServer(
      () => new Response(null, { status: 307, headers: { location: "/api/elsewhere" } }),
    );
    expect((await server.client.writer.send(REQUEST, 5_000)).kind).toBe("refused");
    expect(server.seen).toHaveLength(1);
  });

  test("to a port where nothing listens is not sent", async () => {
    const connection = { ...DEFAULT_CONNECTION, url: `http://127.0.0.1:${freePort()}/api`, maxRetries: 0 };
    const client = createPrefectClient(connection, {
      clock: systemClock,
      logger: silentLogger,
      serverVersion: () => "3.8.8",
    });
    expect((await client.writer.send(REQUEST, 5_000)).kind).toBe("not_sent");
  });

  test("gets a CSRF token where the server asks for one, before which it does nothing", async () => {
    await using server = startServer((_, request) =>
      request.headers.get("prefect-csrf-token") === "csrf-1"
        ? new Response(null, { status: 204 })
        : Response.json({ detail: "Missing CSRF token." }, { status: 403 }),
    );
    expect((await server.client.writer.send(REQUEST, 5_000)).kind).toBe("answered");
    expect(server.seen).toHaveLength(2);
    expect((await server.client.writer.send(REQUEST, 5_000)).kind).toBe("answered");
    expect(server.seen).toHaveLength(3);
  });
});
