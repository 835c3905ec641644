/**
 * Files that describe the program to installers, made from package.json and the skills. `bun scripts/packaging/manifests.ts` writes
 * them; a test fails when they are stale. `packaging/plugin` is one plugin for Agent Plugins, Claude Code, Codex and Gemini CLI.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type About, aboutProgram, ROOT } from "./about.ts";

const PLUGIN = "packaging/plugin";
const DOCKER = "docker";

/** A `.mcpb` file that a release offers. */
export interface Bundle {
  readonly file: string;
  readonly sha256: string;
}

/** Members that are undefined are left out by JSON. */
function descriptive({ name, version, description, author, license, keywords, homepage, repository }: About) {
  return { name, version, description, author: { name: author }, homepage, repository, license, keywords };
}

function stdioServers({ serverName, command, args }: About, more: object = {}) {
  return { [serverName]: { ...more, command, args } };
}

/**
 * https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json and, for what each kind of package needs,
 * https://modelcontextprotocol.io/registry/package-types. Bundles have an address only after `repository` is filled in.
 */
export function registryEntry(about: About, bundles: readonly Bundle[] = []) {
  const { name, version, repository, variables } = about;
  const inputs = (of: About["variables"]) =>
    of.map(({ name: variable, description, isSecret }) => ({
      name: variable,
      description,
      isRequired: false,
      format: "string",
      isSecret,
    }));
  // The container does not see the profiles of the user.
  const ofContainer = variables.filter((variable) => variable.name !== "PREFECT_PROFILE");
  const common = { transport: { type: "stdio" }, environmentVariables: inputs(variables) };
  const runArguments = [
    { type: "named", name: "-v", value: "prefect-mcp-records:/data" },
    ...ofContainer.map((variable) => ({ type: "named", name: "-e", value: variable.name })),
  ];
  return {
    $schema: "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
    name: about.mcpName,
    title: about.title,
    description: about.description,
    version,
    repository: repository && { url: repository, source: "github" },
    websiteUrl: about.homepage,
    packages: [
      { registryType: "npm", identifier: name, version, runtimeHint: about.command, ...common },
      {
        registryType: "oci",
        identifier: about.image,
        runtimeHint: DOCKER,
        runtimeArguments: runArguments,
        // The image serves HTTP unless other arguments are given.
        packageArguments: [{ type: "positional", value: "serve" }],
        transport: common.transport,
        environmentVariables: inputs(ofContainer),
      },
      ...(repository ? bundles : []).map(({ file, sha256 }) => ({
        registryType: "mcpb",
        identifier: `${repository}/releases/download/v${version}/${file}`,
        version,
        fileSha256: sha256,
        ...common,
      })),
    ],
  };
}

export type BundlePlatform = "linux" | "darwin" | "win32";

/** The manifest inside of a `.mcpb`: https://github.com/modelcontextprotocol/mcpb/blob/main/MANIFEST.md, version 0.4. It knows no Bun. */
export function bundleManifest(about: About, platform: BundlePlatform) {
  const { name, version, description, author, license, keywords, variables } = about;
  const entry = `server/${name}${platform === "win32" ? ".exe" : ""}`;
  const key = (variable: string) => variable.replace(/^PREFECT_/, "").toLowerCase();
  return {
    manifest_version: "0.4",
    name,
    display_name: about.title,
    version,
    description,
    author: { name: author },
    repository: about.repository && { type: "git", url: about.repository },
    homepage: about.homepage,
    support: about.bugs,
    server: {
      type: "binary",
      entry_point: entry,
      mcp_config: {
        command: `\${__dirname}/${entry}`,
        args: [],
        // A field that is left empty arrives as this text; the program takes it as not given (src/config/placeholders.ts).
        env: Object.fromEntries(variables.map((variable) => [variable.name, `\${user_config.${key(variable.name)}}`])),
      },
    },
    tools_generated: true,
    prompts_generated: true,
    keywords,
    license,
    compatibility: { platforms: [platform] },
    user_config: Object.fromEntries(
      variables.map(({ name: variable, title, description: text, isSecret }) => [
        key(variable),
        { type: "string", title, description: text, required: false, ...(isSecret ? { sensitive: true } : {}) },
      ]),
    ),
  };
}

/** By path from the root of the repository. */
function manifests(about: About): Record<string, object> {
  const plugin = descriptive(about);
  return {
    "packaging/server.json": registryEntry(about),
    // https://agent-plugins.org/specification: both schemas are closed.
    [`${PLUGIN}/plugin.json`]: { $schema: "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json", ...plugin },
    [`${PLUGIN}/mcp.json`]: {
      $schema: "https://agent-plugins.org/schemas/1.0.0/mcp.schema.json",
      mcpServers: stdioServers(about, { type: "stdio" }),
    },
    // https://code.claude.com/docs/en/plugins-reference: it finds `.mcp.json` and `skills` by their names.
    [`${PLUGIN}/.claude-plugin/plugin.json`]: plugin,
    // https://code.claude.com/docs/en/plugin-marketplaces: read at the root of a repository only; Codex reads it too.
    ".claude-plugin/marketplace.json": {
      name: about.name,
      owner: { name: about.author },
      metadata: { description: about.description, version: about.version },
      plugins: [{ ...plugin, source: `./${PLUGIN}`, category: "observability" }],
    },
    // https://developers.openai.com/codex/plugins/build
    [`${PLUGIN}/.codex-plugin/plugin.json`]: {
      ...plugin,
      skills: "./skills/",
      mcpServers: "./.mcp.json",
      interface: {
        displayName: about.title,
        shortDescription: about.description,
        developerName: about.author,
        category: "Developer Tools",
        capabilities: ["Read"],
        websiteURL: about.homepage,
      },
    },
    [`${PLUGIN}/.mcp.json`]: { mcpServers: stdioServers(about) },
    // https://geminicli.com/docs/extensions/reference
    [`${PLUGIN}/gemini-extension.json`]: {
      name: about.name,
      version: about.version,
      description: about.description,
      mcpServers: stdioServers(about),
    },
  };
}

/** Shells and Dockerfiles agree on double quotes for these texts. */
function imageLabels(about: About): string {
  const labels = {
    "io.modelcontextprotocol.server.name": about.mcpName,
    "org.opencontainers.image.title": about.name,
    "org.opencontainers.image.description": about.description,
    "org.opencontainers.image.version": about.version,
    "org.opencontainers.image.licenses": about.license,
    "org.opencontainers.image.source": about.repository,
  };
  const given = Object.entries(labels).filter(([, value]) => value !== undefined);
  return `LABEL ${given.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(" \\\n  ")}\n`;
}

/** With the labels between the comment that announces them and the next instruction. */
function withLabels(containerfile: string, about: About): string {
  const found = /^LABEL (?:.*\\\n)*.*\n/m;
  if (!found.test(containerfile)) throw new Error("packaging/Containerfile has no LABEL");
  return containerfile.replace(found, () => imageLabels(about));
}

/** The text of each file, by its path. */
export function manifestTexts(about: About): Record<string, string> {
  const texts = Object.entries(manifests(about)).map(([path, value]) => [path, `${JSON.stringify(value, null, 2)}\n`]);
  const containerfile = readFileSync(join(ROOT, "packaging", "Containerfile"), "utf8");
  return { ...Object.fromEntries(texts), "packaging/Containerfile": withLabels(containerfile, about) };
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(manifestTexts(aboutProgram()))) {
    await Bun.write(join(ROOT, path), text);
    console.log(path);
  }
}
