/** Confirming a change as clients of both protocol eras do, over stdio and over HTTP, with and without a user who can be asked. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Client as ModernClient, StreamableHTTPClientTransport as ModernHttp } from "@modelcontextprotocol/client";
import { StdioClientTransport as ModernStdio } from "@modelcontextprotocol/client/stdio";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as OldStdio } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as OldHttp } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { startHttpProduct } from "../mcp/http/http-product.ts";
import { aDeployment, aFlow, aFlowRun, anId } from "../support/builders.ts";
import { type FakePrefect, startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { bareEnv, MAIN, runProduct, startProduct } from "../support/process/product.ts";
import { makePlace } from "./program.ts";

const KEYS = ["pnu_first-tenant-key-0123456789", "pnu_other-tenant-key-0123456789"] as const;
const place = makePlace();
const [prefect, first, other] = await Promise.all([
  startFakePrefect(),
  startFakePrefect({ apiKey: KEYS[0] }),
  startFakePrefect({ apiKey: KEYS[1] }),
]);
const TOKENS = ["caller-one-0123456789abcdef", "caller-two-0123456789abcdef"] as const;
const http = await startHttpProduct({
  env: {
    PREFECT_API_URL: prefect.url,
    PREFECT_MCP_WRITES: "all",
    PREFECT_MCP_SYNC: "off",
    PREFECT_MCP_HTTP_TOKENS: TOKENS.join(","),
  },
});
const RUN = anId(6);
const ROUTE = `POST /flow_runs/${RUN}/set_state`;

afterAll(async () => {
  await http[Symbol.asyncDispose]();
  for (const one of [prefect, first, other]) await one.stop();
  place[Symbol.dispose]();
});

function fill(fake: FakePrefect): void {
  const { workspace } = fake;
  workspace.flows.splice(0, Number.POSITIVE_INFINITY, aFlow({ id: anId(1) }));
  workspace.deployments.splice(0, Number.POSITIVE_INFINITY, aDeployment({ id: anId(5) }));
  const run = aFlowRun({ id: RUN, name: "long-one", state_type: "RUNNING", state_name: "Running" });
  workspace.flowRuns.splice(0, Number.POSITIVE_INFINITY, run);
  const state = {
    id: anId(77),
    type: "CANCELLED",
    name: "Cancelled",
    timestamp: "2026-01-01T00:00:00.000000Z",
  } as const;
  workspace.flowRunStates.set(RUN, [...(run.state ? [run.state] : []), state]);
  fake.answer(
    ROUTE,
    { status: "REJECT", state, details: { type: "reject_details", reason: "no infrastructure" } },
    201,
  );
  fake.takeRequests();
}
beforeEach(() => [prefect, first, other].forEach(fill));

const writesTo = (fake: FakePrefect) => fake.takeRequests().filter((line) => line === ROUTE);
const ARGS = { action: "cancel", flow_run: RUN, wait: "0s" };

/** What the user says; undefined: the client cannot ask. */
type User = "yes" | "no" | "closes" | undefined;
interface Result {
  readonly isError?: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into answers of every shape.
  readonly structuredContent: any;
}
interface Connected extends AsyncDisposable {
  readonly asked: string[];
  call(args: object): Promise<Result>;
}
const answerOf = (user: User) =>
  user === "yes" || user === "no"
    ? { action: "accept" as const, content: { confirm: user === "yes" } }
    : { action: "cancel" as const };

type Way = "stdio" | "http";
const env = () => place.env({ PREFECT_API_URL: prefect.url, PREFECT_MCP_WRITES: "all", PREFECT_MCP_SYNC: "off" });
const stdio = () => ({
  command: process.execPath,
  args: [MAIN, "serve"],
  cwd: place.dir,
  env: env(),
  stderr: "ignore" as const,
});

const withToken = (headers: Record<string, string>) => ({
  headers: { authorization: `Bearer ${TOKENS[0]}`, ...headers },
});

async function connectOld(way: Way, user: User, headers: Record<string, string> = {}): Promise<Connected> {
  const asked: string[] = [];
  const client = new OldClient(
    { name: "old", version: "1" },
    { capabilities: user === undefined ? {} : { elicitation: {} } },
  );
  if (user !== undefined)
    client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
      asked.push(params.message);
      return answerOf(user);
    });
  const transport =
    way === "stdio" ? new OldStdio(stdio()) : new OldHttp(new URL(http.url), { requestInit: withToken(headers) });
  await client.connect(transport as never);
  return {
    asked,
    call: (args) => client.callTool({ name: "change_flow_run", arguments: { ...args } }) as Promise<Result>,
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function connectModern(way: Way, user: User, headers: Record<string, string> = {}): Promise<Connected> {
  const asked: string[] = [];
  const client = new ModernClient(
    { name: "modern", version: "1" },
    {
      capabilities: user === undefined ? {} : { elicitation: {} },
      versionNegotiation: { mode: { pin: "2026-07-28" } },
    },
  );
  if (user !== undefined)
    client.setRequestHandler("elicitation/create", async ({ params }) => {
      asked.push(params.message);
      return answerOf(user);
    });
  const transport =
    way === "stdio" ? new ModernStdio(stdio()) : new ModernHttp(new URL(http.url), { requestInit: withToken(headers) });
  await client.connect(transport);
  return {
    asked,
    call: (args) => client.callTool({ name: "change_flow_run", arguments: { ...args } }) as Promise<Result>,
    [Symbol.asyncDispose]: () => client.close(),
  };
}

const ERAS = [
  ["2025-11-25", connectOld],
  ["2026-07-28", connectModern],
] as const;

describe.each(ERAS)("a client of revision %s", (_, connect) => {
  describe.each<Way>(["stdio", "http"])("over %s", (way) => {
    test("whose user agrees: the question shows the preview, and the change is sent once", async () => {
      await using client = await connect(way, "yes");
      const { structuredContent: done } = await client.call(ARGS);
      expect(done).toMatchObject({ action: "cancel", done: 1, complete: true });
      expect(client.asked).toHaveLength(1);
      expect(client.asked[0]).toContain(`/flow_runs/${RUN}/set_state`);
      expect(client.asked[0]).not.toContain("confirm");
      expect(writesTo(prefect)).toEqual([ROUTE]);
    });

    test.each<User>(["no", "closes"])(
      "whose user does not agree (%s): nothing is sent, and no token is given",
      async (user) => {
        await using client = await connect(way, user);
        const { structuredContent: shown } = await client.call(ARGS);
        expect(shown.preview).toMatchObject({ count: 1, notes: ["It was not confirmed."] });
        expect(shown.preview).not.toHaveProperty("confirm");
        expect(client.asked).toHaveLength(1);
        expect(writesTo(prefect)).toEqual([]);
      },
    );

    test("that cannot ask: the token of the preview confirms, once", async () => {
      await using client = await connect(way, undefined);
      const { structuredContent: shown } = await client.call(ARGS);
      expect(shown.preview).toMatchObject({ count: 1, targets: [{ id: RUN, name: "long-one", state: "Running" }] });
      expect(writesTo(prefect)).toEqual([]);
      const confirm = { ...ARGS, confirm: shown.preview.confirm };
      const { structuredContent: wrong } = await client.call({ ...confirm, message: "because" });
      expect(wrong).toMatchObject({ code: "invalid_input", message: "This confirmation was given for another call." });
      const answers = await Promise.all([client.call(confirm), client.call(confirm), client.call(confirm)]);
      expect(answers.filter(({ isError }) => !isError).map(({ structuredContent }) => structuredContent.done)).toEqual([
        1,
      ]);
      expect(writesTo(prefect)).toEqual([ROUTE]);
    });
  });

  test("of one tenant cannot confirm what another one was shown", async () => {
    const headers = (fake: FakePrefect, key: string) => ({ "x-prefect-api-url": fake.url, "x-prefect-api-key": key });
    await using one = await connect("http", undefined, headers(first, KEYS[0]));
    await using two = await connect("http", undefined, headers(other, KEYS[1]));
    const { structuredContent: shown } = await one.call(ARGS);
    const { structuredContent: refused } = await two.call({ ...ARGS, confirm: shown.preview.confirm });
    expect(refused).toMatchObject({
      code: "invalid_input",
      message: "This confirmation was not given by this server for this workspace.",
    });
    const { structuredContent: done } = await one.call({ ...ARGS, confirm: shown.preview.confirm });
    expect(done).toMatchObject({ done: 1 });
    expect([writesTo(first), writesTo(other), writesTo(prefect)]).toEqual([[ROUTE], [], []]);
  });
});

test("a change is made in the workspace that the call names, and confirmed only for it", async () => {
  const home = place.dir;
  await Bun.write(
    join(home, "profiles.toml"),
    `active = "one"\n[profiles.one]\nPREFECT_API_URL = "${first.url}"\nPREFECT_API_KEY = "${KEYS[0]}"\n[profiles.two]\nPREFECT_API_URL = "${other.url}"\nPREFECT_API_KEY = "${KEYS[1]}"\n`,
  );
  const { PREFECT_API_URL: _, ...rest } = env();
  await using product = await startProduct({ env: { ...rest, PREFECT_PROFILES_PATH: join(home, "profiles.toml") } });
  const call = (args: object) => product.call("change_flow_run", { ...ARGS, ...args });
  const { structured: shown } = await call({ workspace: "two" });
  expect(shown).toMatchObject({ workspace: "two", preview: { instance: other.url, targets: [{ id: RUN }] } });
  const confirm = shown.preview.confirm;
  const elsewhere = await call({ confirm });
  expect(elsewhere.structured.message).toBe("This confirmation was not given by this server for this workspace.");
  const done = await call({ workspace: "two", confirm });
  expect(done.structured).toMatchObject({ workspace: "two", done: 1 });
  expect([writesTo(first), writesTo(other)]).toEqual([[], [ROUTE]]);
});

test("a caller whose key lacks the right gets one sentence", async () => {
  first.answer(ROUTE, { detail: "Forbidden" }, 403);
  await using client = await connectModern("http", undefined, {
    "x-prefect-api-url": first.url,
    "x-prefect-api-key": KEYS[0],
  });
  const { structuredContent: shown } = await client.call(ARGS);
  const { structuredContent: done } = await client.call({ ...ARGS, confirm: shown.preview.confirm });
  expect(done).toMatchObject({ done: 0, complete: false, results: [{ outcome: "refused" }] });
  expect(done.results[0].reason).toStartWith("The Prefect credential has no right to do this.");
});

test("the audit log of all tenants is one, names the caller of each call, and has no key and no token", async () => {
  const second = { authorization: `Bearer ${TOKENS[1]}` };
  for (const [, connect] of ERAS) {
    await using client = await connect("http", undefined, second);
    await client.call({ ...ARGS, message: "of the second caller" });
  }
  const { stdout } = await runProduct(["audit-log", "--json", "--limit", "1000"], {
    HOME: http.dataDir,
    PREFECT_MCP_DATA_DIR: http.dataDir,
  });
  const { entries } = JSON.parse(stdout) as { entries: { instance: string; phase: string; caller: string }[] };
  const callersOf = (url: string) => [
    ...new Set(entries.filter(({ instance }) => instance === url).map(({ caller }) => caller)),
  ];
  const labels = TOKENS.map(
    (token) => `token:${new Bun.CryptoHasher("sha256").update(token).digest("hex").slice(0, 12)}`,
  );
  expect(new Set(callersOf(prefect.url))).toEqual(new Set(labels));
  expect(entries.filter(({ caller }) => caller === labels[1]).map(({ phase }) => phase)).toEqual([
    "preview",
    "preview",
  ]);
  const [one, two] = [callersOf(first.url), callersOf(other.url)];
  for (const callers of [one, two])
    expect(callers).toEqual([expect.stringMatching(new RegExp(`^${labels[0]} key:[0-9a-f]{12}$`))]);
  expect(one).not.toEqual(two);
  expect(new Set(entries.map(({ instance }) => instance))).toEqual(new Set([prefect.url, first.url, other.url]));
  for (const key of [...KEYS, ...TOKENS]) expect(stdout).not.toContain(key);
});

test("what is off is neither listed nor callable", async () => {
  const off = { ...bareEnv(place.env({ PREFECT_API_URL: prefect.url })), PREFECT_MCP_WRITES: "retry" };
  const { stdout, code } = await runProduct(
    ["call", "change_flow_run", "--args", JSON.stringify(ARGS), "--yes", "--json"],
    off,
  );
  expect([code, JSON.parse(stdout).code]).toEqual([1, "unauthorized"]);
  const tools = JSON.parse((await runProduct(["tools", "--json"], off)).stdout) as {
    tools: { name: string; offered: boolean }[];
  };
  expect(
    tools.tools.filter(({ name, offered }) => offered && /^(change|run)_/.test(name)).map(({ name }) => name),
  ).toEqual(["change_flow_run"]);
  expect(writesTo(prefect)).toEqual([]);
});

test("on the command line a change is shown, and --yes sends it", async () => {
  const args = ["call", "change_flow_run", "--args", JSON.stringify(ARGS)];
  const shown = await runProduct(args, env());
  expect([shown.code, writesTo(prefect)]).toEqual([0, []]);
  expect(shown.stdout).toContain("Preview, nothing was sent. Cancel 1 flow run.");
  expect(shown.stderr).toContain("Add --yes to do it.");
  const done = await runProduct([...args, "--yes"], env());
  expect(done.stdout).toContain("change_flow_run cancel: 1 of 1 request done");
  expect(writesTo(prefect)).toEqual([ROUTE]);
});
