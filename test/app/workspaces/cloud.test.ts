import { describe, expect, test } from "bun:test";
import { aFlow } from "../../support/builders.ts";
import { type FakeCloud, startFakeCloud } from "../../support/fake-prefect/fake-cloud.ts";
import { startFakePrefect } from "../../support/fake-prefect/fake-prefect.ts";
import { openTestWorkspaces } from "./workspaces-harness.ts";

const KEY = "pnu_key_of_production";
const OTHER_KEY = "pnu_key_of_the_partner";

/** The key of the active profile sees two workspaces of acme and one of beta; the key of another profile one of corp. */
async function cloudOfTwoKeys() {
  const cloud = await startFakeCloud({
    keys: { [KEY]: ["acme/prod", "acme/test", "beta/test"], [OTHER_KEY]: ["corp/main"] },
  });
  for (const handle of ["acme/prod", "acme/test", "beta/test", "corp/main"])
    cloud.workspace(handle).workspace.flows.push(aFlow({ name: `flow of ${handle}` }));
  const self = await startFakePrefect();
  const opened = openTestWorkspaces({
    active: "production",
    profiles: {
      production: { PREFECT_API_URL: cloud.urlOf("acme/prod"), PREFECT_API_KEY: KEY },
      partner: { PREFECT_API_URL: cloud.urlOf("corp/main"), PREFECT_API_KEY: OTHER_KEY },
      local: { PREFECT_API_URL: self.url },
    },
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

const flowOf = ({ flows }: { flows: { name: string }[] }) => flows[0]?.name;
const lists = ({ requests }: FakeCloud) => requests.filter(({ route }) => route.endsWith("/me/workspaces")).length;

describe("a workspace of Prefect Cloud", () => {
  test.each(["handle", "handle in other case", "id", "API URL"])("is found by its %s", async (how) => {
    await using the = await cloudOfTwoKeys();
    const names: Record<string, string> = {
      handle: "acme/test",
      "handle in other case": "Acme/Test",
      id: the.cloud.idOf("acme/test"),
      "API URL": `${the.cloud.urlOf("acme/test")}/`,
    };
    const { structured } = await the.call("get_flows", { workspace: names[how] });
    expect([flowOf(structured), structured.workspace]).toEqual(["flow of acme/test", "acme/test"]);
    const again = await the.call("get_flows", { workspace: names[how] });
    expect(flowOf(again.structured)).toBe("flow of acme/test");
    expect(lists(the.cloud)).toBe(2);
  });

  test("is asked with the key that sees it, and with no other", async () => {
    await using the = await cloudOfTwoKeys();
    for (const workspace of ["acme/test", "beta/test", "corp/main", "partner"])
      await the.call("get_flows", { workspace });
    const sent = new Set(
      the.cloud.requests
        .filter(({ route }) => !route.endsWith("/me/workspaces"))
        .map(({ route, key }) => {
          const handle = ["acme/prod", "acme/test", "beta/test", "corp/main"].find((one) =>
            route.includes(the.cloud.idOf(one)),
          );
          return `${handle} ${key}`;
        }),
    );
    expect([...sent].sort()).toEqual([`acme/test ${KEY}`, `beta/test ${KEY}`, `corp/main ${OTHER_KEY}`]);
    expect(the.self.requests.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
  });

  test("that no key sees is one sentence, and is not asked", async () => {
    await using the = await cloudOfTwoKeys();
    const id = "99999999-9999-4999-8999-999999999999";
    const { structured, text } = await the.call("get_flows", { workspace: id });
    expect(structured).toMatchObject({
      code: "not_found",
      message: `The key of production and of partner does not see a workspace "${id}".`,
      hint: "Workspaces: production, partner, local, acme/test, beta/test.",
    });
    expect(text).not.toContain(KEY);
    const url = the.cloud.urlOf("acme/test").replace(/[^/]+$/, id);
    expect((await the.call("get_flows", { workspace: url })).structured.code).toBe("not_found");
    expect(the.cloud.requests.filter(({ route }) => route.includes(id))).toEqual([]);
  });

  test("a handle without its account is enough where only one has it", async () => {
    await using the = await cloudOfTwoKeys();
    const main = await the.call("get_flows", { workspace: "prod" });
    expect([flowOf(main.structured), main.structured.workspace]).toEqual(["flow of acme/prod", "production"]);
    const both = await the.call("get_flows", { workspace: "test" });
    expect(both.structured.code).toBe("not_found");
    const { structured } = await the.call("get_flows", { workspace: "acme/prod" });
    expect([flowOf(structured), structured.workspace]).toEqual(["flow of acme/prod", "production"]);
  });

  test("a list that Prefect Cloud refuses is said, and profiles go on", async () => {
    await using the = await cloudOfTwoKeys();
    the.cloud.failList(403);
    const { structured } = await the.call("get_flows", { workspace: "acme/test" });
    expect(structured.code).toBe("unauthorized");
    expect(structured.message).toStartWith("Prefect Cloud could not be asked for the workspace acme/test: ");
    const listed = await the.call("list_workspaces", {});
    expect(listed.structured.workspaces.map(({ name }: { name: string }) => name)).toEqual([
      "production",
      "partner",
      "local",
    ]);
    expect(listed.structured.coverage.complete).toBe(false);
    expect(listed.text).toContain("What the key of production sees is not known: ");
    expect(flowOf((await the.call("get_flows", { workspace: "partner" })).structured)).toBe("flow of corp/main");
  });
});

describe("list_workspaces", () => {
  test("lists profiles and what their keys see, each workspace once", async () => {
    await using the = await cloudOfTwoKeys();
    const { structured, text } = await the.call("list_workspaces", {});
    expect(structured.workspaces).toMatchObject([
      { name: "production", kind: "profile", handle: "acme/prod", is_active: true },
      { name: "partner", kind: "profile", handle: "corp/main", is_active: false },
      { name: "local", kind: "profile", is_active: false },
      { name: "acme/test", kind: "cloud", handle: "acme/test", api_url: the.cloud.urlOf("acme/test"), recorded: null },
      { name: "beta/test", kind: "cloud", handle: "beta/test", api_url: the.cloud.urlOf("beta/test"), recorded: null },
    ]);
    expect(structured).toMatchObject({ source: "mixed", coverage: { complete: true } });
    expect(text).toContain("production (active): profile acme/prod ");
    expect(JSON.stringify(structured) + text).not.toMatch(/pnu_/);
  });

  test("every workspace is asked at once, each with its own key", async () => {
    await using the = await cloudOfTwoKeys();
    const { structured } = await the.call("get_dashboard", { workspace: "all" });
    expect(structured.workspaces.map(({ workspace }: { workspace: string }) => workspace)).toEqual([
      "production",
      "partner",
      "local",
      "acme/test",
      "beta/test",
    ]);
    expect(structured.coverage.complete).toBe(true);
  });
});
