import { describe, expect, test } from "bun:test";
import { aFlow } from "../../support/builders.ts";
import {
  type FakePrefect,
  type FakePrefectOptions,
  startFakePrefect,
} from "../../support/fake-prefect/fake-prefect.ts";
import { openTestWorkspaces, type WorkspacesOptions } from "./workspaces-harness.ts";

/** A Prefect with flows `NAME-1` to `NAME-3`. */
async function prefectWith(name: string, options: FakePrefectOptions = {}): Promise<FakePrefect> {
  const fake = await startFakePrefect(options);
  for (const n of [1, 2, 3]) fake.workspace.flows.push(aFlow({ name: `${name}-${n}` }));
  return fake;
}

const AUTH = "ann:secret-of-staging";

async function twoProfiles(given: Partial<WorkspacesOptions> = {}) {
  const local = await prefectWith("local");
  const staging = await prefectWith("staging", { authString: AUTH });
  const opened = openTestWorkspaces({
    active: "local",
    profiles: {
      local: { PREFECT_API_URL: local.url },
      staging: { PREFECT_API_URL: staging.url, PREFECT_API_AUTH_STRING: AUTH },
      unused: { PREFECT_LOGGING_LEVEL: "DEBUG" },
    },
    ...given,
  });
  return {
    ...opened,
    local,
    staging,
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await Promise.all([local[Symbol.asyncDispose](), staging[Symbol.asyncDispose]()]);
    },
  };
}

const flowsOf = (structured: { flows: { name: string }[] }) => structured.flows.map(({ name }) => name);

describe("a workspace by name", () => {
  test("without one the active profile answers, and the answer names it", async () => {
    await using the = await twoProfiles();
    const { structured, text } = await the.call("get_flows", {});
    expect(flowsOf(structured)).toEqual(["local-1", "local-2", "local-3"]);
    expect(structured.workspace).toBe("local");
    expect(text).toEndWith("\nworkspace: local");
    expect(the.staging.takeRequests()).toEqual([]);
  });

  test.each([
    ["its profile", { workspace: "staging" }],
    ["its profile in other case", { workspace: "Staging" }],
    ["the argument of the official server", { workspace_id: "staging" }],
    ["its API URL", { workspace: "URL/" }],
  ])("is found by %s, and asked with its own credentials", async (_, args) => {
    await using the = await twoProfiles();
    const given = Object.fromEntries(
      Object.entries(args).map(([key, one]) => [key, one.replace("URL", the.staging.url)]),
    );
    const { structured, text } = await the.call("get_flows", given);
    expect(flowsOf(structured)).toEqual(["staging-1", "staging-2", "staging-3"]);
    expect(structured.workspace).toBe("staging");
    expect(text).toEndWith("\nworkspace: staging");
    expect(the.local.takeRequests()).toEqual([]);
  });

  test("that is unknown is an error that names the nearest and all", async () => {
    await using the = await twoProfiles();
    const { isError, structured } = await the.call("get_flows", { workspace: "stagng" });
    expect(isError).toBe(true);
    expect(structured).toMatchObject({
      code: "not_found",
      message: 'There is no workspace "stagng"; did you mean "staging"?',
      hint: "Workspaces: local, staging.",
      retryable: false,
    });
  });

  test("an API URL that no profile names is refused, and nothing is sent to it", async () => {
    await using the = await twoProfiles();
    await using stranger = await prefectWith("stranger");
    for (const workspace of [stranger.url, `${the.staging.url}/../api2`, the.staging.url.replace("/api", "")]) {
      const { structured } = await the.call("get_flows", { workspace });
      expect(structured).toMatchObject({ code: "not_found", hint: "Workspaces: local, staging." });
    }
    expect(stranger.takeRequests()).toEqual([]);
  });

  test("credentials, headers and URL of the environment are never used with a profile", async () => {
    await using env = await prefectWith("env", { authString: "env:secret-of-environment" });
    await using the = await twoProfiles({
      env: {
        PREFECT_API_URL: env.url,
        PREFECT_API_AUTH_STRING: "env:secret-of-environment",
        PREFECT_CLIENT_CUSTOM_HEADERS: '{"X-Team": "blue"}',
      },
    });
    const active = await the.call("get_flows", {});
    expect([flowsOf(active.structured)[0], active.structured.workspace]).toEqual(["env-1", env.url]);
    for (const workspace of ["local", "staging"]) {
      const { structured } = await the.call("get_flows", { workspace });
      expect(flowsOf(structured)[0]).toBe(`${workspace}-1`);
    }
    const seen = [...the.local.requests, ...the.staging.requests].map(({ headers }) => headers);
    expect(seen.filter((headers) => headers["x-team"] !== undefined)).toEqual([]);
    expect(the.local.requests.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
    expect(env.requests.every(({ headers }) => headers["x-team"] === "blue")).toBe(true);
  });

  test("a cursor of one workspace is refused in another", async () => {
    await using the = await twoProfiles();
    const first = await the.call("get_flows", { limit: 1 });
    const cursor = first.structured.next_cursor;
    const again = await the.call("get_flows", { limit: 1, cursor, workspace: "local" });
    expect(flowsOf(again.structured)).toEqual(["local-2"]);
    const other = await the.call("get_flows", { limit: 1, cursor, workspace: "staging" });
    expect(other.structured).toMatchObject({ code: "invalid_input", message: "cursor belongs to other arguments" });
  });

  test("a changed profile takes effect, and a removed one is unknown", async () => {
    await using the = await twoProfiles();
    await using moved = await prefectWith("moved");
    await the.call("get_flows", { workspace: "staging" });
    the.setProfiles({
      active: "local",
      profiles: { local: { PREFECT_API_URL: the.local.url }, staging: { PREFECT_API_URL: moved.url } },
    });
    const { structured } = await the.call("get_flows", { workspace: "staging" });
    expect(flowsOf(structured)).toEqual(["moved-1", "moved-2", "moved-3"]);
    expect(moved.requests.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
    the.setProfiles({ active: "local", profiles: { local: { PREFECT_API_URL: the.local.url } } });
    const gone = await the.call("get_flows", { workspace: "staging" });
    expect(gone.structured.code).toBe("not_found");
  });

  test("two different names in one call are refused", async () => {
    await using the = await twoProfiles();
    const { structured } = await the.call("get_flows", { workspace: "staging", workspace_id: "local" });
    expect(structured).toMatchObject({ code: "invalid_input" });
    expect(structured.message).toContain("name two workspaces");
    const same = await the.call("get_flows", { workspace: "staging", workspace_id: "staging" });
    expect(flowsOf(same.structured)[0]).toBe("staging-1");
  });

  test("an empty name means none, as with every argument", async () => {
    await using the = await twoProfiles();
    const { structured } = await the.call("get_flows", { workspace: "" });
    expect(structured.workspace).toBe("local");
  });

  test("a profile that is packaged with Prefect can be named, and one without URL cannot", async () => {
    await using the = await twoProfiles();
    const none = await the.call("get_flows", { workspace: "unused" });
    expect(none.structured.code).toBe("not_found");
    const ephemeral = await the.call("get_flows", { workspace: "ephemeral" });
    expect(ephemeral.structured.code).toBe("not_found");
  });
});

describe("every workspace at once", () => {
  test("each answers for itself, side by side", async () => {
    await using the = await twoProfiles();
    const { isError, structured, text } = await the.call("get_dashboard", { workspace: "all" });
    expect(isError).toBe(false);
    expect(structured.workspaces.map(({ workspace }: { workspace: string }) => workspace)).toEqual([
      "local",
      "staging",
    ]);
    for (const one of structured.workspaces) {
      expect(one).toMatchObject({ flow_runs: { total: 0 }, source: "live", coverage: { complete: true } });
    }
    expect(structured).toMatchObject({ source: "live", coverage: { complete: true, gaps: [] } });
    expect(text).toContain("== workspace local ==\n");
    expect(text).toContain("== workspace staging ==\n");
  });

  test("one that fails does not hide the others, and the answer is not complete", async () => {
    await using the = await twoProfiles();
    the.setProfiles({
      active: "local",
      profiles: {
        local: { PREFECT_API_URL: the.local.url },
        staging: { PREFECT_API_URL: the.staging.url, PREFECT_API_AUTH_STRING: "ann:wrong" },
      },
    });
    const { isError, structured, text } = await the.call("get_dashboard", { workspace: "all" });
    expect(isError).toBe(false);
    expect(structured.workspaces).toMatchObject([
      { workspace: "local", flow_runs: { total: 0 } },
      { workspace: "staging", error: { code: "unauthorized", retryable: false } },
    ]);
    expect(structured.coverage).toMatchObject({ complete: false, notes: ["1 workspace could not answer: staging."] });
    expect(text).toStartWith("1 workspace could not answer: staging.\n");
    expect(text).toContain("Error unauthorized: ");
  });

  test("is refused by tools that answer for one, and with a cursor", async () => {
    await using the = await twoProfiles();
    const flows = await the.call("get_flows", { workspace: "all" });
    expect(flows.structured).toMatchObject({
      code: "invalid_input",
      message: "get_flows answers for one workspace, not for all",
    });
    const search = await the.call("search", { workspace: "all", query: "x", cursor: "abc" });
    expect(search.structured).toMatchObject({ code: "invalid_input" });
  });
});

describe("list_workspaces", () => {
  test("lists the profiles that have an API URL, the active one first, without a request", async () => {
    await using the = await twoProfiles();
    const { structured, text } = await the.call("list_authorized_workspaces", {});
    expect(structured.workspaces).toEqual([
      { name: "local", kind: "profile", api_url: the.local.url, is_active: true, recorded: null, following: "none" },
      {
        name: "staging",
        kind: "profile",
        api_url: the.staging.url,
        is_active: false,
        recorded: null,
        following: "none",
      },
    ]);
    expect(structured).toMatchObject({ workspace: "local", coverage: { complete: true } });
    expect(text).toContain(`local (active): profile ${the.local.url}, not recorded, not followed`);
    expect([...the.local.requests, ...the.staging.requests]).toEqual([]);
  });
});

describe("over HTTP", () => {
  test("callers of the server's own Prefect can name nothing but the active workspace", async () => {
    await using the = await twoProfiles({ isRestricted: true });
    for (const workspace of ["staging", the.staging.url]) {
      const { structured } = await the.call("get_flows", { workspace });
      expect(structured).toMatchObject({ code: "not_found", hint: "Workspaces: local." });
    }
    const { structured } = await the.call("list_workspaces", {});
    expect(structured.workspaces.map(({ name }: { name: string }) => name)).toEqual(["local"]);
    expect(structured.workspace).toBeUndefined();
    expect(the.staging.takeRequests()).toEqual([]);
  });

  test("the workspaces that the operator follows can be named", async () => {
    await using the = await twoProfiles({ isRestricted: true, env: { PREFECT_MCP_FOLLOW: "staging" } });
    const { structured } = await the.call("get_flows", { workspace: "staging" });
    expect(flowsOf(structured)[0]).toBe("staging-1");
  });
});
