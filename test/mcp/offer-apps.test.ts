import { describe, expect, test } from "bun:test";
import { allTools } from "../../src/tools/index.ts";
import { FIRST_TOOL, VIEWS } from "../../src/views/calls.ts";
import { fakeTenant } from "./fake-tenant.ts";
import { connectClient, ERAS, type Era } from "./pipe-client.ts";

const APP = "text/html;profile=mcp-app";
const WITH_APPS = { extensions: { "io.modelcontextprotocol/ui": { mimeTypes: [APP] } } };

const connect = (era: Era, capabilities: object) =>
  connectClient({ ...fakeTenant(), tools: () => allTools }, era, capabilities);

describe.each(ERAS)("MCP Apps in the %s era", (era) => {
  test("a client that shows apps finds a view at each tool that has one, and reads its page", async () => {
    await using wired = await connect(era, WITH_APPS);
    const { tools } = await wired.client.listTools();
    const views = tools.flatMap(({ name, _meta }) => (_meta?.ui === undefined ? [] : [[name, _meta.ui]]));
    expect(Object.fromEntries(views)).toEqual(
      Object.fromEntries(VIEWS.map((view) => [FIRST_TOOL[view], { resourceUri: `ui://prefect/${view}` }])),
    );
    const { resources } = await wired.client.listResources();
    const listed = resources.filter(({ uri }) => uri.startsWith("ui://"));
    expect(listed.map(({ uri, mimeType }) => [uri, mimeType])).toEqual(
      VIEWS.map((view) => [`ui://prefect/${view}`, APP]),
    );
    for (const view of VIEWS) {
      const { contents } = await wired.client.readResource({ uri: `ui://prefect/${view}` });
      expect(contents).toHaveLength(1);
      expect(contents[0]).toMatchObject({
        mimeType: APP,
        text: expect.stringContaining(`{"view":"${view}","calls":null}`),
        _meta: { ui: { csp: { connectDomains: [], resourceDomains: [] } } },
      });
    }
  });

  test.each([
    ["without the extension", {}],
    ["with another kind of app", { extensions: { "io.modelcontextprotocol/ui": { mimeTypes: ["text/html"] } } }],
    ["with an extension of another shape", { extensions: { "io.modelcontextprotocol/ui": { mimeTypes: APP } } }],
  ])("a client %s sees the same tools and resources as before", async (_, capabilities) => {
    await using plain = await connect(era, capabilities);
    await using shows = await connect(era, WITH_APPS);
    const { tools } = await plain.client.listTools();
    expect(tools.filter(({ _meta }) => _meta !== undefined)).toEqual([]);
    const { tools: others } = await shows.client.listTools();
    expect(others.map(({ _meta: _ignored, ...tool }) => tool)).toEqual(tools);
    const { resources } = await plain.client.listResources();
    expect(resources.filter(({ uri }) => uri.startsWith("ui://"))).toEqual([]);
    const { resources: more } = await shows.client.listResources();
    expect(more.filter(({ uri }) => !uri.startsWith("ui://"))).toEqual(resources);
  });

  test("an answer is the same with and without apps", async () => {
    await using plain = await connect(era, {});
    await using shows = await connect(era, WITH_APPS);
    const ask = { name: "get_object_schema", arguments: { object_type: "automation" } };
    const withoutTimes = (answer: unknown) => JSON.stringify(answer).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME");
    expect(withoutTimes(await shows.client.callTool(ask))).toBe(withoutTimes(await plain.client.callTool(ask)));
  });
});
