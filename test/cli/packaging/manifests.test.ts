import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { z } from "zod";
import { aboutProgram, ROOT } from "../../../scripts/packaging/about.ts";
import { bundleManifest, manifestTexts, registryEntry } from "../../../scripts/packaging/manifests.ts";
import * as schemas from "./manifest-schemas.ts";
import { type PublicSchema, schemaProblems } from "./public-schemas.ts";

const PLUGIN = "packaging/plugin";
const SCHEMAS: Record<string, z.ZodType> = {
  "packaging/server.json": schemas.RegistryEntry,
  [`${PLUGIN}/plugin.json`]: schemas.AgentPlugin,
  [`${PLUGIN}/mcp.json`]: schemas.AgentPluginServers,
  [`${PLUGIN}/.mcp.json`]: schemas.PluginServers,
  [`${PLUGIN}/.claude-plugin/plugin.json`]: schemas.ClaudePlugin,
  ".claude-plugin/marketplace.json": schemas.Marketplace,
  [`${PLUGIN}/.codex-plugin/plugin.json`]: schemas.CodexPlugin,
  [`${PLUGIN}/gemini-extension.json`]: schemas.GeminiExtension,
};
const PUBLIC: Record<string, PublicSchema> = {
  "packaging/server.json": "server-2025-12-11",
  [`${PLUGIN}/plugin.json`]: "agent-plugin-1.0.0",
  [`${PLUGIN}/mcp.json`]: "agent-plugin-mcp-1.0.0",
};

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const own = aboutProgram();
/** With the fields that are filled in before the first release, in both forms that npm allows. */
const published = aboutProgram(
  JSON.stringify({
    ...JSON.parse(read("package.json")),
    repository: { type: "git", url: "git+https://github.com/account/prefect-mcp-bun.git" },
    homepage: "https://github.com/account/prefect-mcp-bun#readme",
    bugs: { url: "https://github.com/account/prefect-mcp-bun/issues" },
  }),
);

describe("the files for installers", () => {
  test("are made from package.json and the settings: run `bun scripts/packaging/manifests.ts`", () => {
    const texts = manifestTexts(own);
    for (const [path, text] of Object.entries(texts)) expect([path, read(path)]).toEqual([path, text]);
    expect(
      Object.keys(texts)
        .filter((path) => path.endsWith(".json"))
        .sort(),
    ).toEqual(Object.keys(SCHEMAS).sort());
  });

  test.each([
    ["before the repository is known", own],
    ["with repository, homepage and bugs", published],
  ])("have only members of their public schemas %s", (_, about) => {
    for (const [path, text] of Object.entries(manifestTexts(about))) {
      const schema = SCHEMAS[path];
      if (schema) expect([path, schema.safeParse(JSON.parse(text)).error?.issues]).toEqual([path, undefined]);
    }
    for (const platform of ["linux", "darwin", "win32"] as const) {
      const manifest = JSON.parse(JSON.stringify(bundleManifest(about, platform)));
      expect(schemas.BundleManifest.safeParse(manifest).error?.issues).toBeUndefined();
    }
  });

  test.each([
    ["before the repository is known", own],
    ["with repository, homepage and bugs", published],
  ])("satisfy the public schemas as they are published %s", (_, about) => {
    const texts = manifestTexts(about);
    const found = Object.entries(PUBLIC).map(([path, name]) => [
      path,
      schemaProblems(name, JSON.parse(texts[path] ?? "")),
    ]);
    expect(found).toEqual(Object.keys(PUBLIC).map((path) => [path, []]));
    const bundles = [{ file: "prefect-mcp-bun-linux-x64.mcpb", sha256: "0".repeat(64) }];
    expect(schemaProblems("server-2025-12-11", registryEntry(about, bundles))).toEqual([]);
    for (const platform of ["linux", "darwin", "win32"] as const)
      expect(schemaProblems("mcpb-manifest-0.4", bundleManifest(about, platform))).toEqual([]);
  });

  test("are refused by the public schemas where a member is wrong, missing or unknown", () => {
    const entry = registryEntry(own);
    const plugin = JSON.parse(read(`${PLUGIN}/plugin.json`));
    const manifest = bundleManifest(own, "linux");
    const wrong: [PublicSchema, object][] = [
      ["server-2025-12-11", { ...entry, name: "no-namespace" }],
      ["server-2025-12-11", { ...entry, description: "x".repeat(101) }],
      ["server-2025-12-11", { ...entry, version: undefined }],
      ["server-2025-12-11", { ...entry, websiteUrl: "not an address" }],
      ["agent-plugin-1.0.0", { ...plugin, name: "Prefect" }],
      ["agent-plugin-1.0.0", { ...plugin, mcpServers: {} }],
      [
        "agent-plugin-mcp-1.0.0",
        { ...JSON.parse(read(`${PLUGIN}/mcp.json`)), mcpServers: { prefect: { command: "x" } } },
      ],
      ["mcpb-manifest-0.4", { ...manifest, server: { ...manifest.server, type: "bun" } }],
      ["mcpb-manifest-0.4", { ...manifest, publisher: "unknown" }],
    ];
    for (const [name, value] of wrong) expect(schemaProblems(name, value)).not.toEqual([]);
  });

  test("name the version, the package and the repository of package.json", () => {
    const { name, version, mcpName } = JSON.parse(read("package.json"));
    const entry = registryEntry(published);
    expect([entry.name, entry.version, entry.repository]).toEqual([
      mcpName,
      version,
      { url: "https://github.com/account/prefect-mcp-bun", source: "github" },
    ]);
    expect(entry.packages.map(({ identifier }) => identifier)).toEqual([name, own.image]);
    const labels = manifestTexts(published)["packaging/Containerfile"];
    expect(labels).toContain(`LABEL io.modelcontextprotocol.server.name="${mcpName}" \\\n`);
    expect(labels).toContain('  org.opencontainers.image.source="https://github.com/account/prefect-mcp-bun"\n');
  });

  test("offer bundles in the registry only where they can be downloaded", () => {
    const bundles = [{ file: "prefect-mcp-bun-linux-x64.mcpb", sha256: "0".repeat(64) }];
    const kinds = (about: typeof own) => registryEntry(about, bundles).packages.map((entry) => entry.registryType);
    expect([kinds(own), kinds(published)]).toEqual([
      ["npm", "oci"],
      ["npm", "oci", "mcpb"],
    ]);
    const entry = JSON.parse(JSON.stringify(registryEntry(published, bundles)));
    expect(schemas.RegistryEntry.safeParse(entry).error?.issues).toBeUndefined();
    expect(entry.packages[2]).toMatchObject({
      identifier: `https://github.com/account/prefect-mcp-bun/releases/download/v${own.version}/prefect-mcp-bun-linux-x64.mcpb`,
      fileSha256: "0".repeat(64),
    });
  });

  test("ask for credentials as secrets", () => {
    const { user_config: fields, server } = bundleManifest(own, "win32");
    const secrets = Object.entries(fields).filter(([, field]) => "sensitive" in field);
    expect(secrets.map(([key]) => key)).toEqual(["api_key", "api_auth_string"]);
    expect(server.mcp_config.env.PREFECT_API_KEY).toBe(`\${user_config.api_key}`);
    expect(server.entry_point).toBe("server/prefect-mcp-bun.exe");
  });

  test("lead to one folder that is a whole plugin", () => {
    const { plugins } = JSON.parse(read(".claude-plugin/marketplace.json"));
    const folder = join(ROOT, plugins[0].source);
    const skills = readdirSync(join(folder, "skills"));
    expect(skills.sort()).toEqual(["prefect-events-offline", "prefect-operations", "prefect-triage"]);
    for (const skill of skills) expect(read(`${PLUGIN}/skills/${skill}/SKILL.md`)).toContain(`\nname: ${skill}\n`);
    for (const file of ["plugin.json", ".claude-plugin/plugin.json", ".codex-plugin/plugin.json", ".mcp.json"])
      expect([file, existsSync(join(folder, file))]).toEqual([file, true]);
  });
});
