import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../../src/lib/logger.ts";
import { isOlderVersion } from "../../../src/model/prefect-version.ts";
import { createPrefectClient, type PrefectClient } from "../../../src/prefect/client.ts";
import { inTransaction } from "../../../src/store/database.ts";
import { putFact } from "../../../src/store/sync-state.ts";
import { searchTool } from "../../../src/tools/events/search.ts";
import { diagnoseTool } from "../../../src/tools/runs/diagnose.ts";
import { getFlowRunsTool } from "../../../src/tools/runs/get-flow-runs.ts";
import { getDashboardTool } from "../../../src/tools/workspace/get-dashboard.ts";
import { getIdentityTool } from "../../../src/tools/workspace/get-identity.ts";
import { DEFAULT_CONNECTION } from "../../support/default-connection.ts";
import { failureOf } from "../../support/failure-of.ts";
import { facts } from "../../support/fake-prefect/client.ts";
import { startFakePrefect } from "../../support/fake-prefect/fake-prefect.ts";
import { fastClock } from "../../support/time/fast-clock.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

const connect = (url: string, recorded: string | null = null): PrefectClient =>
  createPrefectClient(
    { ...DEFAULT_CONNECTION, url, csrf: false },
    {
      clock: fastClock(50),
      logger: silentLogger,
      serverVersion: () => recorded,
    },
  );

const REFUSAL = {
  code: "invalid_config",
  message: "This is Prefect 2.20.27, and only Prefect 3 is supported.",
  hint: "Upgrade the server to Prefect 3, or set PREFECT_API_URL to one.",
} as const;

test.each([
  ["3.4.24", "3.4.25", true],
  ["3.4.25", "3.4.25", false],
  ["3.10.0", "3.9.1", false],
  ["2.20.27", "3.0.0", true],
  ["3.9.0rc1", "3.9.0", false],
  ["3.1.0+12.g1a2b3c4", "3.1.1", true],
  ["v3.1", "3.1.0", false],
  ["0+unknown", "3.0.0", false],
  ["unknown", "3.0.0", false],
])("%s is older than %s: %p", (version, than, isOlder) => {
  expect(isOlderVersion(version, than)).toBe(isOlder);
});

describe("a server of Prefect 2", () => {
  test.each([
    ["events", (client: PrefectClient) => client.filterEvents({}, 1)],
    ["runs", (client: PrefectClient) => client.filterFlowRuns({})],
    ["one run", (client: PrefectClient) => client.readFlowRun("00000001-b17d-4e57-8a11-000000000001")],
    ["objects", (client: PrefectClient) => client.filterObjects("flow", {})],
    ["logs", (client: PrefectClient) => client.filterLogs({})],
    ["slots of a pool", (client: PrefectClient) => client.readWorkPoolSlots("none")],
    ["settings", (client: PrefectClient) => client.readServerSettings()],
  ])("is refused in one sentence by each call: %s", async (_, call) => {
    await using fake = await startFakePrefect();
    fake.workspace.version = "2.20.27";
    const client = connect(fake.url);
    expect(facts(await failureOf(call(client)))).toEqual(REFUSAL);
    client.close();
  });

  test.each([
    [getFlowRunsTool, {}],
    [getDashboardTool, {}],
    [diagnoseTool, {}],
    [searchTool, { query: "orders" }],
    [getIdentityTool, {}],
  ])("is refused in the same sentence by tools: %#", async (tool, args) => {
    await using harness = await openToolHarness({ record: false });
    harness.fake.workspace.version = "2.20.27";
    const { isError, text } = await harness.call(tool, args);
    expect([isError, text.includes(REFUSAL.message)]).toEqual([true, true]);
  });

  test("is refused by get_identity when its version is recorded, too", async () => {
    await using harness = await openToolHarness();
    harness.fake.workspace.version = "2.20.27";
    const instance = { url: harness.query.instance, version: "2.20.27", retentionUs: null, createdUs: 1 };
    inTransaction(harness.db, () => putFact(harness.db, "instance", instance, 1));
    harness.following();
    const { isError, text } = await harness.call(getIdentityTool, {});
    expect([isError, text.includes(REFUSAL.message)]).toEqual([true, true]);
  });

  test("tells its version and that it answers", async () => {
    await using fake = await startFakePrefect();
    fake.workspace.version = "2.20.27";
    const client = connect(fake.url);
    expect([await client.readVersion(), await client.readHealth()]).toEqual(["2.20.27", true]);
    client.close();
  });

  test("is accepted once it was upgraded, without a restart", async () => {
    await using fake = await startFakePrefect();
    const client = connect(fake.url, "2.20.27");
    expect(await client.filterFlowRuns({})).toEqual([]);
    client.close();
  });
});

describe("the version of a server", () => {
  test("is asked for once, together with the first call", async () => {
    await using fake = await startFakePrefect();
    const client = connect(fake.url);
    await client.filterFlowRuns({});
    await client.filterFlowRuns({});
    expect(fake.takeRequests().toSorted()).toEqual([
      "GET /admin/version",
      "POST /flow_runs/filter",
      "POST /flow_runs/filter",
    ]);
    client.close();
  });

  test("is not asked for when it is recorded, and a server that does not give it counts as the newest", async () => {
    await using fake = await startFakePrefect();
    const known = connect(fake.url, "3.8.8");
    await known.filterFlowRuns({});
    expect(fake.takeRequests()).toEqual(["POST /flow_runs/filter"]);
    fake.answer("GET /admin/version", { detail: "Forbidden" }, 403);
    const unknown = connect(fake.url);
    const start_time = { before_: "2026-01-01T00:00:00Z" };
    await unknown.filterFlowRuns({ flow_runs: { start_time } });
    await unknown.filterFlowRuns({ flow_runs: { start_time } });
    expect(fake.requestsTo("/flow_runs/filter").map(({ body }) => body)).toEqual([
      { limit: 200 },
      { flow_runs: { start_time }, limit: 200 },
      { flow_runs: { start_time }, limit: 200 },
    ]);
    known.close();
    unknown.close();
  });
});
