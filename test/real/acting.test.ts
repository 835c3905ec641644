/**
 * Every change against a real Prefect, through a proxy that records what leaves the process: a preview sends nothing, a confirmation
 * sends exactly what was previewed, once, and the effect is in Prefect and in the answer.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ALL_PERMISSIONS } from "../../src/model/verbs.ts";
import { call as mcpCall, parse, post, postModern } from "../mcp/http/http-harness.ts";
import { startHttpProduct } from "../mcp/http/http-product.ts";
import { type Deployed, PrefectDriver } from "../support/diagnosis/prefect-driver.ts";
import { type Product, runProduct, startProduct, type ToolResult } from "../support/process/product.ts";
import { startWriteProxy, type WriteProxy } from "../support/proxies/write-proxy.ts";
import { type RealPrefect, startRealPrefect } from "../support/real-prefect/real-prefect.ts";

let prefect: RealPrefect;
let proxy: WriteProxy;
let product: Product;
let driver: PrefectDriver;
let deployment: Deployed;
let scheduled: Deployed;
let env: Record<string, string>;
let dataDir: string;

const SCHEMA = {
  type: "object",
  title: "Parameters",
  required: ["day"],
  properties: {
    day: { type: "string", title: "day", position: 0 },
    n: { type: "integer", title: "n", default: 1, position: 1 },
  },
};

beforeAll(async () => {
  prefect = await startRealPrefect();
  proxy = startWriteProxy(prefect.url);
  driver = new PrefectDriver(prefect);
  await driver.pool("pool");
  deployment = await driver.deployment("etl", "nightly", "pool", {
    parameters: { n: 2 },
    parameter_openapi_schema: SCHEMA,
    enforce_parameter_schema: true,
  });
  await driver.pool("side-pool");
  scheduled = await driver.deployment("etl", "hourly", "pool", {
    schedules: [{ active: true, schedule: { cron: "0 * * * *", timezone: "UTC" } }],
  });
  dataDir = mkdtempSync(join(tmpdir(), "acting-"));
  env = {
    ...prefect.productEnv(dataDir),
    PREFECT_API_URL: proxy.url,
    PREFECT_MCP_WRITES: "all",
    PREFECT_MCP_POLL_WITHOUT_STREAM_SECONDS: "1",
  };
  product = await startProduct({ env: { ...env, PREFECT_API_REQUEST_TIMEOUT: "8" } });
});

afterAll(async () => {
  await product?.[Symbol.asyncDispose]();
  proxy?.[Symbol.dispose]();
  await prefect?.[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

const read = <Answer>(path: string) => prefect.api<Answer>("GET", path);
interface Run {
  readonly id: string;
  readonly name: string;
  readonly state_type: string;
  readonly state_name: string;
  readonly tags: readonly string[];
  readonly parameters: object;
}
const runOf = ({ id }: { readonly id: string }) => read<Run>(`/flow_runs/${id}`);

async function newRun(name: string, state: "SCHEDULED" | "RUNNING" | "FAILED" | "PAUSED" = "SCHEDULED") {
  const run = await driver.run(deployment, name, { parameters: { day: name, n: 7 }, tags: ["nightly"] });
  if (state !== "SCHEDULED") await driver.start(run);
  if (state === "FAILED") await driver.state(run, "FAILED");
  if (state === "PAUSED")
    await driver.state(run, "PAUSED", "Suspended", undefined, { state_details: { pause_reschedule: true } });
  return run;
}

async function taskOf(run: { readonly id: string }, key: string, type: string): Promise<string> {
  const body = { flow_run_id: run.id, task_key: key, dynamic_key: "0", tags: ["db-tag"], state: { type } };
  return (await prefect.api<{ id: string }>("POST", "/task_runs/", body)).id;
}

const AUTOMATION = {
  name: "resume the queue",
  trigger: {
    type: "event",
    posture: "Reactive",
    expect: ["shop.order.placed"],
    match: { "prefect.resource.id": "shop.*" },
    for_each: [],
    threshold: 1,
    within: 0,
  },
  actions: [{ type: "do-nothing" }],
};

const schedules = () => read<{ id: string; active: boolean }[]>(`/deployments/${scheduled.id}/schedules`);
const limitOf = async ({ id }: Deployed) =>
  (await read<{ global_concurrency_limit: { id: string } }>(`/deployments/${id}`)).global_concurrency_limit;

interface Case {
  readonly permission: string;
  readonly tool: string;
  /** Makes what is changed and returns the arguments. */
  args(): Promise<object>;
  /** Looks into Prefect. */
  effect(answer: ToolResult): Promise<void>;
}

const ofRun = (
  action: string,
  name: string,
  state: Parameters<typeof newRun>[1],
  check: (run: Run, answer: ToolResult) => void | Promise<void>,
  more: object = {},
): Case => {
  let made: { readonly id: string };
  return {
    permission: `change_flow_run.${action}`,
    tool: "change_flow_run",
    args: async () => {
      made = await newRun(name, state);
      return { action, flow_run: made.id, ...more };
    },
    effect: async (answer) => check(await runOf(made), answer),
  };
};

const CASES: readonly Case[] = [
  {
    permission: "run_deployment.run",
    tool: "run_deployment",
    args: async () => ({ deployment: "etl/nightly", parameters: { day: "monday" }, tags: ["mine"], name: "by-hand" }),
    async effect({ structured }) {
      const run = await runOf(structured.results[0].created);
      expect(run).toMatchObject({ name: "by-hand", state_type: "SCHEDULED", parameters: { day: "monday", n: 2 } });
      expect([...run.tags].sort()).toEqual(["mine", "prefect-mcp-bun"]);
    },
  },
  {
    permission: "run_deployment.backfill",
    tool: "run_deployment",
    args: async () => ({
      deployment: deployment.id,
      backfill: { day: { from: "2026-01-01", to: "2026-01-03" }, n: [1, 2] },
    }),
    async effect({ structured }) {
      const made = structured.results.map((one: { created: Run }) => one.created);
      const runs = await Promise.all(made.map(runOf));
      expect(runs.map(({ parameters }: Run) => parameters)).toEqual(
        ["2026-01-01", "2026-01-02", "2026-01-03"].flatMap((day) => [
          { day, n: 1 },
          { day, n: 2 },
        ]),
      );
    },
  },
  ofRun("cancel", "to-cancel", "SCHEDULED", (run, { structured }) => {
    expect(run.state_type).toBe("CANCELLED");
    expect(structured.results[0]).toMatchObject({ reached: true, state: "Cancelled" });
  }),
  ofRun("retry", "to-retry", "FAILED", (run) => {
    expect(run).toMatchObject({ state_type: "SCHEDULED", state_name: "AwaitingRetry" });
  }),
  ofRun("rerun", "to-rerun", "FAILED", async (run, { structured }) => {
    expect(run.state_type).toBe("FAILED");
    const again = await runOf(structured.results[0].created);
    expect(again.id).not.toBe(run.id);
    expect(again).toMatchObject({ state_type: "SCHEDULED", parameters: { day: "to-rerun", n: 7 } });
    expect([...again.tags].sort()).toEqual(["nightly", "prefect-mcp-bun"]);
  }),
  ofRun("resume", "to-resume", "PAUSED", (run) => expect(run).toMatchObject({ state_name: "Resuming" })),
  ofRun("suspend", "to-suspend", "RUNNING", (run) => expect(run).toMatchObject({ state_name: "Suspended" })),
  ofRun(
    "set_state",
    "to-crash",
    "RUNNING",
    (run) => expect(run).toMatchObject({ state_type: "CRASHED", state_name: "Lost" }),
    { to: "CRASHED:Lost", force: true, message: "the node is gone" },
  ),
  {
    permission: "change_schedule.pause",
    tool: "change_schedule",
    args: async () => ({ action: "pause", deployment: "etl/hourly" }),
    effect: async () => expect(await read(`/deployments/${scheduled.id}`)).toMatchObject({ paused: true }),
  },
  {
    permission: "change_schedule.resume",
    tool: "change_schedule",
    args: async () => {
      await prefect.api("POST", `/deployments/${scheduled.id}/resume_deployment`);
      const [schedule] = await schedules();
      await driver.patch(`/deployments/${scheduled.id}/schedules/${schedule?.id}`, { active: false });
      return { action: "resume", deployment: scheduled.id, schedule: schedule?.id };
    },
    effect: async () => expect(await schedules()).toMatchObject([{ active: true }]),
  },
  {
    permission: "change_work_pool.pause",
    tool: "change_work_pool",
    args: async () => ({ action: "pause", work_pool: "side-pool" }),
    effect: async () => expect(await read("/work_pools/side-pool")).toMatchObject({ is_paused: true }),
  },
  {
    permission: "change_work_pool.resume",
    tool: "change_work_pool",
    args: async () => ({ action: "resume", work_pool: "side-pool" }),
    effect: async () => expect(await read("/work_pools/side-pool")).toMatchObject({ is_paused: false }),
  },
  {
    permission: "change_work_pool.limit",
    tool: "change_work_pool",
    args: async () => ({ action: "limit", work_queue: "side-pool/default", limit: 3 }),
    effect: async () =>
      expect(await read("/work_pools/side-pool/queues/default")).toMatchObject({ concurrency_limit: 3 }),
  },
  {
    permission: "change_concurrency_limit.limit",
    tool: "change_concurrency_limit",
    args: async () => {
      await driver.post("/v2/concurrency_limits/", { name: "db", limit: 1 });
      return { action: "limit", name: "db", limit: 4 };
    },
    effect: async () => expect(await read("/v2/concurrency_limits/db")).toMatchObject({ limit: 4 }),
  },
  {
    permission: "change_concurrency_limit.free",
    tool: "change_concurrency_limit",
    args: async () => {
      const limited = await driver.deployment("etl", "limited", "pool", { concurrency_limit: 2 });
      const alive = await driver.run(limited, "alive");
      await driver.start(alive);
      const { id } = await limitOf(limited);
      await driver.patch(`/v2/concurrency_limits/${id}`, { active_slots: 2 });
      return { action: "free", deployment: "etl/limited" };
    },
    async effect({ structured }) {
      expect(structured.results[0]).toMatchObject({ state: "1 of 2 slots taken" });
      const { id } = structured.results[0];
      expect(await read(`/v2/concurrency_limits/${id}`)).toMatchObject({ active_slots: 1 });
    },
  },
  {
    permission: "change_automation.create",
    tool: "change_automation",
    args: async () => ({ action: "create", definition: AUTOMATION }),
    async effect({ structured }) {
      const { id, kind } = structured.results[0].created;
      expect(kind).toBe("automation");
      expect(await read(`/automations/${id}`)).toMatchObject({ name: AUTOMATION.name, enabled: true });
    },
  },
  {
    permission: "change_automation.disable",
    tool: "change_automation",
    args: async () => ({ action: "disable", automation: AUTOMATION.name }),
    effect: async ({ structured }) => {
      expect(await read(`/automations/${structured.results[0].id}`)).toMatchObject({ enabled: false });
    },
  },
  {
    permission: "change_automation.enable",
    tool: "change_automation",
    args: async () => ({ action: "enable", automation: AUTOMATION.name }),
    effect: async ({ structured }) => {
      expect(await read(`/automations/${structured.results[0].id}`)).toMatchObject({ enabled: true });
    },
  },
];

const call = (tool: string, args: object) => product.call(tool, { wait: "20s", ...args });

function isRefusedAsBusy({ results }: { results?: readonly { reason?: string }[] }): boolean {
  return results?.some(({ reason }) => reason?.startsWith("Prefect answered 503 ") === true) === true;
}

describe("a change", () => {
  test.each(CASES.map((one) => [one.permission, one] as const))(
    "%s is previewed without a write, sent once as previewed, and seen",
    async (_, { tool, args, effect }) => {
      const given = await args();
      let before = proxy.writes().length;
      const sent = () => proxy.writes().slice(before);
      const { structured: shown, text } = await call(tool, given);
      const { preview } = shown;
      expect(sent()).toEqual([]);
      expect(preview).toMatchObject({ count: preview.requests.length, expires_in_seconds: 600 });
      for (const { path } of preview.requests) expect(text).toContain(path);
      for (const { id, name } of preview.targets)
        expect([text.includes(id), text.includes(name)]).toEqual([true, true]);

      const otherArgs = await call(tool, { ...given, tags: ["other"], message: "other", confirm: preview.confirm });
      expect(otherArgs.isError).toBe(true);
      const forged = await call(tool, {
        ...given,
        confirm: `${preview.confirm.slice(0, -1)}${preview.confirm.endsWith("0") ? "1" : "0"}`,
      });
      expect(forged.structured).toMatchObject({ code: "invalid_input" });
      expect(sent()).toEqual([]);

      let confirmed = preview;
      let answer = await call(tool, { ...given, confirm: confirmed.confirm });
      // Without a worker the deployment becomes NOT_READY at some moment, by itself: what was shown is no longer true then.
      if (answer.structured.preview !== undefined) {
        expect(sent()).toEqual([]);
        confirmed = answer.structured.preview;
        expect(confirmed.count).toBe(preview.count);
        answer = await call(tool, { ...given, confirm: confirmed.confirm });
      }
      // Prefect answers 503 while its SQLite file is locked. That is never sent again by itself; here the user asks again.
      for (let busy = 0; busy < 5 && isRefusedAsBusy(answer.structured); busy += 1) {
        before = proxy.writes().length;
        confirmed = (await call(tool, given)).structured.preview;
        answer = await call(tool, { ...given, confirm: confirmed.confirm });
      }
      expect(answer.isError).toBe(false);
      expect(answer.structured).toMatchObject({ complete: true, done: preview.count, of: preview.count });
      expect(sent()).toEqual(confirmed.requests);
      const recordedAs = /^(change_flow_run|run_deployment)$/.test(tool) ? "event" : "reading";
      const { results, notes = [] } = answer.structured;
      // The record may not follow Prefect yet, or be late: then the answer says so.
      const isNoted = notes.some((note: string) => note.startsWith("The record has not seen "));
      for (const result of results)
        expect(result).toMatchObject(isNoted ? {} : { recorded_at: expect.any(String), recorded_as: recordedAs });
      await effect(answer);

      const replayed = await call(tool, { ...given, confirm: confirmed.confirm });
      expect(replayed.structured).toMatchObject({
        code: "invalid_input",
        message: expect.stringContaining("used before"),
      });
      expect(sent()).toEqual(confirmed.requests);
    },
  );

  test("exists for every verb", () => {
    const tested = new Set(CASES.map(({ permission }) => permission));
    expect(ALL_PERMISSIONS.filter((permission) => !tested.has(permission))).toEqual([]);
  });

  test("of a run that has moved on is previewed again", async () => {
    const run = await newRun("moving");
    const args = { action: "cancel", flow_run: run.id };
    const { structured: first } = await call("change_flow_run", args);
    await driver.start(run);
    const before = proxy.writes().length;
    const again = await call("change_flow_run", { ...args, confirm: first.preview.confirm });
    expect(again.structured.preview).toMatchObject({
      targets: [{ id: run.id, state: "Running" }],
      notes: ["It has changed since the preview that was confirmed."],
    });
    expect(proxy.writes().length).toBe(before);
    const stale = await call("change_flow_run", { ...args, confirm: first.preview.confirm });
    expect(stale.structured.message).toContain("used before");
    const done = await call("change_flow_run", { ...args, confirm: again.structured.preview.confirm, wait: "0s" });
    expect(done.structured).toMatchObject({
      done: 1,
      complete: false,
      results: [{ outcome: "done", state: "Cancelling" }],
    });
  });

  test("without an answer is settled by reading and never sent again", async () => {
    const args = { deployment: deployment.id, parameters: { day: "lost" } };
    const { structured: shown } = await call("run_deployment", args);
    const before = proxy.writes().length;
    proxy.fault = "withhold";
    const answer = await call("run_deployment", { ...args, confirm: shown.preview.confirm });
    proxy.fault = "none";
    expect(answer.structured).toMatchObject({ done: 1, results: [{ outcome: "done", reason: expect.any(String) }] });
    expect((await runOf(answer.structured.results[0].created)).parameters).toEqual({ day: "lost", n: 2 });
    expect(proxy.writes().slice(before)).toEqual(shown.preview.requests);
  });

  test("that never arrived is unknown, and says so", async () => {
    const run = await newRun("dropped");
    const args = { action: "cancel", flow_run: run.id };
    const { structured: shown } = await call("change_flow_run", args);
    const before = proxy.writes().length;
    proxy.fault = "drop";
    const answer = await call("change_flow_run", { ...args, confirm: shown.preview.confirm, wait: "1s" });
    proxy.fault = "none";
    expect(answer.structured).toMatchObject({
      done: 0,
      complete: false,
      results: [{ outcome: "unknown", reached: false }],
    });
    expect(answer.text).toContain("may still be carried out");
    expect(proxy.writes().slice(before)).toEqual(shown.preview.requests);
  });

  test("frees no slot that a run in progress may hold", async () => {
    const before = proxy.writes().length;
    const full = await driver.deployment("etl", "full", "pool", { concurrency_limit: 1 });
    await driver.start(await driver.run(full, "holder"));
    const { id } = await limitOf(full);
    await driver.patch(`/v2/concurrency_limits/${id}`, { active_slots: 1 });
    const { structured } = await call("change_concurrency_limit", { action: "free", deployment: "etl/full" });
    expect(structured).toMatchObject({ code: "invalid_input", message: expect.stringContaining("holder") });
    await driver.post("/v2/concurrency_limits/", { name: "outside", limit: 2, active_slots: 2 });
    const unknown = await call("change_concurrency_limit", { action: "free", name: "outside" });
    expect(unknown.structured.message).toContain("nothing shows that the holders have ended");
    expect(proxy.writes().length).toBe(before);
  });

  test("frees the slots of a tag limit, which Prefect's own reset leaves taken", async () => {
    await driver.post("/concurrency_limits/", { tag: "db-tag", concurrency_limit: 3 });
    const run = await newRun("tagged", "RUNNING");
    const [alive, dead] = [await taskOf(run, "alive", "RUNNING"), await taskOf(run, "dead", "CRASHED")];
    for (const task_run_id of [alive, dead])
      await driver.post("/concurrency_limits/increment", { names: ["db-tag"], task_run_id });
    await driver.patch("/v2/concurrency_limits/tag:db-tag", { active_slots: 3 });
    const args = { action: "free", name: "db-tag" };
    const { structured: shown } = await call("change_concurrency_limit", args);
    expect(shown.preview.requests.map(({ path }: { path: string }) => path)).toEqual([
      "/concurrency_limits/decrement",
      expect.stringMatching(/^\/v2\/concurrency_limits\//),
    ]);
    const { structured } = await call("change_concurrency_limit", { ...args, confirm: shown.preview.confirm });
    expect(structured).toMatchObject({ done: 2, complete: true });
    expect(await read("/v2/concurrency_limits/tag:db-tag")).toMatchObject({ active_slots: 1 });
    expect(await read("/concurrency_limits/tag/db-tag")).toMatchObject({ active_slots: [alive] });
    await prefect.api("POST", "/concurrency_limits/tag/db-tag/reset", {});
    expect(await read("/v2/concurrency_limits/tag:db-tag")).toMatchObject({ active_slots: 1 });
  });

  test("of several runs stays below the stated cap", async () => {
    const runs = [];
    for (const name of ["many-1", "many-2", "many-3"]) runs.push(await newRun(name, "FAILED"));
    const filter = { id: { any_: runs.map(({ id }) => id) } };
    const limited = await call("change_flow_run", { action: "rerun", filter, limit: 2 });
    expect(limited.structured.preview).toMatchObject({
      count: 2,
      notes: ["Only 2 of 3 matching flow runs will change."],
    });
    const { structured: shown } = await call("change_flow_run", { action: "retry", filter });
    expect(shown.preview.targets.map(({ id }: Run) => id).sort()).toEqual(runs.map(({ id }) => id).sort());
    const answer = await call("change_flow_run", { action: "retry", filter, confirm: shown.preview.confirm });
    expect(answer.structured).toMatchObject({ done: 3, complete: true });
    for (const run of runs) expect((await runOf(run)).state_name).toBe("AwaitingRetry");
  });

  test("is refused before anything is sent where Prefect would refuse it", async () => {
    const before = proxy.writes().length;
    const ended = await newRun("ended", "FAILED");
    const refusals = [
      await call("change_flow_run", { action: "cancel", flow_run: ended.id }),
      await call("run_deployment", { deployment: "etl/nightly", parameters: { da: "x" } }),
      await call("run_deployment", { deployment: "etl/nightly", parameters: { day: 5 } }),
      await call("run_deployment", { deployment: "etl/nightly" }),
    ];
    expect(refusals.map(({ structured }) => structured.message)).toEqual([
      expect.stringContaining("it has ended"),
      "the deployment takes no parameter da; did you mean day?",
      expect.stringContaining("day: Instance type"),
      expect.stringContaining('required property "day"'),
    ]);
    expect(proxy.writes().length).toBe(before);
  });

  test("over HTTP is confirmed only by the tenant that saw it, in both eras of the protocol", async () => {
    await using http = await startHttpProduct({
      env: { PREFECT_API_URL: proxy.url, PREFECT_MCP_WRITES: "all", PREFECT_MCP_SYNC: "off" },
    });
    // The same server by two URLs: two tenants, and the requests of one pass the proxy.
    const headers = (api: string) => ({ headers: { "x-prefect-api-url": api } });
    const eras = {
      old: async (api: string, args: object) =>
        parse(await (await post(http.url, mcpCall("change_flow_run", args), headers(api))).text()),
      modern: async (api: string, args: object) => {
        const params = { name: "change_flow_run", arguments: args };
        return parse(await (await postModern(http.url, "tools/call", params, headers(api))).text());
      },
    };
    for (const [era, other] of [
      ["old", "modern"],
      ["modern", "old"],
    ] as const) {
      const ask = async (by: "old" | "modern", api: string, args: object): Promise<ToolResult["structured"]> => {
        const answer = (await eras[by](api, args)) as { result?: { structuredContent: ToolResult["structured"] } };
        if (answer.result === undefined) throw new Error(`${by}: ${JSON.stringify(answer)}`);
        return answer.result.structuredContent;
      };
      const run = await newRun(`http-${era}`);
      const before = proxy.writes().length;
      const args = { action: "cancel", flow_run: run.id, wait: "20s" };
      const { confirm } = (await ask(era, proxy.url, args)).preview;
      expect(await ask(other, prefect.url, { ...args, confirm })).toMatchObject({ code: "invalid_input" });
      expect((await runOf(run)).state_type).toBe("SCHEDULED");
      expect(await ask(other, proxy.url, { ...args, confirm })).toMatchObject({ done: 1, complete: true });
      expect((await runOf(run)).state_type).toBe("CANCELLED");
      expect(proxy.writes().length).toBe(before + 1);
    }
  });

  test("stands in the audit log with its preview, its attempt and its result", async () => {
    const { stdout, code } = await runProduct(["audit-log", "--json", "--limit", "1000"], env);
    expect(code).toBe(0);
    const { entries } = JSON.parse(stdout) as {
      entries: { tool: string; verb: string; phase: string; change: string }[];
    };
    const attempts = entries.filter(({ phase }) => phase === "attempt");
    for (const { permission } of CASES)
      expect(attempts.map(({ tool, verb }) => `${tool}.${verb}`)).toContain(permission);
    for (const { change } of attempts) {
      const phases = entries.filter((entry) => entry.change === change).map(({ phase }) => phase);
      expect(phases).toEqual(expect.arrayContaining(["preview", "attempt", "result"]));
    }
    expect(entries.filter(({ phase }) => phase === "refusal").length).toBeGreaterThan(CASES.length);
  });
});
