import { describe, expect, test } from "bun:test";
import { ALL_PERMISSIONS, type Permission, VERBS } from "../../../src/model/verbs.ts";
import { toolListing } from "../../../src/tools/definition/listing.ts";
import { allTools, everyTool, offeredTools, reasonNotOffered } from "../../../src/tools/index.ts";
import { countTokens } from "../../support/tokens.ts";

const settings = (writes: string[], deny: string[] = []) => ({
  tools: { preset: "default", allow: [] as string[], deny },
  docs: false,
  isCloud: false,
  writes,
});
const acting = everyTool().filter((tool) => tool.isActing);
const offered = (writes: string[], deny?: string[]) =>
  offeredTools(settings(writes, deny)).filter((tool) => tool.isActing);

describe("the tools that change something", () => {
  test("are one for each name in the table of verbs, and in no preset", () => {
    expect(acting.map(({ name }) => name)).toEqual(Object.keys(VERBS));
    expect(allTools.filter((tool) => tool.isActing || !tool.annotations.readOnlyHint)).toEqual([]);
    expect(offered([])).toEqual([]);
    expect(offeredTools({ ...settings([]), tools: { preset: "all", allow: [], deny: [] } })).not.toContain(acting[0]);
  });

  test("are offered with exactly the allowed verbs, and never when they are denied", () => {
    const [tool, ...others] = offered(["cancel", "nonsense"]);
    expect(others).toEqual([]);
    expect(toolListing(tool as never).inputSchema).toMatchObject({ properties: { action: { enum: ["cancel"] } } });
    expect(JSON.stringify(toolListing(tool as never))).not.toContain("run_input");
    expect(offered(["all"]).map(({ name }) => name)).toEqual(Object.keys(VERBS));
    expect(offered(["all"], ["change_flow_run"]).map(({ name }) => name)).not.toContain("change_flow_run");
    for (const one of acting) expect(reasonNotOffered(one, settings([]))).toBe(`needs PREFECT_MCP_WRITES=${one.name}`);
  });

  test.each(acting.map((tool) => [tool.name, tool] as const))(
    "%s tells the truth about itself and is short",
    (_, tool) => {
      const { name, description, inputSchema, annotations, outputSchema } = toolListing(tool);
      expect(annotations).toMatchObject({ readOnlyHint: false, destructiveHint: name !== "run_deployment" });
      expect(inputSchema).toMatchObject({ additionalProperties: false });
      expect(outputSchema).not.toHaveProperty("required");
      expect(JSON.stringify(inputSchema)).not.toContain("anyOf");
      expect(countTokens(JSON.stringify({ name, description, inputSchema }))).toBeLessThanOrEqual(330);
      for (const [alias, argument] of Object.entries(tool.aliases)) {
        expect(Object.keys(inputSchema.properties as object)).toContain(argument);
        expect(Object.keys(inputSchema.properties as object)).not.toContain(alias);
      }
    },
  );

  test("of one verb list only it", () => {
    for (const permission of ALL_PERMISSIONS) {
      const [name, verb] = permission.split(".") as [string, string];
      const [tool] = offered([permission]);
      expect(tool?.name).toBe(name);
      const { action } = toolListing(tool as never).inputSchema.properties as { action?: { enum: string[] } };
      if (action) expect(action.enum).toEqual([verb]);
    }
    expect(new Set<Permission>(ALL_PERMISSIONS).size).toBe(ALL_PERMISSIONS.length);
  });
});
