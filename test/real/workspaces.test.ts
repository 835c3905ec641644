/** Two real servers as two profiles of one process, one of them with basic auth. */

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { profilesToml } from "../app/workspaces/workspaces-harness.ts";
import { startProduct } from "../support/process/product.ts";
import { startRealPrefect } from "../support/real-prefect/real-prefect.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const AUTH = "ann:secret-of-staging";

async function createFlow(url: string, name: string, authString?: string): Promise<void> {
  const headers = {
    "content-type": "application/json",
    ...(authString === undefined ? {} : { authorization: `Basic ${btoa(authString)}` }),
  };
  const answer = await fetch(`${url}/flows/`, { method: "POST", headers, body: JSON.stringify({ name }) });
  expect(answer.ok).toBe(true);
}

test("profiles of two servers are answered from a record each, and a wrong credential hides nothing of the other", async () => {
  await using local = await startRealPrefect();
  await using staging = await startRealPrefect({ env: { PREFECT_SERVER_API_AUTH_STRING: AUTH } });
  await createFlow(local.url, "local-flow");
  await createFlow(staging.url, "staging-flow", AUTH);
  const folder = mkdtempSync(join(tmpdir(), "workspaces-"));
  using _ = { [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
  const file = join(folder, "profiles.toml");
  const write = (auth: string) => {
    const profiles = {
      local: { PREFECT_API_URL: local.url },
      staging: { PREFECT_API_URL: staging.url, PREFECT_API_AUTH_STRING: auth },
    };
    writeFileSync(file, profilesToml({ active: "local", profiles }));
  };
  write(AUTH);
  const env = { HOME: folder, PREFECT_PROFILES_PATH: file, PREFECT_MCP_DATA_DIR: join(folder, "data") };
  await using product = await startProduct({ env: { ...env, PREFECT_MCP_FOLLOW: "staging" } });
  for (const [workspace, flow] of [
    ["local", "local-flow"],
    ["staging", "staging-flow"],
  ]) {
    const answer = await waitUntil(
      `${workspace} answers from its record`,
      () => product.call("get_flows", { workspace }),
      ({ structured }) => structured.source === "record",
    );
    expect(answer.structured.flows.map(({ name }: { name: string }) => name)).toEqual([flow]);
    expect(answer.structured.workspace).toBe(workspace);
  }
  const listed = await product.call("list_workspaces");
  expect(listed.structured.workspaces).toMatchObject([
    { name: "local", is_active: true, following: "self" },
    { name: "staging", is_active: false, following: "self" },
  ]);
  const all = await product.call("get_dashboard", { workspace: "all" });
  expect(all.structured.workspaces).toMatchObject([{ workspace: "local" }, { workspace: "staging" }]);
  write("ann:wrong");
  const refused = await waitUntil(
    "the changed credential is refused",
    () => product.call("get_flows", { workspace: "staging", fresh: true }),
    ({ isError }) => isError,
  );
  expect(refused.structured).toMatchObject({ code: "unauthorized", workspace: "staging" });
  expect((await product.call("get_flows", { fresh: true })).structured.flows).toMatchObject([{ name: "local-flow" }]);
  expect(await product.end()).toBe(0);
  expect(product.stderr()).not.toContain("secret-of-staging");
});
