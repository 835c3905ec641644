/** The checks that a request passes before it reaches a tenant, in their order. */

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { type AppError, toAppError } from "../../../src/errors.ts";
import { TEST_CERTIFICATE } from "../../support/test-certificate.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { call, fakeApp, modern, plainHttp, post, postModern, startHttp } from "./http-harness.ts";

function refusalOf(start: () => unknown): Pick<AppError, "code" | "message"> {
  try {
    start();
  } catch (error) {
    const { code, message } = toAppError(error);
    return { code, message };
  }
  throw new Error("it was not refused");
}

describe("listening", () => {
  test("is refused on a non-loopback address without caller authentication, with a hint how to fix that", () => {
    const found = refusalOf(() => startHttp({ http: { host: "0.0.0.0" } }));
    expect(found.code).toBe("invalid_config");
    expect(found.message).toContain("Refusing to listen on 0.0.0.0");
  });

  test("works there with tokens; Host must then be an address", async () => {
    await using http = startHttp({ http: { host: "0.0.0.0", tokens: ["a-long-enough-token"] } });
    const local = `http://127.0.0.1:${http.server.port}/mcp`;
    const status = async (headers: Record<string, string>) => (await fetch(local, { method: "POST", headers })).status;
    expect(await status({})).toBe(401);
    expect(await status({ authorization: "Bearer a-long-enough-token" })).toBe(415);
    expect(await status({ host: "rebound.example.com" })).toBe(403);
    const { port } = http.server;
    expect(await status({ host: `10.0.0.1:${port}`, origin: `http://10.0.0.1:${port}` })).toBe(401);
    expect(await status({ host: `10.0.0.1:${port}`, origin: `http://6.6.6.6:${port}` })).toBe(403);
  });

  test("over TLS needs certificate and key together", async () => {
    const half = refusalOf(() => startHttp({ http: { tlsCertFile: "/some/cert.pem" } }));
    expect(half.message).toContain("both a certificate and its key");
    const folder = mkdtempSync(join(tmpdir(), "prefect-mcp-tls-"));
    const files = { certFile: join(folder, "cert.pem"), keyFile: join(folder, "key.pem") };
    writeFileSync(files.certFile, TEST_CERTIFICATE.cert);
    writeFileSync(files.keyFile, TEST_CERTIFICATE.key);
    await using http = startHttp({ http: { tlsCertFile: files.certFile, tlsKeyFile: files.keyFile } });
    expect(http.server.url).toStartWith("https://");
    const answer = await fetch(http.server.url.replace("/mcp", "/healthz"), { tls: { rejectUnauthorized: false } });
    expect(answer.status).toBe(200);
    rmSync(folder, { recursive: true });
  });

  test("with an issuer needs the audience of access tokens", () => {
    const oidc = {
      issuer: "https://login.example.com",
      audience: null,
      jwksUrl: "https://login.example.com/k",
      scopes: [],
    };
    expect(refusalOf(() => startHttp({ http: { oidc } })).message).toContain("PREFECT_MCP_HTTP_OIDC_AUDIENCE");
  });
});

describe("path, Host and Origin", () => {
  test("are accepted for known paths, own names and own pages only", async () => {
    await using http = startHttp({
      http: { allowedHosts: ["mcp.example.com"], allowedOrigins: ["https://app.example.com"] },
    });
    const { port } = http.server;
    const status = async (headers: Record<string, string>) =>
      (await http.post(call("echo", { text: "a" }), headers)).status;
    expect((await http.get("/elsewhere")).status).toBe(404);
    for (const host of [
      `localhost:${port}`,
      "localhost",
      "127.0.0.1",
      `[::1]:${port}`,
      "mcp.example.com",
      "MCP.example.com:443",
    ]) {
      expect([host, await status({ host })]).toEqual([host, 200]);
    }
    for (const host of ["evil.example.com", "127.0.0.1.evil.example.com", "localhost.evil.com:80", "169.254.169.254"]) {
      expect([host, await status({ host })]).toEqual([host, 403]);
    }
    for (const origin of [`http://localhost:${port}`, `http://127.0.0.1:${port}`, "https://app.example.com"]) {
      expect([origin, await status({ origin })]).toEqual([origin, 200]);
    }
    for (const origin of [
      "http://evil.example.com",
      "null",
      `http://localhost:${port + 1}`,
      "https://app.example.com.evil.com",
      "file://",
    ]) {
      expect([origin, await status({ origin })]).toEqual([origin, 403]);
    }
  });

  test("of a preflight request are answered with what an accepted page may send", async () => {
    await using http = startHttp({ http: { allowedOrigins: ["https://app.example.com"] } });
    const headers = { origin: "https://app.example.com" };
    const preflight = await fetch(http.server.url, { method: "OPTIONS", headers });
    expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, headers.origin]);
    expect(preflight.headers.get("access-control-allow-headers")).toContain("x-prefect-api-key");
    const answer = await http.post(call("echo", { text: "a" }), headers);
    expect(answer.headers.get("access-control-allow-origin")).toBe(headers.origin);
  });
});

test("numbers in arguments and answers keep every digit", async () => {
  await using http = startHttp();
  const digits = "[9223372036854775807,1.0,-0.0]";
  const body = JSON.stringify(call("echo", { text: "a", filter: { n: "here" } })).replace('"here"', digits);
  const answer = await http.post(body);
  expect(answer.text).toContain(`"structuredContent":{"text":"a","filter":{"n":${digits}}}`);
});

describe("a message nested too deep", () => {
  test("is refused with its id", async () => {
    await using http = startHttp();
    const deep = '{"a":'.repeat(40_000) + 1 + "}".repeat(40_000);
    const body = JSON.stringify({ ...call("echo", { text: "here" }), id: 41 }).replace('"here"', deep);
    const refused = await http.post(body);
    expect([refused.status, refused.json]).toEqual([
      400,
      {
        jsonrpc: "2.0",
        id: 41,
        error: {
          code: -32_000,
          message: "The request is nested deeper than 100 levels.",
          data: { code: "invalid_input", retryable: false },
        },
      },
    ]);
    expect((await http.post(call("echo", { text: "next" }))).json.result.structuredContent).toEqual({ text: "next" });
  });
});

describe("caller authentication", () => {
  const tokens = ["token-of-alice-0123456789", "token-of-bob-0123456789"];

  test("refuses requests without a token, with the standard header, and never echoes one", async () => {
    await using http = startHttp({ http: { tokens } });
    const without = await http.post(call("echo", { text: "a" }));
    expect([without.status, without.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="prefect-mcp-bun"']);
    const wrong = await http.post(call("echo", { text: "a" }), { authorization: "Bearer wrong-token-xyz" });
    expect(wrong.status).toBe(401);
    expect(wrong.headers.get("www-authenticate")).toContain('error="invalid_token"');
    expect(wrong.text + http.log.join("")).not.toContain("wrong-token-xyz");
    const good = await http.post(call("echo", { text: "a" }), { authorization: `Bearer ${tokens[1]}` });
    expect([good.status, good.json.result.structuredContent]).toEqual([200, { text: "a" }]);
    expect((await http.get("/metrics")).status).toBe(401);
    expect((await http.get("/healthz")).status).toBe(200);
    expect((await http.get("/readyz")).status).toBe(200);
  });

  test("answers the probe of a balancer that sends HTTP/1.0 without a Host header, and nothing else without one", async () => {
    await using http = startHttp();
    const { hostname, port } = new URL(http.server.url);
    const statusOf = async (path: string) => {
      const answered = Promise.withResolvers<string>();
      await Bun.connect({
        hostname,
        port: Number(port),
        socket: {
          open: (socket) => void socket.write(`GET ${path} HTTP/1.0\r\n\r\n`),
          data: (socket, data) => {
            answered.resolve(String(data).split(" ")[1] ?? "");
            socket.end();
          },
        },
      });
      return answered.promise;
    };
    expect(await Promise.all(["/readyz", "/healthz", "/mcp", "/metrics"].map(statusOf))).toEqual([
      "200",
      "200",
      "400",
      "400",
    ]);
  });

  test("names the issuer of tokens in its metadata", async () => {
    const oidc = {
      issuer: "https://login.example.com",
      audience: "https://mcp.example.com/mcp",
      jwksUrl: "https://login.example.com/keys",
      scopes: ["prefect:read"],
    };
    await using http = startHttp({ http: { oidc } });
    const metadata = await http.get("/.well-known/oauth-protected-resource/mcp");
    expect([metadata.status, metadata.json]).toEqual([
      200,
      {
        resource: oidc.audience,
        authorization_servers: [oidc.issuer],
        bearer_methods_supported: ["header"],
        scopes_supported: oidc.scopes,
        resource_name: "prefect-mcp-bun",
      },
    ]);
    const refused = await http.post(call("echo", { text: "a" }));
    expect(refused.headers.get("www-authenticate")).toContain(
      'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"',
    );
  });

  test("answers 503 with Retry-After while the issuer's keys cannot be read", async () => {
    const oidc = {
      issuer: "https://login.example.com",
      audience: "https://mcp.example.com/mcp",
      jwksUrl: "http://127.0.0.1:1/keys",
      scopes: [],
    };
    await using http = startHttp({ http: { oidc } });
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const token = `${part({ alg: "ES256", kid: "k1" })}.${part({ iss: oidc.issuer })}.c2lnbmF0dXJl`;
    const answer = await http.post(call("echo", { text: "a" }), { authorization: `Bearer ${token}` });
    expect([answer.status, answer.headers.get("retry-after"), answer.json.error.data]).toEqual([
      503,
      "1",
      { code: "unavailable", retryable: true },
    ]);
    expect(answer.text).not.toContain(token);
  });

  test("a stream of notifications ends when the access token that opened it expires", async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const jwk = { ...(await exportJWK(publicKey)), kid: "k1", alg: "ES256" };
    await using issuer = Bun.serve({ port: 0, fetch: () => Response.json({ keys: [jwk] }) });
    const oidc = {
      issuer: "https://login.example.com",
      audience: "https://mcp.example.com/mcp",
      jwksUrl: `http://127.0.0.1:${issuer.port}/keys`,
      scopes: [],
    };
    await using http = startHttp({ http: { oidc } });
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: "ES256", kid: "k1" })
      .setSubject("someone")
      .setIssuer(oidc.issuer)
      .setAudience(oidc.audience)
      .setExpirationTime("1s")
      .sign(privateKey);
    const { body, headers } = modern("subscriptions/listen", { notifications: { toolsListChanged: true } });
    const stream = await http.post(body, { ...headers, authorization: `Bearer ${token}` });
    expect([stream.status, stream.text.includes("acknowledged")]).toEqual([200, true]);
  });

  test("a session can be used by the caller that opened it only", async () => {
    await using http = startHttp({ http: { tokens } });
    const as = (token: string | undefined, session?: string) => ({
      authorization: `Bearer ${token}`,
      ...(session ? { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" } : {}),
    });
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } };
    const begun = await http.post({ jsonrpc: "2.0", id: 1, method: "initialize", params }, as(tokens[0]));
    const session = begun.headers.get("mcp-session-id") ?? "";
    expect((await http.post(call("echo", { text: "a" }), as(tokens[0], session))).status).toBe(200);
    expect((await http.post(call("echo", { text: "a" }), as(tokens[1], session))).status).toBe(404);
  });
});

describe("limits", () => {
  test("a body beyond the limit is 413, also without Content-Length", async () => {
    await using http = startHttp({ http: { maxBodyBytes: 2_000 } });
    const big = call("echo", { text: "x".repeat(3_000) });
    expect((await http.post(big)).status).toBe(413);
    const body = new ReadableStream({
      start(controller) {
        for (let n = 0; n < 4; n += 1) controller.enqueue(new TextEncoder().encode(" ".repeat(1_000)));
        controller.close();
      },
    });
    const headers = { "content-type": "application/json" };
    expect((await fetch(http.server.url, { method: "POST", headers, body })).status).toBe(413);
    expect((await http.post(call("echo", { text: "small" }))).status).toBe(200);
  });

  test("too many requests are 429 with Retry-After, for this caller only", async () => {
    const tokens = ["token-of-alice-0123456789", "token-of-bob-0123456789"];
    await using http = startHttp({ http: { requestsPerSecond: 2, tokens } });
    const statuses = async (token: string | undefined) => {
      const all = Array.from({ length: 6 }, () =>
        http.post(call("echo", { text: "a" }), { authorization: `Bearer ${token}` }),
      );
      return (await Promise.all(all)).map(({ status, headers }) =>
        `${status} ${headers.get("retry-after") ?? ""}`.trim(),
      );
    };
    expect((await statuses(tokens[0])).sort()).toEqual(["200", "200", "429 1", "429 1", "429 1", "429 1"]);
    expect(await statuses(tokens[1])).toContain("200");
  });

  test("too many concurrent requests are 429; a stream of notifications does not count", async () => {
    const app = fakeApp();
    await using http = startHttp({ http: { maxConcurrent: 1 }, openOwn: () => app });
    const stop = new AbortController();
    const notifications = { toolsListChanged: true };
    const stream = await postModern(http.server.url, "subscriptions/listen", { notifications }, stop);
    expect(stream.status).toBe(200);
    const waiting = post(http.server.url, call("wait"), stop);
    await waitUntil("the call is running", () => app.seen.begun === 1);
    const echo = async () => (await http.post(call("echo", { text: "a" }))).status;
    expect(await echo()).toBe(429);
    stop.abort();
    await waiting.catch(() => undefined);
    await waitUntil("the call no longer counts", echo, (status) => status === 200);
  });

  test("a batch counts for as many requests as it holds, valid or not", async () => {
    const listen = { jsonrpc: "2.0", id: 90, method: "subscriptions/listen", params: {} };
    await using few = startHttp({ http: { requestsPerSecond: 5 } });
    const batch = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ ...call("echo", { text: "a" }), id: n }));
    expect((await few.post(batch(10))).status).toBe(429);
    const app = fakeApp();
    await using one = startHttp({ http: { maxConcurrent: 2 }, openOwn: () => app });
    const stop = new AbortController();
    const waiting = post(one.server.url, [call("wait"), listen], stop);
    await waitUntil("the batch is running", () => app.seen.begun === 1);
    expect((await one.post(call("echo", { text: "a" }))).status).toBe(429);
    stop.abort();
    await waiting.catch(() => undefined);
  });

  test("a call of a session whose reader has disconnected counts as running until it ends or is cancelled", async () => {
    const app = fakeApp();
    await using http = startHttp({ http: { maxConcurrent: 1 }, openOwn: () => app });
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } };
    const begun = await http.post({ jsonrpc: "2.0", id: 1, method: "initialize", params });
    const session = {
      "mcp-session-id": begun.headers.get("mcp-session-id") ?? "",
      "mcp-protocol-version": "2025-11-25",
    };
    const leave = new AbortController();
    const stream = await post(http.server.url, { ...call("wait"), id: 10 }, { headers: session, signal: leave.signal });
    expect(stream.status).toBe(200);
    leave.abort();
    // The server notices the end of a connection that ends later, so it has noticed this one.
    const later = new AbortController();
    await postModern(http.server.url, "subscriptions/listen", { notifications: { toolsListChanged: true } }, later);
    later.abort();
    const metrics = async () => (await http.get("/metrics")).text;
    await waitUntil("the later end is noticed", metrics, (text) => text.includes("prefect_mcp_streams_open 0"));
    expect([(await http.post(call("echo", { text: "a" }), session)).status, app.seen.aborted]).toEqual([429, 0]);
    const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 10 } };
    expect((await http.post(cancel, session)).status).toBe(202);
    expect([(await http.post(call("echo", { text: "a" }), session)).status, app.seen.aborted]).toEqual([200, 1]);
  });

  test("a call that a 2025-era client cancels ends its stream and no longer counts as running, also at the limit", async () => {
    await using http = startHttp({ http: { maxConcurrent: 1 } });
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } };
    const begun = await http.post({ jsonrpc: "2.0", id: 1, method: "initialize", params });
    const session = {
      "mcp-session-id": begun.headers.get("mcp-session-id") ?? "",
      "mcp-protocol-version": "2025-11-25",
    };
    for (let id = 10; id < 14; id += 1) {
      // The headers arrive at once, long before the answer.
      const stream = await post(http.server.url, { ...call("wait"), id }, { headers: session });
      expect(stream.status).toBe(200);
      expect((await http.post(call("echo", { text: "a" }), session)).status).toBe(429);
      const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } };
      expect((await http.post(cancel, session)).status).toBe(202);
      expect(await stream.text()).not.toContain("waited");
    }
    expect((await http.post(call("echo", { text: "a" }), session)).status).toBe(200);
  });
});

test("invalid parameters get the code for that, in both eras", async () => {
  await using http = startHttp();
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } };
  const begun = await http.post({ jsonrpc: "2.0", id: 1, method: "initialize", params });
  const session = { "mcp-session-id": begun.headers.get("mcp-session-id") ?? "", "mcp-protocol-version": "2025-11-25" };
  const error = { code: -32602, message: "Invalid params: params.uri must be a string." };
  const read = { jsonrpc: "2.0", id: 7, method: "resources/read", params: {} };
  expect((await http.post(read, session)).json).toEqual({ jsonrpc: "2.0", id: 7, error });
  expect((await http.post(read, { ...session, "mcp-session-id": "unknown" })).status).toBe(404);
  const answer = await postModern(http.server.url, "resources/read", {});
  expect(await answer.json()).toEqual({ jsonrpc: "2.0", id: expect.anything(), error });
});

test("a listener is notified that tools, and with them resources, have changed", async () => {
  const app = fakeApp();
  await using http = startHttp({ openOwn: () => app });
  const notifications = { toolsListChanged: true, resourcesListChanged: true };
  const stop = new AbortController();
  const stream = await postModern(http.server.url, "subscriptions/listen", { notifications }, stop);
  let read = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of stream.body ?? []) read += decoder.decode(chunk, { stream: true });
  })().catch(() => undefined);
  await waitUntil(
    "the acknowledgement",
    () => read,
    (text) => text.includes("acknowledged"),
  );
  app.setTools([]);
  await waitUntil(
    "notices of changed lists",
    () => read,
    (text) =>
      text.includes("notifications/tools/list_changed") && text.includes("notifications/resources/list_changed"),
  );
  expect(read).toContain("notifications/tools/list_changed");
  expect(read).toContain("notifications/resources/list_changed");
  stop.abort();
  await reading;
});

test("nulls for absent fields are accepted, and a listener is acknowledged for existing resources only", async () => {
  await using http = startHttp();
  const list = await http.post({ jsonrpc: "2.0", id: 1, method: "tools/list", params: { cursor: null, _meta: null } });
  expect(list.json.result.tools.length).toBeGreaterThan(0);
  const echoed = await http.post({ ...call("echo"), params: { name: "echo", arguments: '{"text":"a"}' } });
  expect(echoed.json.result.structuredContent).toEqual({ text: "a" });
  const uris = ["prefect://dashboard", "prefect://nope", "http://elsewhere"];
  const stop = new AbortController();
  const notifications = { resourceSubscriptions: uris };
  const stream = await postModern(http.server.url, "subscriptions/listen", { notifications }, stop);
  let read = "";
  for await (const chunk of stream.body ?? []) {
    read += new TextDecoder().decode(chunk);
    if (read.includes("acknowledged")) break;
  }
  stop.abort();
  expect(read).toContain("prefect://dashboard");
  expect(read).not.toContain("nope");
  expect(read).not.toContain("elsewhere");
});

describe("an invalid request", () => {
  test("is answered with a reason and without internal details", async () => {
    await using http = startHttp();
    const bad = [
      await http.post("{"),
      await http.post(""),
      await http.post("[".repeat(100_000)),
      await http.post("3"),
      await http.post({ jsonrpc: "1.0", id: 1, method: "tools/list" }),
      await http.post({ jsonrpc: "2.0", id: {}, method: "tools/call", params: [] }),
      await http.post({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "no_such_tool" } }),
      await http.post(call("echo", { text: "a" }), { "content-type": "text/plain" }),
      await http.post(call("echo", { text: "a" }), { accept: "text/html" }),
      await http.post(call("echo", { text: "a" }), { "mcp-session-id": "unknown" }),
      await http.get("/mcp"),
    ];
    for (const { status, text } of bad) {
      expect(status).toBeLessThan(500);
      expect(text).not.toMatch(/node_modules|\/src\/|\bat .*:\d+:\d+/);
    }
    expect(bad.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 400, 200, 415, 406, 404, 405]);
  });

  test("an exception in a tool is answered with a reference to the log, without a stack", async () => {
    await using http = startHttp();
    const { json, text } = await http.post(call("crash"));
    expect(json.result.structuredContent.code).toBe("internal");
    expect(text).not.toContain("secret.path");
    expect(json.result.structuredContent.hint).toMatch(/under reference [0-9a-f]{8}\.$/);
  });
});

test("metrics count by tenant and hold no credential and no address", async () => {
  await using http = startHttp();
  await http.post(call("echo", { text: "a" }));
  await http.post(call("echo", { text: "a" }), {
    "x-prefect-api-url": "https://prefect.example.com/api",
    "x-prefect-api-key": "pnu_verysecretkey",
  });
  const { text } = await http.get("/metrics");
  expect(text).toContain('prefect_mcp_requests_total{tenant="own",method="tools/call",status="200"} 1');
  expect(text).toContain("prefect_mcp_streams_open 0");
  expect(text).not.toContain("pnu_verysecretkey");
  expect(text).not.toContain("prefect.example.com");
  expect(plainHttp.port).toBe(0);
});
