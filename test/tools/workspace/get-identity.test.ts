import { describe, expect, test } from "bun:test";
import { MINUTE_US } from "../../../src/lib/time.ts";
import { putFact } from "../../../src/store/sync-state.ts";
import { getIdentityTool } from "../../../src/tools/workspace/get-identity.ts";
import { anId, at } from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const [account, workspace] = [anId(1), anId(2)];
const CLOUD = {
  basePath: `/api/accounts/${account}/workspaces/${workspace}`,
  apiKey: "pnu_test",
  isCloud: true,
  record: false,
};

function knowInstance(harness: ToolHarness): void {
  const { url } = harness.fake;
  putFact(harness.db, "instance", { url, version: "3.8.8", retentionUs: null, createdUs: 0 }, harness.nowUs);
  harness.following();
}

describe("get_identity", () => {
  test("of a server, from the record: URL and version, without a request", async () => {
    await using harness = await openToolHarness();
    knowInstance(harness);
    const { structured, text, tokens } = await harness.call(getIdentityTool);
    const { url } = harness.fake;
    expect(structured).toMatchObject({
      identity: { api_url: url, kind: "server", version: "3.8.8", ui_url: url.replace("/api", "") },
      source: "record",
      as_of: at(3_600),
    });
    expect(text).toContain(`api_url: ${url}\nkind: server`);
    expect(Math.max(tokens.text, tokens.structured)).toBeLessThanOrEqual(250);
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("of a server, live: one request", async () => {
    await using harness = await openToolHarness({ record: false });
    const { structured } = await harness.call(getIdentityTool);
    expect(structured).toMatchObject({
      identity: { kind: "server", version: harness.fake.workspace.version },
      source: "live",
    });
    expect(harness.fake.takeRequests()).toEqual(["GET /admin/version"]);
  });

  test("offline: what was known, with its age", async () => {
    await using harness = await openToolHarness();
    knowInstance(harness);
    harness.nowUs += 30 * MINUTE_US;
    await harness.fake.down();
    const { structured } = await harness.call(getIdentityTool);
    expect(structured).toMatchObject({ identity: { version: "3.8.8" }, source: "record", as_of: at(3_600) });
  });

  test("of Cloud: account, workspace, user and plan, each part by itself", async () => {
    await using harness = await openToolHarness(CLOUD);
    const { fake } = harness;
    fake.answer(`GET /api/accounts/${account}`, {
      id: account,
      name: "acme",
      plan_type: "PRO",
      plan_tier: 2,
      features: ["a"],
      run_retention_days: 30,
      self_serve: null,
    });
    fake.answer(`GET /api/accounts/${account}/workspaces/${workspace}`, {
      id: workspace,
      name: "prod",
      description: "",
    });
    fake.answer("GET /api/me/", { detail: "Forbidden" }, 403);
    const { structured, text } = await harness.call(getIdentityTool);
    expect(structured).toMatchObject({
      identity: {
        kind: "cloud",
        account_id: account,
        account_name: "acme",
        workspace_id: workspace,
        workspace_name: "prod",
        plan_type: "PRO",
        run_retention_days: 30,
      },
      coverage: { complete: false, notes: ["The user could not be read (unauthorized)."] },
    });
    expect(structured.identity).not.toHaveProperty("self_serve");
    expect(text).toContain("The user could not be read");
  });

  test("fails when nothing can be read, naming what to do", async () => {
    await using harness = await openToolHarness({ record: false });
    await harness.fake.down();
    const { isError, structured, text } = await harness.call(getIdentityTool);
    expect(isError).toBe(true);
    expect(structured).toMatchObject({ code: "unavailable", retryable: true });
    expect(text).toContain("Start the Prefect server");
  });
});
