import { describe, expect, test } from "bun:test";
import { aFlow } from "../../../support/builders.ts";
import { startFakeCloud } from "../../../support/fake-prefect/fake-cloud.ts";
import { startFakePrefect } from "../../../support/fake-prefect/fake-prefect.ts";
import { startHttpProduct } from "../http-product.ts";

const ANN = "pnu_key_of_ann";
const BOB = "pnu_key_of_bob";

async function serveCloud() {
  const cloud = await startFakeCloud({ keys: { [ANN]: ["acme/prod", "acme/test"], [BOB]: ["corp/main"] } });
  for (const handle of ["acme/prod", "acme/test", "corp/main"])
    for (const n of [1, 2]) cloud.workspace(handle).workspace.flows.push(aFlow({ name: `${handle}-${n}` }));
  const own = await startFakePrefect({ authString: "op:secret-of-operator" });
  own.workspace.flows.push(aFlow({ name: "own" }));
  const env = { PREFECT_API_URL: own.url, PREFECT_API_AUTH_STRING: "op:secret-of-operator" };
  const product = await startHttpProduct({ env: { ...env, PREFECT_MCP_STREAM: "false" } });
  const call = async (headers: Record<string, string>, tool: string, args: object) => {
    const body = JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: tool, arguments: args },
    });
    const accept = { "content-type": "application/json", accept: "application/json, text/event-stream" };
    const answer = await fetch(product.url, { method: "POST", headers: { ...accept, ...headers }, body });
    const text = await answer.text();
    const [, json = text] = /^data: (.*)$/m.exec(text) ?? [];
    const { result, error } = JSON.parse(json);
    return { status: answer.status, text, structured: result?.structuredContent ?? error };
  };
  return {
    cloud,
    own,
    product,
    asAnn: (tool: string, args: object) =>
      call({ "x-prefect-api-url": cloud.urlOf("acme/prod"), "x-prefect-api-key": ANN }, tool, args),
    withoutHeaders: (tool: string, args: object) => call({}, tool, args),
    async [Symbol.asyncDispose]() {
      await product[Symbol.asyncDispose]();
      await Promise.all([cloud[Symbol.asyncDispose](), own[Symbol.asyncDispose]()]);
    },
  };
}

describe("a caller with a key of Prefect Cloud", () => {
  test("names the workspaces that the key sees, and each answers for itself", async () => {
    await using the = await serveCloud();
    const active = await the.asAnn("get_flows", {});
    expect(active.structured).toMatchObject({
      workspace: the.cloud.urlOf("acme/prod"),
      flows: [{ name: "acme/prod-1" }, {}],
    });
    for (const workspace of ["acme/test", the.cloud.urlOf("acme/test"), the.cloud.idOf("acme/test")]) {
      const { structured } = await the.asAnn("get_flows", { workspace });
      expect(structured).toMatchObject({ workspace: "acme/test", flows: [{ name: "acme/test-1" }, {}] });
    }
    const listed = await the.asAnn("list_workspaces", {});
    expect(listed.structured.workspaces).toMatchObject([
      { name: "acme/prod", kind: "cloud", is_active: true },
      { name: "acme/test", kind: "cloud", is_active: false },
    ]);
    const all = await the.asAnn("get_dashboard", { workspace: "all" });
    expect(all.structured.workspaces).toMatchObject([{ workspace: "acme/prod" }, { workspace: "acme/test" }]);
  });

  test("reaches no other target: not a workspace of another key, nor the server's own, nor a URL of its choice", async () => {
    await using the = await serveCloud();
    await using stranger = await startFakePrefect();
    for (const workspace of ["corp/main", the.cloud.urlOf("corp/main"), the.own.url, stranger.url, "own", "local"]) {
      const { structured, text } = await the.asAnn("get_flows", { workspace });
      expect(structured).toMatchObject({ code: "not_found", hint: "Workspaces: acme/prod, acme/test." });
      expect(text).not.toMatch(/secret-of-operator|pnu_key/);
    }
    expect(stranger.requests).toEqual([]);
    expect(the.own.requests.filter(({ headers }) => headers.authorization?.includes("pnu_"))).toEqual([]);
    const corp = the.cloud.requests.filter(({ route }) => route.includes(the.cloud.idOf("corp/main")));
    expect(corp).toEqual([]);
  });

  test("cannot continue a cursor of one workspace in another", async () => {
    await using the = await serveCloud();
    const first = await the.asAnn("get_flows", { limit: 1 });
    const cursor = first.structured.next_cursor;
    const other = await the.asAnn("get_flows", { limit: 1, cursor, workspace: "acme/test" });
    expect(other.structured).toMatchObject({ code: "invalid_input", message: "cursor belongs to other arguments" });
  });
});

test("a caller without headers reaches only the server's own Prefect", async () => {
  await using the = await serveCloud();
  expect((await the.withoutHeaders("get_flows", {})).structured).toMatchObject({ flows: [{ name: "own" }] });
  for (const workspace of ["acme/prod", the.cloud.urlOf("acme/prod")]) {
    const { structured } = await the.withoutHeaders("get_flows", { workspace });
    expect(structured.code).toBe("not_found");
  }
  expect((await the.withoutHeaders("get_flows", { workspace: the.own.url })).structured).toMatchObject({
    flows: [{ name: "own" }],
  });
  expect(the.cloud.requests).toEqual([]);
});
