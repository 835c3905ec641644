import { describe, expect, test } from "bun:test";
import type { PrefectClient } from "../../../src/prefect/client.ts";
import { aFlowRun } from "../../support/builders.ts";
import { failureOf } from "../../support/failure-of.ts";
import { connect, facts } from "../../support/fake-prefect/client.ts";
import { startFakePrefect } from "../../support/fake-prefect/fake-prefect.ts";
import { startForwardProxy } from "../../support/proxies/forward-proxy.ts";
import { TEST_CERTIFICATE } from "../../support/test-certificate.ts";

describe("an answer that is not Prefect's", () => {
  test("is an error that says so", async () => {
    await using fake = await startFakePrefect();
    const client = connect(fake);
    await client.readVersion();
    const plain = { "content-type": "text/plain" };
    fake.faults.fail("/flow_runs/count", { status: 200, text: "Please sign in first", headers: plain });
    expect(facts(await failureOf(client.countFlowRuns({})))).toEqual({
      code: "unavailable",
      message:
        "Prefect's answer to POST /flow_runs/count is not understood: it is not JSON (text/plain, 20 characters).",
      hint: "This Prefect may be much older or newer than 3.x, or something else answers at PREFECT_API_URL.",
    });
    fake.faults.fail("/flow_runs/filter", { status: 200, body: [aFlowRun(), { id: "x" }] });
    expect((await failureOf(client.filterFlowRuns({}))).message).toBe(
      "Prefect's answer to POST /flow_runs/filter is not understood: [1].id should be a UUID.",
    );
    fake.faults.fail("/flow_runs/filter", { status: 200, text: "[{" });
    expect((await failureOf(client.filterFlowRuns({}))).code).toBe("unavailable");
  });
});

describe("a gateway that answers instead of Prefect, without a web page", () => {
  const BODIES: [string, { text: string; headers: Record<string, string> }][] = [
    ["plain text", { text: "default backend - 404", headers: { "content-type": "text/plain" } }],
    ["XML", { text: "<?xml version='1.0'?><Error>x</Error>", headers: { "content-type": "application/xml" } }],
    ["nothing", { text: "", headers: {} }],
    ["other JSON", { text: '{"message":"no Route matched with those values"}', headers: {} }],
    ["half of an object's list", { text: '[{"id', headers: { "content-type": "application/json" } }],
  ];
  const cases = BODIES.flatMap(([name, body]) =>
    [400, 404, 405, 409, 413, 422].map((status) => [status, name, body] as const),
  );

  test.each(cases)("is unavailable and says nothing about an object: %i with %s", async (status, _, body) => {
    await using fake = await startFakePrefect();
    const client = connect(fake);
    await client.readVersion();
    fake.faults.fail(/flow_runs/, { status, ...body });
    const error = await failureOf(client.readFlowRun(crypto.randomUUID()));
    expect([error.code, error.retryable, error.status]).toEqual(["unavailable", true, undefined]);
    expect(error.message).toBe(
      `Prefect is not reached: something else answers ${status} at ${fake.url}, not in the form of Prefect's errors.`,
    );
  });

  test("reasons in Prefect's JSON are still told apart", async () => {
    await using fake = await startFakePrefect();
    const client = connect(fake);
    fake.faults.fail(/flow_runs/, { status: 404, body: { detail: "Flow run not found" } });
    expect((await failureOf(client.readFlowRun(crypto.randomUUID()))).code).toBe("not_found");
    fake.faults.fail(/flow_runs/, { status: 422, body: { exception_message: "Invalid request received." } });
    expect((await failureOf(client.filterFlowRuns({}))).code).toBe("invalid_input");
  });

  test.each([201, 202, 206, 207])("a list with status %i is no whole answer", async (status) => {
    await using fake = await startFakePrefect();
    const client = connect(fake);
    await client.readVersion();
    fake.faults.fail("/flow_runs/filter", { status, body: [] });
    const error = await failureOf(client.filterFlowRuns({}));
    expect([error.code, error.message]).toEqual([
      "unavailable",
      `Prefect's answer to POST /flow_runs/filter is not understood: its status is ${status} (application/json, 2 characters).`,
    ]);
  });
});

describe("a web page instead of Prefect", () => {
  const SIGN_IN = "<!DOCTYPE html>\n<html><head><title>\n  Sign in &amp; go \u202eon | Acme</title></head>…</html>";
  const HINT =
    "A sign-in page or a proxy answers there. Sign in, or set PREFECT_API_URL to the address of the API itself.";

  test.each([200, 203, 302, 401, 403, 404, 407, 422, 429, 500, 502, 503])(
    "is unavailable with the title of the page, whatever its status: %i",
    async (status) => {
      await using fake = await startFakePrefect();
      for (const isFirstCall of [true, false]) {
        const client = connect(fake);
        if (!isFirstCall) await client.readVersion();
        fake.faults.fail("", { status, text: SIGN_IN }, 20);
        const error = await failureOf(client.filterFlowRuns({}, { retries: 0 }));
        fake.faults.clear();
        expect(facts(error)).toEqual({
          code: "unavailable",
          message: `Prefect is not reached: the web page "Sign in & go on | Acme" (status ${status}) answers at ${fake.url}.`,
          hint: HINT,
        });
        expect([error.retryable, error.status]).toEqual([true, undefined]);
      }
    },
  );

  test("that redirects to another host names it without the query, and its Retry-After is kept", async () => {
    await using fake = await startFakePrefect();
    const headers = { location: "https://login.acme.example/start?state=secret", "retry-after": "7" };
    fake.faults.fail("/flow_runs/filter", { status: 302, text: "<html><title>Found</title></html>", headers });
    const error = await failureOf(connect(fake).filterFlowRuns({}));
    expect(error.message).toBe(
      `Prefect is not reached: the web page "Found" (status 302) answers at ${fake.url}, which leads to https://login.acme.example/start.`,
    );
    expect([error.code, error.retryAfterMs]).toEqual(["unavailable", 7_000]);
  });

  test.each([
    ["without a title", { text: "<html><body>Please wait</body></html>" }],
    ["without tags", { text: "upstream connect error" }],
    ["of another type", { text: "<html></html>", headers: { "content-type": "text/plain" } }],
    ["after a comment", { text: "\n<!-- maintenance --><HTML></HTML>", headers: { "content-type": "x" } }],
  ])("may be one %s", async (_, fault) => {
    await using fake = await startFakePrefect();
    fake.faults.fail("/flow_runs/filter", { status: 403, ...fault });
    const error = await failureOf(connect(fake).filterFlowRuns({}));
    expect([error.code, error.message]).toEqual([
      "unavailable",
      `Prefect is not reached: a web page (status 403) answers at ${fake.url}.`,
    ]);
  });

  test("is not seen in JSON of a wrong type, nor where the answer is empty", async () => {
    await using fake = await startFakePrefect();
    fake.faults.fail("/flow_runs/count", { status: 200, text: "5" });
    fake.faults.fail("/flow_runs/count", { status: 403, text: '{"detail": "<html> is refused"}' });
    fake.faults.fail("/flow_runs/count", { status: 403, text: "" });
    const client = connect(fake);
    expect(await client.countFlowRuns({})).toBe(5);
    expect((await failureOf(client.countFlowRuns({}))).message).toContain(
      "Prefect refused POST /flow_runs/count (403)",
    );
    expect((await failureOf(client.countFlowRuns({}))).code).toBe("unauthorized");
  });

  test("does not hide a URL that lacks /api", async () => {
    await using fake = await startFakePrefect();
    fake.faults.fail("POST /flow_runs/filter", { status: 200, text: "<html><title>Prefect UI</title></html>" });
    const url = fake.url.replace("/api", "");
    expect(facts(await failureOf(connect({ url }).filterFlowRuns({})))).toMatchObject({
      code: "invalid_config",
      message: `The URL ${url} lacks /api: Prefect's API is at ${fake.url}.`,
    });
  });

  test("refuses no credentials, and asks for no CSRF token", async () => {
    await using fake = await startFakePrefect({ csrf: true });
    fake.faults.fail("/flow_runs/count", { status: 403, text: "<html><title>CSRF verification failed</title></html>" });
    expect((await failureOf(connect(fake).countFlowRuns({}))).code).toBe("unavailable");
    expect(fake.takeRequests()).toEqual(["POST /flow_runs/count"]);
  });
});

describe("a wrong URL", () => {
  test.each([
    ["", (client: PrefectClient) => client.filterFlowRuns({})],
    ["", (client: PrefectClient) => client.readHealth()],
    ["", (client: PrefectClient) => client.filterEvents({}, 0)],
  ])("without /api is detected, and the right one named", async (suffix, call) => {
    await using fake = await startFakePrefect();
    const url = fake.url.replace("/api", suffix);
    expect(facts(await failureOf(call(connect({ url }))))).toEqual({
      code: "invalid_config",
      message: `The URL ${url} lacks /api: Prefect's API is at ${fake.url}.`,
      hint: `Set PREFECT_API_URL to ${fake.url}.`,
    });
  });

  test("without /api is detected when the server requires credentials, too", async () => {
    await using fake = await startFakePrefect({ authString: "admin:pass" });
    const error = await failureOf(connect({ url: fake.url.replace("/api", "") }).filterFlowRuns({}));
    expect(error.message).toBe(`The URL ${fake.url.replace("/api", "")} lacks /api: Prefect's API is at ${fake.url}.`);
  });

  test("with /api twice, or of something else, is an error that says so", async () => {
    await using fake = await startFakePrefect();
    expect((await failureOf(connect({ url: `${fake.url}/api` }).filterFlowRuns({}))).message).toBe(
      `The URL ${fake.url}/api has /api twice: Prefect's API is at ${fake.url}.`,
    );
    using other = Bun.serve({ port: 0, fetch: () => Response.json({ detail: "Not Found" }, { status: 404 }) });
    const url = `http://127.0.0.1:${other.port}/api`;
    // Another service behind the address of before, perhaps only for now: the record must still answer.
    expect(facts(await failureOf(connect({ url }).filterFlowRuns({})))).toEqual({
      code: "unavailable",
      message: `There is no Prefect API at ${url}: something else answers there.`,
      hint: "Set PREFECT_API_URL to the API's address, for example http://127.0.0.1:4200/api.",
    });
    expect(facts(await failureOf(connect({ url: "prefect" }).filterFlowRuns({})))).toEqual({
      code: "invalid_config",
      message: "The API URL is not an http or https URL: prefect",
      hint: "Set PREFECT_API_URL, for example to http://127.0.0.1:4200/api.",
    });
  });

  test("is not assumed once Prefect has answered: then only the route is missing", async () => {
    await using fake = await startFakePrefect();
    const client = connect(fake);
    await client.readVersion();
    expect(facts(await failureOf(client.get("/new/route")))).toEqual({
      code: "not_found",
      message: `Prefect at ${fake.url} does not know the route GET /new/route.`,
      hint: "The server may be older than this function needs, or PREFECT_API_URL may be wrong.",
    });
    expect(client.requests).toBe(2);
  });

  test("with an unknown host is an error that names it", async () => {
    const error = await failureOf(connect({ url: "http://prefect.invalid/api" }).readVersion());
    expect(facts(error)).toMatchObject({
      code: "unavailable",
      message: "The host of http://prefect.invalid/api cannot be found.",
    });
  });
});

describe("credentials", () => {
  test.each([
    [
      "missing ones",
      { kind: "none" },
      "asks for credentials and none are set.",
      "Set PREFECT_API_AUTH_STRING (user:password) as the server has it.",
    ],
    [
      "an auth string",
      { kind: "basic", authString: "admin:wrong-password" },
      "does not accept the auth string (401).",
      "Check PREFECT_API_AUTH_STRING: it must equal the server's PREFECT_SERVER_API_AUTH_STRING.",
    ],
    [
      "a key",
      { kind: "key", key: "pnu_0123456789" },
      "does not accept the API key (401).",
      "PREFECT_API_KEY was sent; a self-hosted server with an auth string requires PREFECT_API_AUTH_STRING (user:password).",
    ],
  ] as const)("that are refused are named by kind, without their value: %s", async (_, auth, text, hint) => {
    await using fake = await startFakePrefect({ authString: "admin:right-password" });
    const error = await failureOf(connect(fake, { auth }).countFlowRuns({}));
    expect(facts(error)).toEqual({ code: "unauthorized", message: `Prefect at ${fake.url} ${text}`, hint });
    expect(error.status).toBe(401);
    expect(`${error.message} ${error.hint}`).not.toMatch(/wrong-password|pnu_0/);
  });

  test("are replaced where the server echoes them", async () => {
    await using fake = await startFakePrefect();
    const echo = { detail: "token pnu_0123456789 and X-Token abcd1234 refused" };
    fake.faults.fail("/flow_runs/count", { status: 403, body: echo });
    const error = await failureOf(
      connect(fake, {
        auth: { kind: "key", key: "pnu_0123456789" },
        customHeaders: { "X-Token": "abcd1234" },
      }).countFlowRuns({}),
    );
    expect(error.message).toBe("Prefect refused POST /flow_runs/count (403): token *** and X-Token *** refused.");
  });
});

describe("TLS", () => {
  const { cert, key } = TEST_CERTIFICATE;

  test("trusts the CA of the settings, given as text or as a file", async () => {
    await using fake = await startFakePrefect({ tls: { cert, key } });
    expect(await connect(fake, { tls: { ca: cert } }).readVersion()).toBe("3.8.8");
    const file = `${process.env.TMPDIR ?? "/tmp"}/ca-${crypto.randomUUID()}.pem`;
    const client = connect(fake, { tls: { caFile: file } });
    expect(facts(await failureOf(client.readVersion()))).toEqual({
      code: "invalid_config",
      message: `For ${new URL(fake.url).origin}, the CA file ${file} cannot be read.`,
      hint: "Correct PREFECT_API_SSL_CERT_FILE (or SSL_CERT_FILE).",
    });
    await Bun.write(file, cert);
    expect(await client.readVersion()).toBe("3.8.8");
    await Bun.file(file).delete();
  });

  test("checks the certificate unless the settings say otherwise", async () => {
    await using fake = await startFakePrefect({ tls: { cert, key } });
    const error = await failureOf(connect(fake).readVersion());
    expect(facts(error)).toEqual({
      code: "unavailable",
      message: `No trusted TLS connection to ${new URL(fake.url).origin}: self signed certificate.`,
      hint: "Set PREFECT_API_SSL_CERT_FILE to the CA's PEM file, check that the port speaks TLS, or, for tests only, set PREFECT_API_TLS_INSECURE_SKIP_VERIFY=true.",
    });
    expect(fake.requests).toEqual([]);
    expect(await connect(fake, { tls: { insecure: true } }).readVersion()).toBe("3.8.8");
  });

  test("is an error that says so when the port speaks plain HTTP", async () => {
    await using fake = await startFakePrefect();
    const error = await failureOf(connect({ url: fake.url.replace("http", "https") }).readVersion());
    expect(error.message).toStartWith(
      `No trusted TLS connection to ${new URL(fake.url).origin.replace("http", "https")}:`,
    );
  });
});

describe("a proxy", () => {
  test("of the settings is used for http, and with a tunnel for https", async () => {
    const { cert, key } = TEST_CERTIFICATE;
    await using plain = await startFakePrefect();
    await using secure = await startFakePrefect({ tls: { cert, key } });
    using proxy = startForwardProxy();
    const options = { proxy: { http: proxy.url, https: proxy.url }, tls: { ca: cert } };
    expect(await connect(plain, options).readVersion()).toBe("3.8.8");
    expect(await connect(secure, { ...options, auth: { kind: "key", key: "pnu_0123456789" } }).readVersion()).toBe(
      "3.8.8",
    );
    expect(proxy.lines).toEqual([
      `GET ${plain.url}/admin/version HTTP/1.1`,
      `CONNECT 127.0.0.1:${secure.port} HTTP/1.1`,
    ]);
    expect(proxy.heads.join("\n")).not.toContain("pnu_");
  });

  test("is not used for the hosts of NO_PROXY, and named without its password when it is down", async () => {
    await using fake = await startFakePrefect();
    const dead = { http: "http://ann:proxy-password@127.0.0.1:9" };
    expect(await connect(fake, { proxy: { ...dead, noProxy: "127.0.0.1" } }).readVersion()).toBe("3.8.8");
    const error = await failureOf(connect(fake, { proxy: dead }).readVersion());
    expect(facts(error)).toEqual({
      code: "unavailable",
      message: `Nothing accepts connections at ${fake.url} through the proxy 127.0.0.1:9.`,
      hint: "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY, and that the Prefect server runs.",
    });
  });

  test("that asks for credentials, or is unusable, is named as the cause", async () => {
    using proxy = answering("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    const through = (url: string, address: string) =>
      failureOf(connect({ url }, { proxy: { http: address, https: address } }).readVersion());
    const plain = "http://127.0.0.1:4999/api";
    const secure = "https://127.0.0.1:4999/api";
    expect(facts(await through(plain, proxy.url))).toEqual({
      code: "unavailable",
      message: `The proxy for ${plain} asks for credentials (407).`,
      hint: "Check the credentials in HTTP_PROXY or HTTPS_PROXY.",
    });
    const hint = "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY, and the proxy's own credentials.";
    expect(facts(await through(secure, proxy.url))).toMatchObject({ code: "unavailable", hint });
    expect(facts(await through(plain, "socks5://127.0.0.1:1"))).toMatchObject({ code: "unavailable", hint });
  });
});

describe("an answer", () => {
  test("may be compressed or chunked", async () => {
    const gzipped = Bun.gzipSync(Buffer.from('"3.8.8"'));
    const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    using zipped = answering(`${head}Content-Encoding: gzip\r\nContent-Length: ${gzipped.length}\r\n\r\n`, gzipped);
    using pieces = answering(`${head}Transfer-Encoding: chunked\r\n\r\n4\r\n"3.8\r\n3\r\n.8"\r\n0\r\n\r\n`);
    expect(await connect(zipped).readVersion()).toBe("3.8.8");
    expect(await connect(pieces).readVersion()).toBe("3.8.8");
  });

  test("that is too large is not read", async () => {
    using huge = answering("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 300000000\r\n\r\n[");
    expect(facts(await failureOf(connect(huge).readVersion()))).toEqual({
      code: "invalid_input",
      message: "Prefect's answer is not read: the answer is larger than 256 MiB.",
      hint: "Ask for less at once, with a smaller limit; if the limit cannot be smaller, something other than Prefect answers.",
    });
    expect((await failureOf(connect(huge, { isNamedByCaller: true }).readVersion())).message).toEndWith("than 16 MiB.");
  });

  test("is counted decompressed while it arrives, whatever its header says, and ends at the limit of the call", async () => {
    const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    const zeros = Bun.gzipSync(Buffer.alloc(8 * 1024 * 1024, 48));
    const chunk = `${(100_000).toString(16)}\r\n${"0".repeat(100_000)}\r\n`;
    using bomb = answering(`${head}Content-Encoding: gzip\r\nContent-Length: ${zeros.length}\r\n\r\n`, zeros);
    using endless = answering(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk}`);
    using lying = answering(`${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`);
    for (const server of [bomb, endless, lying]) {
      const error = await failureOf(connect(server).readVersion({ maxBytes: 64 * 1024 }));
      expect([error.code, error.retryable, error.message]).toEqual([
        "invalid_input",
        false,
        "Prefect's answer is not read: the answer is larger than 64 KiB.",
      ]);
      expect(server.asked).toBe(1);
      await server.left;
    }
    using exact = answering(`${head}Content-Length: 7\r\n\r\n"3.8.8"`);
    expect(await connect(exact).readVersion({ maxBytes: 7 })).toBe("3.8.8");
    expect((await failureOf(connect(exact).readVersion({ maxBytes: 6 }))).code).toBe("invalid_input");
  });

  test("to a request for a CSRF token is small, or is not read", async () => {
    await using fake = await startFakePrefect({ csrf: true });
    fake.faults.fail("/csrf-token", { status: 200, body: { token: "x".repeat(70_000) } });
    expect((await failureOf(connect(fake).countFlowRuns({}))).message).toBe(
      "Prefect's answer is not read: the answer is larger than 64 KiB.",
    );
  });

  test("is not asked for when a header cannot be sent", async () => {
    await using fake = await startFakePrefect();
    const error = await failureOf(connect(fake, { customHeaders: { "X Team": "secret-token" } }).readVersion());
    expect(facts(error)).toEqual({
      code: "invalid_config",
      message: "A custom header cannot be sent: Invalid header name: 'X Team'.",
      hint: "Correct PREFECT_CLIENT_CUSTOM_HEADERS.",
    });
  });

  test("is not asked for when the key cannot be a header, and the error names the key", async () => {
    await using fake = await startFakePrefect();
    const error = await failureOf(connect(fake, { auth: { kind: "key", key: "schl\u00fcssel\u20ac" } }).readVersion());
    expect(facts(error)).toEqual({
      code: "invalid_config",
      message: "The credentials hold characters that no HTTP header can carry.",
      hint: "Correct PREFECT_API_KEY or PREFECT_API_AUTH_STRING.",
    });
  });
});

interface Answering extends Disposable {
  readonly url: string;
  /** Requests so far. */
  readonly asked: number;
  /** Resolves when the client has closed a connection. */
  readonly left: Promise<void>;
}

/** A server that answers every request with these bytes. */
function answering(head: string, body: Uint8Array = new Uint8Array()): Answering {
  const left = Promise.withResolvers<void>();
  let asked = 0;
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket) {
        asked += 1;
        socket.write(Buffer.concat([Buffer.from(head), body]));
        socket.flush();
      },
      close: () => left.resolve(),
      error() {},
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    left: left.promise,
    get asked() {
      return asked;
    },
    [Symbol.dispose]: () => server.stop(true),
  };
}
