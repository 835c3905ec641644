/** Several workspaces in one process: over stdio, over HTTP, from the command line. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { profilesToml } from "../app/workspaces/workspaces-harness.ts";
import { aFlow } from "../support/builders.ts";
import { type FakePrefect, startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { runProduct, startProduct } from "../support/process/product.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const AUTH = "ann:secret-of-staging";
let folder = "";
let local: FakePrefect;
let staging: FakePrefect;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "prefect-mcp-workspaces-"));
  local = await startFakePrefect();
  staging = await startFakePrefect({ authString: AUTH });
  local.workspace.flows.push(aFlow({ name: "local-flow" }));
  staging.workspace.flows.push(aFlow({ name: "staging-flow" }));
  const profiles = {
    local: { PREFECT_API_URL: local.url },
    staging: { PREFECT_API_URL: staging.url, PREFECT_API_AUTH_STRING: AUTH },
  };
  writeFileSync(join(folder, "profiles.toml"), profilesToml({ active: "local", profiles }));
});

afterAll(async () => {
  await Promise.all([local[Symbol.asyncDispose](), staging[Symbol.asyncDispose]()]);
  rmSync(folder, { recursive: true, force: true });
});

const env = (more: Record<string, string> = {}) => ({
  HOME: folder,
  PREFECT_PROFILES_PATH: join(folder, "profiles.toml"),
  PREFECT_MCP_DATA_DIR: join(folder, `data-${Bun.hash(JSON.stringify(more)).toString(36)}`),
  ...more,
});

describe("serve", () => {
  test("opens and follows a workspace at its first call, in a record of its own, and closes it when it is idle", async () => {
    await using product = await startProduct({ env: env({ PREFECT_MCP_HTTP_IDLE_SECONDS: "1" }) });
    expect((await product.call("get_flows")).structured).toMatchObject({ workspace: "local" });
    await waitUntil("the active workspace is followed", () => local.subscribers === 1);
    expect(staging.subscribers).toBe(0);
    const { structured } = await product.call("get_flows", { workspace: "staging" });
    expect(structured.flows.map(({ name }: { name: string }) => name)).toEqual(["staging-flow"]);
    await waitUntil("staging is followed", () => staging.subscribers === 1);
    await waitUntil("staging is closed", () => staging.subscribers === 0);
    const listed = (await product.call("list_workspaces")).structured.workspaces;
    expect(listed.map(({ recorded }: { recorded: unknown }) => recorded !== null)).toEqual([true, true]);
    const again = await product.call("get_flows", { workspace: "staging" });
    expect(again.structured).toMatchObject({ workspace: "staging", source: "record" });
    expect(await product.end()).toBe(0);
    expect(product.stderr()).not.toMatch(/internal error|terminated|secret-of-staging/);
  });

  test("follows the workspaces of PREFECT_MCP_FOLLOW without a call", async () => {
    await using product = await startProduct({ env: env({ PREFECT_MCP_FOLLOW: "staging,nowhere" }) });
    await product.call("get_flows");
    await waitUntil("staging is followed", () => staging.subscribers === 1);
    const listed = async () => (await product.call("list_workspaces")).structured.workspaces;
    await waitUntil("both are followed by this process", async () =>
      (await listed()).every(({ following }: { following: string }) => following === "self"),
    );
    await waitUntil("the unknown name is logged", () => product.stderr().includes('no workspace \\"nowhere\\"'));
    expect(await product.end()).toBe(0);
  });

  test("reads and watches resources of the workspace that their URI names", async () => {
    await using product = await startProduct({ env: env({ PREFECT_MCP_FOLLOW: "staging" }) });
    const { resourceTemplates } = (await product.request("resources/templates/list")) as {
      resourceTemplates: { uriTemplate: string }[];
    };
    const templates = resourceTemplates.map(({ uriTemplate }) => uriTemplate);
    expect(templates).toContain("prefect://flow-runs/{flow_run}{?workspace}");
    expect(templates).toContain("prefect://dashboard{?workspace}");
    const read = async (uri: string) => {
      const { contents } = (await product.request("resources/read", { uri })) as { contents: { text: string }[] };
      return JSON.parse(contents[0]?.text ?? "{}");
    };
    expect(await read("prefect://dashboard?workspace=staging")).toMatchObject({ workspace: "staging" });
    expect(await read("prefect://dashboard")).toMatchObject({ workspace: "local" });
    expect(read("prefect://dashboard?workspace=nowhere")).rejects.toThrow("There is no workspace");
    await product.request("resources/subscribe", { uri: "prefect://dashboard?workspace=staging" });
    expect(product.request("resources/subscribe", { uri: "prefect://dashboard?workspace=nowhere" })).rejects.toThrow(
      "There is no workspace",
    );
    const { completion } = (await product.request("completion/complete", {
      ref: { type: "ref/resource", uri: "prefect://flow-runs/{flow_run}{?workspace}" },
      argument: { name: "workspace", value: "st" },
    })) as { completion: { values: string[] } };
    expect(completion.values).toEqual(["staging"]);
  });
});

describe("commands", () => {
  test("take --workspace", async () => {
    const given = env({ PREFECT_MCP_BACKFILL_DAYS: "1" });
    const synced = await runProduct(["sync", "--once", "--workspace", "staging"], given);
    expect(synced).toMatchObject({ code: 0 });
    const status = await runProduct(["status", "--json", "--workspace", staging.url], given);
    expect(JSON.parse(status.stdout)).toMatchObject({ instance: staging.url, syncing: "none" });
    const other = await runProduct(["status", "--json"], given);
    expect(JSON.parse(other.stdout)).toMatchObject({ instance: local.url, events: 0 });
    const called = await runProduct(["call", "get_flows", "--json", "--workspace", "staging"], given);
    expect(JSON.parse(called.stdout)).toMatchObject({ workspace: "staging", flows: [{ name: "staging-flow" }] });
    const all = await runProduct(["call", "get_dashboard", "--json", "--workspace", "all"], given);
    expect(JSON.parse(all.stdout).workspaces).toMatchObject([{ workspace: "local" }, { workspace: "staging" }]);
    const unknown = await runProduct(["status", "--workspace", "stagin"], given);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('There is no workspace "stagin"; did you mean "staging"?');
  });
});
