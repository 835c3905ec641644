import { describe, expect, test } from "bun:test";
import { aFlow } from "../../support/builders.ts";
import { startFakeCloud } from "../../support/fake-prefect/fake-cloud.ts";
import { startFakePrefect } from "../../support/fake-prefect/fake-prefect.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { openTestWorkspaces } from "./workspaces-harness.ts";

const KEY = "pnu_key_of_production";

async function cloudAndLocal(env: Record<string, string> = {}) {
  const cloud = await startFakeCloud({ keys: { [KEY]: ["acme/prod", "acme/test", "beta/test"] } });
  for (const handle of ["acme/prod", "acme/test", "beta/test"])
    cloud.workspace(handle).workspace.flows.push(aFlow({ name: `flow of ${handle}` }));
  const self = await startFakePrefect();
  const opened = openTestWorkspaces({
    active: "local",
    profiles: {
      local: { PREFECT_API_URL: self.url },
      production: { PREFECT_API_URL: cloud.urlOf("acme/prod"), PREFECT_API_KEY: KEY },
      staging: { PREFECT_API_URL: cloud.urlOf("acme/test"), PREFECT_API_KEY: KEY },
      partner: { PREFECT_API_URL: cloud.urlOf("beta/test"), PREFECT_API_KEY: KEY },
    },
    env,
  });
  return {
    ...opened,
    cloud,
    self,
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await Promise.all([cloud[Symbol.asyncDispose](), self[Symbol.asyncDispose]()]);
    },
  };
}

describe("workspaces of one account", () => {
  test("wait for the Retry-After that one of them was answered with, and others do not", async () => {
    await using the = await cloudAndLocal();
    the.cloud.workspace("acme/prod").faults.fail("/flows/filter", { status: 429, headers: { "retry-after": "60" } });
    const first = await the.call("get_flows", { workspace: "production" });
    expect(first.structured).toMatchObject({ code: "rate_limited" });
    const before = the.cloud.workspace("acme/test").requests.length;
    const second = await the.call("get_flows", { workspace: "staging" });
    expect(second.structured).toMatchObject({
      code: "rate_limited",
      message: expect.stringContaining("after another request to the same account"),
      retryable: true,
    });
    expect(the.cloud.workspace("acme/test").requests.length).toBe(before);
    for (const workspace of ["partner", "local"])
      expect((await the.call("get_flows", { workspace })).isError).toBe(false);
  });

  test("wait for a short Retry-After within the call", async () => {
    await using the = await cloudAndLocal();
    the.cloud.workspace("acme/prod").faults.fail("/flows/filter", { status: 429, headers: { "retry-after": "0.3" } });
    expect((await the.call("get_flows", { workspace: "production" })).isError).toBe(false);
    expect((await the.call("get_flows", { workspace: "staging" })).isError).toBe(false);
  });

  test("wait for what only the thread that records one of them was answered with", async () => {
    await using the = await cloudAndLocal({ PREFECT_MCP_SYNC: "true", PREFECT_MCP_FOLLOW: "staging" });
    the.cloud.workspace("acme/test").faults.fail(/./, { status: 429, headers: { "retry-after": "90" } }, 1_000);
    the.app.follow();
    await waitUntil("the pause reaches the main thread", async () => {
      const { structured } = await the.call("get_flows", { workspace: "production", fresh: true });
      return structured.code === "rate_limited";
    });
    expect(the.cloud.workspace("acme/test").requests.length).toBeGreaterThan(0);
  });
});

test("review_rate_limits is offered where a profile is of Prefect Cloud, and answers for its workspace", async () => {
  await using the = await cloudAndLocal();
  expect(the.app.tools().map(({ name }) => name)).toContain("review_rate_limits");
  const { structured } = await the.call("review_rate_limits", {});
  expect(structured.message).toBe("rate limits exist on Prefect Cloud only, and this API is a Prefect server");
  const cloud = await the.call("review_rate_limits", { workspace: "production" });
  expect(the.cloud.requests.filter(({ route }) => route.includes("rate-limits")).length).toBe(1);
  expect(cloud.structured.code).not.toBe("invalid_input");
});
