import { describe, expect, test } from "bun:test";
import { MINUTE_US } from "../../../src/lib/time.ts";
import { putFact } from "../../../src/store/sync-state.ts";
import { getIdentityTool } from "../../../src/tools/workspace/get-identity.ts";
import { at } from "../../support/builders.ts";
import {
  CLOUD,
  CLOUD_ACCOUNT,
  CLOUD_WORKSPACE,
  openToolHarness,
  type ToolHarness,
} from "../../support/tool-harness.ts";

function recordInstance(harness: ToolHarness): void {
  const { url } = harness.fake;
  putFact(harness.db, "instance", { url, version: "3.8.8", retentionUs: null, createdUs: 0 }, harness.nowUs);
  harness.following();
}

describe("get_identity", () => {
  test("returns URL and version of a server from the record, without a request", async () => {
    await using harness = await openToolHarness();
    recordInstance(harness);
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

  test("asks a server in one request", async () => {
    await using harness = await openToolHarness({ record: false });
    const { structured } = await harness.call(getIdentityTool);
    expect(structured).toMatchObject({
      identity: { kind: "server", version: harness.fake.workspace.version },
      source: "live",
    });
    expect(harness.fake.takeRequests()).toEqual(["GET /admin/version"]);
  });

  test("returns the recorded identity with its age while Prefect is unreachable", async () => {
    await using harness = await openToolHarness();
    recordInstance(harness);
    harness.nowUs += 30 * MINUTE_US;
    await harness.fake.down();
    const { structured } = await harness.call(getIdentityTool);
    expect(structured).toMatchObject({ identity: { version: "3.8.8" }, source: "record", as_of: at(3_600) });
  });

  test("returns account, workspace, user and plan of Cloud, also when one of them fails", async () => {
    await using harness = await openToolHarness(CLOUD);
    const { fake } = harness;
    fake.answer(`GET /api/accounts/${CLOUD_ACCOUNT}`, {
      id: CLOUD_ACCOUNT,
      name: "acme",
      plan_type: "PRO",
      plan_tier: 2,
      features: ["a"],
      run_retention_days: 30,
      self_serve: null,
    });
    fake.answer(`GET /api/accounts/${CLOUD_ACCOUNT}/workspaces/${CLOUD_WORKSPACE}`, {
      id: CLOUD_WORKSPACE,
      name: "prod",
      description: "",
    });
    fake.answer("GET /api/me/", { detail: "Forbidden" }, 403);
    const { structured, text } = await harness.call(getIdentityTool);
    expect(structured).toMatchObject({
      identity: {
        kind: "cloud",
        account_id: CLOUD_ACCOUNT,
        account_name: "acme",
        workspace_id: CLOUD_WORKSPACE,
        workspace_name: "prod",
        plan_type: "PRO",
        run_retention_days: 30,
      },
      coverage: { complete: false, notes: ["The user could not be read (unauthorized)."] },
    });
    expect(structured.identity).not.toHaveProperty("self_serve");
    expect(text).toContain("The user could not be read");
  });

  test("fails with a hint when nothing can be read", async () => {
    await using harness = await openToolHarness({ record: false });
    await harness.fake.down();
    const { isError, structured, text } = await harness.call(getIdentityTool);
    expect(isError).toBe(true);
    expect(structured).toMatchObject({ code: "unavailable", retryable: true });
    expect(text).toContain("Start the Prefect server");
  });
});
