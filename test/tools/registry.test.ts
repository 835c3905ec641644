import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { catalogueOf } from "../../scripts/packaging/tool-catalogue.ts";
import type { ToolDefinition } from "../../src/tools/definition/define-tool.ts";
import { toolListing } from "../../src/tools/definition/listing.ts";
import { DEFINITIONS } from "../../src/tools/definitions.ts";
import { allTools, offeredTools, toolNamed } from "../../src/tools/index.ts";
import { countTokens } from "../support/tokens.ts";

const FOLDER = `${import.meta.dir}/../../src/tools`;
const SNAPSHOT = `${import.meta.dir}/../fixtures/tools-list.json`;

/** The default set, as docs/reference.md lists it. */
const DEFAULT_TOOLS = [
  "orientation",
  "get_identity",
  "get_dashboard",
  "get_deployments",
  "get_flows",
  "get_flow_runs",
  "get_flow_run_logs",
  "get_task_runs",
  "get_work_pools",
  "read_events",
  "get_automations",
  "get_object_schema",
  "search",
  "aggregate_events",
  "get_timeline",
  "wait_for",
  "get_record_status",
  "list_workspaces",
  "diagnose",
  "get_incidents",
  "what_changed",
  "get_reliability",
  "compare_runs",
  "forecast",
];

const settings = (given: {
  preset?: string;
  allow?: string[];
  deny?: string[];
  docs?: boolean;
  isCloud?: boolean;
}) => ({
  tools: { preset: given.preset ?? "default", allow: given.allow ?? [], deny: given.deny ?? [] },
  docs: given.docs ?? false,
  isCloud: given.isCloud ?? false,
});
const names = (tools: readonly ToolDefinition[]) => tools.map((tool) => tool.name);

describe("the registry", () => {
  test("lists every tool of the folder; each is named after its file and has a test file", async () => {
    const found: ToolDefinition[] = [];
    for (const file of readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".ts"),
    )) {
      const exported = (await import(`${FOLDER}/${file}`)) as Record<string, unknown>;
      for (const [name, value] of Object.entries(exported)) {
        if (!name.endsWith("Tool") || typeof value !== "object") continue;
        const tool = value as ToolDefinition;
        expect(`${tool.name.replaceAll("_", "-")}.ts`).toBe(basename(file));
        const camel = tool.name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
        expect(name).toBe(`${camel}Tool`);
        expect(existsSync(`${import.meta.dir}/${file.replace(".ts", ".test.ts")}`)).toBe(true);
        found.push(tool);
      }
    }
    expect(names(found).sort()).toEqual(names(allTools).sort());
    expect(new Set(names(allTools)).size).toBe(allTools.length);
  });

  test.each(names(allTools))(
    "%s has a title, a short description, all annotations, an output schema and no anyOf",
    (name) => {
      const tool = allTools.find((one) => one.name === name) as ToolDefinition;
      const { title, description, annotations, inputSchema, outputSchema } = toolListing(tool);
      expect(title.length).toBeGreaterThan(2);
      expect(description.length).toBeGreaterThan(20);
      expect(description.length).toBeLessThanOrEqual(2_000);
      expect(Object.keys(annotations).sort()).toEqual([
        "destructiveHint",
        "idempotentHint",
        "openWorldHint",
        "readOnlyHint",
      ]);
      expect(annotations.readOnlyHint).toBe(true);
      expect(inputSchema).toMatchObject({ type: "object", additionalProperties: false });
      expect(JSON.stringify(inputSchema)).not.toContain("anyOf");
      expect(outputSchema.type).toBe("object");
      expect(outputSchema).not.toHaveProperty("required");
      for (const [alias, argument] of Object.entries(tool.aliases)) {
        expect(Object.keys(inputSchema.properties as object)).toContain(argument);
        expect(Object.keys(inputSchema.properties as object)).not.toContain(alias);
      }
    },
  );
});

test.each(names(allTools))("%s takes a workspace, by the official server's name for it too", (name) => {
  const tool = allTools.find((one) => one.name === name) as ToolDefinition;
  const { properties } = toolListing(tool).inputSchema as { properties: Record<string, unknown> };
  expect(properties.workspace).toEqual({ type: "string" });
  expect(tool.aliases.workspace_id).toBe("workspace");
});

test("a name of the official server finds its tool, which is listed under its own name only", () => {
  expect(toolNamed(allTools, "list_authorized_workspaces")?.name).toBe("list_workspaces");
  expect(toolNamed(allTools, "constructor")).toBeUndefined();
  expect(names(allTools)).not.toContain("list_authorized_workspaces");
});

describe("the default set of tools", () => {
  const offered = offeredTools(settings({}));

  test("is the documented one", () => {
    expect(names(offered).sort()).toEqual([...DEFAULT_TOOLS].sort());
    expect(names(offeredTools(settings({ isCloud: true })))).toEqual(expect.arrayContaining(["review_rate_limits"]));
    expect(names(offered)).not.toContain("review_rate_limits");
  });

  test("takes at most 5,000 tokens for names, descriptions and inputs, and 7,400 for everything", () => {
    const listings = offered.map(toolListing);
    const inputs = listings.map(({ name, description, inputSchema }) =>
      countTokens(JSON.stringify({ name, description, inputSchema })),
    );
    const all = countTokens(JSON.stringify({ tools: listings }));
    const sum = inputs.reduce((total, tokens) => total + tokens, 0);
    expect(sum).toBeLessThanOrEqual(Math.min(5_000, 265 * listings.length));
    expect(all).toBeLessThanOrEqual(Math.min(7_400, 390 * listings.length));
  });
});

describe("offeredTools", () => {
  test("applies preset, allow list and deny list; deny overrides allow", () => {
    const core = names(offeredTools(settings({ preset: "core" })));
    expect(core).toContain("get_dashboard");
    expect(core).not.toContain("get_identity");
    expect(names(offeredTools(settings({ preset: "core", allow: ["get_identity"] })))).toContain("get_identity");
    expect(names(offeredTools(settings({ deny: ["get_dashboard"], allow: ["get_dashboard"] })))).not.toContain(
      "get_dashboard",
    );
    expect(names(offeredTools(settings({ preset: "all", isCloud: true })))).toEqual(names(allTools));
    expect(names(offeredTools(settings({ preset: "nonsense" })))).toEqual(names(offeredTools(settings({}))));
    const docs = names(offeredTools(settings({ docs: true }))).filter((name) => !DEFAULT_TOOLS.includes(name));
    expect(docs).toEqual(["docs_search_prefect", "docs_get_release_notes"]);
  });
});

test("tools/list equals its snapshot (UPDATE_SNAPSHOTS=1 writes it)", () => {
  const listed = `${JSON.stringify(allTools.map(toolListing), null, 1)}\n`;
  if (Bun.env.UPDATE_SNAPSHOTS === "1") writeFileSync(SNAPSHOT, listed);
  expect(JSON.parse(listed)).toEqual(JSON.parse(readFileSync(SNAPSHOT, "utf8")));
});

test("the catalogue is made of the definitions (bun scripts/packaging/tool-catalogue.ts writes it)", () => {
  const definitions = Object.values(DEFINITIONS).map((load) => load());
  expect(names(definitions)).toEqual(Object.keys(DEFINITIONS));
  const held = readFileSync(`${FOLDER}/definition/catalogue.json`, "utf8");
  expect(catalogueOf(definitions)).toBe(held);
  // What is listed without a definition is what the definition says.
  for (const [index, definition] of definitions.entries()) {
    const { input, output, run: _, ...told } = definition;
    const listed = allTools[index] as ToolDefinition;
    expect(toolListing(listed)).toEqual(toolListing(definition));
    expect(listed).toMatchObject(told);
    expect(listed.input).toBe(input);
    expect(listed.output).toBe(output);
  }
});
