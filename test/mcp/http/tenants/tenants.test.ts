/** Which caller is served what, with two Prefects and the program's real applications. */

import { afterEach, beforeEach, describe, expect, mock, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openApp } from "../../../../src/app/app.ts";
import { fixedSettings } from "../../../../src/app/settings-source.ts";
import { createTenantApps } from "../../../../src/app/tenant-apps.ts";
import { loadSettings } from "../../../../src/config/load-settings.ts";
import type { HttpSettings } from "../../../../src/config/settings.ts";
import { AppError } from "../../../../src/errors.ts";
import { type Clock, systemClock } from "../../../../src/lib/clock.ts";
import { silentLogger } from "../../../../src/lib/logger.ts";
import { formatIsoUs, HOUR_US } from "../../../../src/lib/time.ts";
import type { HostedApp } from "../../../../src/mcp/app-host.ts";
import type { TenantTarget } from "../../../../src/mcp/http/tenants/tenant-headers.ts";
import type { PrefectApi } from "../../../../src/prefect/api.ts";
import { aFlowRun } from "../../../support/builders.ts";
import { type FakePrefect, startFakePrefect } from "../../../support/fake-prefect/fake-prefect.ts";
import { MAIN } from "../../../support/process/product.ts";
import { manualClock } from "../../../support/time/manual-clock.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { type Answer, call, fakeApp, type Harness, parse, post, postModern, startHttp } from "../http-harness.ts";

const ALPHA = { auth: "alpha:alpha-password", run: "run-of-alpha" };
const BETA = { auth: "beta:beta-password", run: "run-of-beta" };

let alpha: FakePrefect;
let beta: FakePrefect;
let dataDir: string;

beforeEach(async () => {
  alpha = await startFakePrefect({ authString: ALPHA.auth });
  beta = await startFakePrefect({ authString: BETA.auth });
  // Within the history that is read: of older runs the record proves nothing, and Prefect is asked.
  const start = formatIsoUs(systemClock.nowUs() - HOUR_US);
  alpha.workspace.flowRuns.push(aFlowRun({ name: ALPHA.run, start_time: start, expected_start_time: start }));
  beta.workspace.flowRuns.push(aFlowRun({ name: BETA.run, start_time: start, expected_start_time: start }));
  dataDir = mkdtempSync(join(tmpdir(), "prefect-mcp-tenants-"));
});
afterEach(async () => {
  await Promise.all([alpha.stop(), beta.stop()]);
  rmSync(dataDir, { recursive: true, force: true });
});

/** The server's own Prefect is alpha; its Workers are those of the program. `clock`: of the HTTP server, not of the tenants. */
function start(
  http: Partial<HttpSettings> = {},
  { env = {}, clock = systemClock }: { env?: Record<string, string>; clock?: Clock } = {},
): Harness {
  const resolved = loadSettings({
    flags: { "data-dir": dataDir },
    env: { PREFECT_API_URL: alpha.url, PREFECT_API_AUTH_STRING: ALPHA.auth, PREFECT_MCP_LOG_LEVEL: "silent", ...env },
    cwd: dataDir,
    home: dataDir,
    platform: "linux",
  });
  const common = { entry: MAIN, version: "1", clock: systemClock, logger: silentLogger };
  const base = { ...resolved, settings: { ...resolved.settings, http: { ...resolved.settings.http, ...http } } };
  const apps = createTenantApps({ ...common, base: () => base });
  return startHttp({
    http,
    openOwn: () => openApp({ ...common, settings: fixedSettings(resolved) }),
    openTenant: (target, label) => apps.open(target, label),
    trimDisk: () => apps.trimDisk(),
    dataDir,
    clock,
  });
}

/** A manual clock for the HTTP server. It is an hour ahead, so that deadlines of its checks are far away on the clock of the tenants. */
const httpClock = () => manualClock(systemClock.steadyMs() + 3_600_000);

const runs = (extra: object = {}) => call("get_flow_runs", extra);
const names = (answer: Answer) =>
  (answer.json.result?.structuredContent?.flow_runs ?? []).map((run: { name: string }) => run.name);
const as = (prefect: FakePrefect, auth?: string) => ({
  "x-prefect-api-url": prefect.url,
  ...(auth === undefined ? {} : { "x-prefect-api-auth-string": auth }),
});
const openTenants = async (http: Harness) =>
  /prefect_mcp_tenants_open (\d+)/.exec((await http.get("/metrics")).text)?.[1];
const sourceOf = (answer: Answer) => answer.json.result?.structuredContent?.source;

describe("tenants by header", () => {
  test("each caller sees its own Prefect, with its own credentials only", async () => {
    await using http = start();
    expect(names(await http.post(runs()))).toEqual([ALPHA.run]);
    expect(names(await http.post(runs(), as(beta, BETA.auth)))).toEqual([BETA.run]);
    const wrong = new Set(
      beta.requests.map(({ headers }) => headers.authorization).filter((sent) => sent !== `Basic ${btoa(BETA.auth)}`),
    );
    expect([...wrong]).toEqual([]);
  });

  test("an incomplete set is an error and is never answered from the server's own Prefect", async () => {
    await using http = start();
    const halves: Record<string, string>[] = [
      { "x-prefect-api-key": "pnu_abc" },
      { "x-prefect-api-auth-string": ALPHA.auth },
      { "x-prefect-api-url": alpha.url, "x-prefect-api-key": "" },
      { "x-prefect-api-url": alpha.url, "x-prefect-api-auth-string": " " },
      { "x-prefect-api-url": "" },
      { "x-prefect-api-url": alpha.url, "x-prefect-api-key": "a", "x-prefect-api-auth-string": "b" },
    ];
    for (const headers of halves) {
      const answer = await http.post(runs(), headers);
      expect([headers, answer.status]).toEqual([headers, 400]);
      expect(answer.text).not.toContain(ALPHA.run);
    }
    expect(alpha.requests.length).toBe(0);
  });

  test("a URL alone is enough only for a Prefect that asks for no credentials", async () => {
    await using open = await startFakePrefect();
    open.workspace.flowRuns.push(aFlowRun({ name: "run-of-all" }));
    await using http = start();
    expect(names(await http.post(runs(), as(open)))).toEqual(["run-of-all"]);
    expect((await http.post(runs(), as(alpha))).status).toBe(403);
  });

  test("forbidden targets are refused", async () => {
    await using http = start({ allowedTargets: ["https://prefect.example.com/api"] });
    const refused = [
      "http://169.254.169.254/latest/api",
      "http://metadata.google.internal/api",
      "https://[fe80::1]/api",
      "http://10.0.0.1/api",
      "https://other.example.com/api",
      "ftp://prefect.example.com/api",
      "https://user:secret@prefect.example.com/api",
    ];
    for (const url of refused) {
      const { status, text } = await http.post(runs(), { "x-prefect-api-url": url, "x-prefect-api-key": "k" });
      expect([url, status]).toEqual([url, 403]);
      expect(text).not.toContain("secret@");
    }
  });
});

describe("proof of credentials", () => {
  test("no caller is served recorded rows before Prefect accepted its own credentials", async () => {
    await using http = start();
    expect(names(await http.post(runs(), as(alpha, ALPHA.auth)))).toEqual([ALPHA.run]);
    const stranger = await http.post(runs(), as(alpha, "alpha:wrong-password"));
    expect([stranger.status, stranger.text.includes(ALPHA.run)]).toEqual([403, false]);
    expect(stranger.text).not.toContain("wrong-password");
  });

  test("a caller that Prefect begins to refuse is refused at the next check, or at once with fresh", async () => {
    await using http = start({ recheckMs: 60_000 });
    const headers = as(beta, BETA.auth);
    expect((await http.post(runs(), headers)).status).toBe(200);
    const { port } = beta;
    await beta.stop();
    beta = await startFakePrefect({ port, authString: "beta:changed-password" });
    const fresh = await http.post(runs({ fresh: true }), headers);
    expect([fresh.status, fresh.text.includes(BETA.run)]).toEqual([403, false]);
    expect((await http.post(runs(), headers)).status).toBe(403);
  });

  test("while Prefect is unreachable only proven callers are served, from the record, for a limited time", async () => {
    const clock = httpClock();
    await using http = start({ recheckMs: 50, proofMs: 3_000 }, { clock });
    const headers = as(beta, BETA.auth);
    const recorded = await waitUntil(
      "an answer from the record",
      () => http.post(runs(), headers),
      (answer) => sourceOf(answer) === "record",
    );
    expect(sourceOf(recorded)).toBe("record");
    await beta.down();
    await clock.advance(100);
    const proven = await http.post(runs(), headers);
    expect([proven.status, names(proven), sourceOf(proven)]).toEqual([200, [BETA.run], "record"]);
    const stranger = await http.post(runs(), as(beta, "beta:other-password"));
    expect([stranger.status, stranger.text.includes(BETA.run)]).toEqual([503, false]);
    await clock.advance(3_000);
    const late = await http.post(runs(), headers);
    expect([late.status, late.text.includes(BETA.run)]).toEqual([503, false]);
  });

  test("the server's own credentials are checked too; the list of tools needs no Prefect", async () => {
    await using http = start({}, { env: { PREFECT_API_AUTH_STRING: "alpha:outdated-password" } });
    expect((await http.post(runs())).status).toBe(403);
    const list = await http.post({ jsonrpc: "2.0", id: 1, method: "tools/list" });
    expect(list.json.result.tools.length).toBeGreaterThan(10);
  });
});

test("refused credentials stay refused while Prefect is unreachable, also the server's own", async () => {
  const clock = httpClock();
  await using http = start({ recheckMs: 50, proofMs: 60_000 }, { clock });
  await waitUntil(
    "an answer from the record",
    () => http.post(runs()),
    (answer) => sourceOf(answer) === "record",
  );
  const { port } = alpha;
  await alpha.stop();
  alpha = await startFakePrefect({ port, authString: "alpha:changed-password" });
  const ask = async () => {
    await clock.advance(1_000);
    return http.post(runs());
  };
  // The first check may meet a connection of the stopped server, which counts as unreachable.
  await waitUntil("the caller is refused", ask, ({ status }) => status === 403);
  await alpha.down();
  await clock.advance(1_100);
  const away = await http.post(runs());
  expect([away.status, away.text.includes(ALPHA.run)]).toEqual([403, false]);
  await alpha.stop();
  alpha = await startFakePrefect({ port, authString: ALPHA.auth });
  alpha.workspace.flowRuns.push(aFlowRun({ name: ALPHA.run }));
  const again = await waitUntil("the caller is served again", ask, ({ status }) => status === 200);
  expect(names(again)).toEqual([ALPHA.run]);
});

test("an open stream ends when Prefect refuses its caller", async () => {
  await using http = start({ recheckMs: 100 });
  const notifications = { toolsListChanged: true };
  const options = { headers: as(beta, BETA.auth) };
  const stream = await postModern(http.server.url, "subscriptions/listen", { notifications }, options);
  expect(stream.status).toBe(200);
  const ended = stream.text();
  const { port } = beta;
  await beta.stop();
  beta = await startFakePrefect({ port, authString: "beta:changed-password" });
  expect(await ended).toContain("acknowledged");
  expect((await http.get("/metrics")).text).toContain("prefect_mcp_streams_open 0");
});

test("what is wrong with the operator's settings is logged and not shown to callers", async () => {
  const app = fakeApp();
  const openOwn = () => app;
  await using http = startHttp({ openOwn, openTenant: openOwn });
  const problem = new AppError("invalid_config", "/home/operator/prefect.toml is no TOML.", {
    hint: "Correct /home/x.",
  });
  app.problem = problem;
  const answer = await http.post(call("echo", { text: "a" }));
  expect(answer.json.result.structuredContent).toMatchObject({
    code: "invalid_config",
    message: "The settings of this server are invalid; its log has the details.",
    retryable: false,
  });
  const ref = { type: "ref/resource", uri: "prefect://flow-runs/{flow_run}" };
  const params = { ref, argument: { name: "flow_run", value: "a" } };
  const complete = await http.post({ jsonrpc: "2.0", id: 1, method: "completion/complete", params });
  expect(complete.json.error.message).toStartWith("The settings of this server are invalid");
  expect(answer.text + complete.text).not.toContain("/home/");
  expect(app.log.filter((line) => line.includes(problem.message))).toHaveLength(2);
});

test("answers hold no path of this machine", async () => {
  await using http = start();
  const status = await waitUntil(
    "the status names a record",
    () => http.post(call("get_record_status")),
    (answer) => answer.text.includes(".sqlite"),
  );
  expect(status.text).toContain(".sqlite");
  expect(status.text).not.toContain(dataDir);
});

describe("resources of a tenant", () => {
  test("each credential has its own record, whose file name reveals nothing", async () => {
    await using http = start();
    await http.post(runs(), as(beta, BETA.auth));
    const folder = join(dataDir, "tenants");
    const entries = await waitUntil(
      "the folder of the tenant",
      () => (existsSync(folder) ? readdirSync(folder) : []),
      (found) => found.length === 2,
    );
    expect(entries.filter((name) => name !== "salt").every((name) => /^[0-9a-f]{32}$/.test(name))).toBe(true);
    expect(readFileSync(join(folder, "salt")).length).toBe(32);
  });

  test("records of idle tenants are removed beyond the disk limit, checked periodically and not with each call", async () => {
    const trimDisk = mock(() => undefined);
    const clock = httpClock();
    await using calm = startHttp({ trimDisk, clock });
    for (let n = 0; n < 20; n += 1) await calm.post(call("echo", { text: "a" }));
    expect(trimDisk).not.toHaveBeenCalled();
    await clock.advance(60_000);
    await waitUntil("a check", () => trimDisk.mock.calls.length === 1);
    await using http = start({ maxDiskBytes: 1, idleMs: 1_000 }, { clock });
    const ask = () => http.post(runs(), as(beta, BETA.auth));
    await waitUntil("an answer from the record", ask, (answer) => sourceOf(answer) === "record");
    const folders = () => readdirSync(join(dataDir, "tenants")).filter((name) => name !== "salt");
    expect(folders()).toHaveLength(1);
    const checked = async () => {
      await clock.advance(1_000);
      return folders();
    };
    expect(await waitUntil("the record is removed", checked, (found) => found.length === 0)).toEqual([]);
    expect(names(await ask())).toEqual([BETA.run]);
  });

  test("an idle tenant closes its record and opens it again with the next call", async () => {
    const clock = httpClock();
    await using http = start({ idleMs: 200 }, { clock });
    const headers = as(beta, BETA.auth);
    await waitUntil(
      "an answer from the record",
      () => http.post(runs(), headers),
      (answer) => sourceOf(answer) === "record",
    );
    const open = async () => {
      await clock.advance(200);
      return openTenants(http);
    };
    expect(await waitUntil("the tenant is closed", open, (found) => found === "0")).toBe("0");
    // No process of this test can ask Prefect now; what was on its way has arrived before the answer to a later request.
    await fetch(`${beta.url}/health`);
    const sent = beta.requests.length;
    for (let n = 0; n < 10; n += 1) await open();
    await fetch(`${beta.url}/health`);
    expect(beta.requests.length).toBe(sent + 1);
    expect(names(await http.post(runs(), headers))).toEqual([BETA.run]);
  });

  test("a call that is running when its tenant is closed ends, and opens nothing again", async () => {
    await using http = start({ maxTenants: 1 });
    const wait = call("wait_for", { event_type_prefix: "never.", timeout: "600s" });
    const waiting = post(http.server.url, wait, { headers: as(beta, BETA.auth) });
    // Headers are sent as soon as the call is being processed.
    const response = await waiting;
    await http.post(runs(), as(alpha, ALPHA.auth));
    const closed = (parse(await response.text()) as Answer["json"]).result;
    expect([closed.isError, closed.structuredContent.message]).toEqual([true, "This tenant was just closed."]);
    expect(names(await http.post(runs(), as(alpha, ALPHA.auth)))).toEqual([ALPHA.run]);
    expect(await openTenants(http)).toBe("1");
  });

  test("beyond the limit the least recently used tenant is closed", async () => {
    await using http = start({ maxTenants: 1 });
    const open = () => openTenants(http);
    await http.post(runs(), as(alpha, ALPHA.auth));
    await http.post(runs(), as(beta, BETA.auth));
    expect(await waitUntil("one tenant is closed", open, (found) => found === "1")).toBe("1");
    expect(names(await http.post(runs(), as(alpha, ALPHA.auth)))).toEqual([ALPHA.run]);
  });
});

describe("several callers", () => {
  const target = (host: string, key: string) => ({
    "x-prefect-api-url": `https://${host}.example.com/api`,
    "x-prefect-api-key": key,
  });
  const listen = async (http: Harness, headers: Record<string, string>) => {
    const notifications = { toolsListChanged: true };
    const stream = await postModern(http.server.url, "subscriptions/listen", { notifications }, { headers });
    const state = { isOpen: stream.status === 200 };
    void stream
      .text()
      .catch(() => undefined)
      .then(() => {
        state.isOpen = false;
      });
    return state;
  };

  /** Headers of a session of the 2025 era. */
  const begin = async (http: Harness, headers: Record<string, string>) => {
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } };
    const begun = await http.post({ jsonrpc: "2.0", id: 1, method: "initialize", params }, headers);
    return { "mcp-session-id": begun.headers.get("mcp-session-id") ?? "", "mcp-protocol-version": "2025-11-25" };
  };

  /** A tenant whose Prefect answers the credential check as the test chooses. */
  const answering = (check: () => Promise<unknown>, app = fakeApp()): HostedApp => {
    const query = app.query();
    const api = { filterFlowRuns: check } as unknown as PrefectApi;
    return Object.assign(app, { query: () => ({ ...query, api: () => api }) });
  };

  test("one with many keys displaces its own tenants, not those of others", async () => {
    const tokens = ["token-of-alice-0123456789", "token-of-mallory-0123456789"];
    const openTenant = () => answering(async () => []);
    await using http = startHttp({ http: { tokens, maxTenants: 4 }, openTenant });
    const alice = { authorization: `Bearer ${tokens[0]}` };
    const mallory = { authorization: `Bearer ${tokens[1]}` };
    const stream = await listen(http, { ...alice, ...target("alice", "a") });
    for (let n = 0; n < 20; n += 1) {
      const answer = await http.post(call("echo", { text: "m" }), { ...mallory, ...target("evil", `key-${n}`) });
      expect(answer.status).toBe(200);
    }
    expect(stream.isOpen).toBe(true);
  });

  test("those that Prefect refuses displace no tenant, however often they ask", async () => {
    const openTenant = ({ credential }: TenantTarget) =>
      answering(async () => {
        if (credential.kind === "key" && credential.key === "good") return [];
        throw new AppError("unauthorized", "no", { status: 401 });
      });
    await using http = startHttp({ http: { maxTenants: 4 }, openTenant });
    const session = await begin(http, target("one", "good"));
    for (let n = 0; n < 20; n += 1) {
      const asked = http.post(call("echo", { text: "a" }), target("one", `bad-${Math.floor(n / 2)}`));
      expect((await asked).status).toBe(403);
    }
    expect((await http.post(call("echo", { text: "a" }), target("two", "good"))).status).toBe(200);
    expect((await http.post(call("echo", { text: "a" }), { ...target("one", "good"), ...session })).status).toBe(200);
  });

  test("a long call ends when Prefect refuses its caller", async () => {
    let isRefused = false;
    const app = fakeApp();
    const openTenant = () =>
      answering(async () => {
        if (isRefused) throw new AppError("unauthorized", "no", { status: 401 });
        return [];
      }, app);
    await using http = startHttp({ http: { recheckMs: 100 }, openTenant });
    const waiting = http.post(call("wait"), target("one", "k"));
    await waitUntil("the call is running", () => app.seen.begun === 1);
    isRefused = true;
    const { isError, structuredContent } = (await waiting).json.result;
    expect([isError, structuredContent.message]).toEqual([true, "This tenant was just closed."]);
  });

  test("a Prefect that does not answer does not delay the end of other tenants", async () => {
    let isRefused = false;
    let isHanging = false;
    let hanging = 0;
    const never = Promise.withResolvers<void>();
    const openTenant = ({ url }: TenantTarget) =>
      answering(async () => {
        if (url.includes("slow") && isHanging) {
          hanging += 1;
          await never.promise;
        }
        if (url.includes("quick") && isRefused) throw new AppError("unauthorized", "no", { status: 401 });
        return [];
      });
    await using http = startHttp({ http: { recheckMs: 100 }, openTenant });
    const slow = [];
    for (let n = 0; n < 5; n += 1) slow.push(await listen(http, target("slow", `k${n}`)));
    const quick = await listen(http, target("quick", "k"));
    expect([quick, ...slow].map(({ isOpen }) => isOpen)).toEqual(Array(6).fill(true));
    isHanging = true;
    await waitUntil("all slow ones are being checked", () => hanging === slow.length);
    isRefused = true;
    const ended = await waitUntil(
      "the stream of the refused caller ends",
      () => quick.isOpen,
      (isOpen) => !isOpen,
    );
    expect(ended).toBe(false);
    never.resolve();
  });

  test("an unexpected error in a check is logged as the answer says", async () => {
    const openTenant = () => {
      throw new TypeError("undefined is not an object (evaluating 'secret.path')");
    };
    await using http = startHttp({ openTenant });
    const answer = await http.post(call("echo", { text: "a" }), target("one", "k"));
    expect([answer.status, answer.text.includes("secret.path")]).toEqual([500, false]);
    expect(http.log.filter((line) => line.includes("internal error") && line.includes("secret.path"))).toHaveLength(1);
  });

  test("while names cannot be resolved proven callers are served and others get `unavailable`", async () => {
    let isDown = false;
    const lookup = async () => {
      if (isDown) throw new AppError("unavailable", "The host does not resolve.");
      return ["93.184.216.34"];
    };
    const openTenant = () => answering(async () => []);
    const clock = httpClock();
    await using http = startHttp({ http: { recheckMs: 50, proofMs: 60_000 }, openTenant, lookup, clock });
    expect((await http.post(call("echo", { text: "a" }), target("one", "k"))).status).toBe(200);
    isDown = true;
    await clock.advance(100);
    expect((await http.post(call("echo", { text: "a" }), target("one", "k"))).status).toBe(200);
    const stranger = await http.post(call("echo", { text: "a" }), target("two", "k"));
    expect([stranger.status, stranger.headers.get("retry-after")]).toEqual([503, "1"]);
  });
});
