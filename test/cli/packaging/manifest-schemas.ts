/** Strict schemas of the files for installers, written from the public ones: a member that they do not know is an error. */
import { z } from "zod";

const Url = z.url({ protocol: /^https$/ });
const Version = z.string().regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/);
const Texts = z.record(z.string(), z.string());

/** The `Input` of server.json with only what this project uses. */
const Input = z.strictObject({
  name: z.string().min(1),
  description: z.string(),
  isRequired: z.boolean(),
  format: z.enum(["string", "number", "boolean", "filepath"]),
  isSecret: z.boolean(),
});
const Argument = z.union([
  z.strictObject({ type: z.literal("positional"), value: z.string() }),
  z.strictObject({ type: z.literal("named"), name: z.string(), value: z.string() }),
]);
const packageMembers = {
  transport: z.strictObject({ type: z.literal("stdio") }),
  environmentVariables: z.array(Input),
  runtimeArguments: z.array(Argument).optional(),
  packageArguments: z.array(Argument).optional(),
};

/**
 * https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json. Kinds of packages are distinguished as the registry does when
 * something is published (https://modelcontextprotocol.io/registry/package-types): an image has its version in the tag, a bundle its hash.
 */
export const RegistryEntry = z.strictObject({
  $schema: z.literal("https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"),
  name: z
    .string()
    .max(200)
    .regex(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/),
  title: z.string().min(1).max(100),
  description: z.string().min(1).max(100),
  version: Version,
  repository: z.strictObject({ url: Url, source: z.literal("github") }).optional(),
  websiteUrl: Url.optional(),
  packages: z.array(
    z.discriminatedUnion("registryType", [
      z.strictObject({
        registryType: z.literal("npm"),
        identifier: z.string(),
        version: Version,
        runtimeHint: z.literal("bunx"),
        ...packageMembers,
      }),
      z.strictObject({
        registryType: z.literal("oci"),
        identifier: z.string().regex(/^(docker\.io|ghcr\.io|quay\.io)\/[a-z0-9._/-]+:[\w.-]+$/),
        runtimeHint: z.literal("docker"),
        ...packageMembers,
      }),
      z.strictObject({
        registryType: z.literal("mcpb"),
        identifier: Url.regex(/mcp/),
        version: Version,
        fileSha256: z.string().regex(/^[a-f0-9]{64}$/),
        ...packageMembers,
      }),
    ]),
  ),
});

/** https://github.com/modelcontextprotocol/mcpb/blob/main/MANIFEST.md, version 0.4. */
export const BundleManifest = z.strictObject({
  manifest_version: z.literal("0.4"),
  name: z.string(),
  display_name: z.string(),
  version: Version,
  description: z.string(),
  author: z.strictObject({ name: z.string() }),
  repository: z.strictObject({ type: z.literal("git"), url: Url }).optional(),
  homepage: Url.optional(),
  support: Url.optional(),
  server: z.strictObject({
    type: z.enum(["python", "node", "binary", "uv"]),
    entry_point: z.string(),
    mcp_config: z.strictObject({ command: z.string(), args: z.array(z.string()), env: Texts }),
  }),
  tools_generated: z.boolean(),
  prompts_generated: z.boolean(),
  keywords: z.array(z.string()),
  license: z.string(),
  compatibility: z.strictObject({ platforms: z.array(z.enum(["darwin", "win32", "linux"])) }),
  user_config: z.record(
    z.string(),
    z.strictObject({
      type: z.enum(["string", "number", "boolean", "directory", "file"]),
      title: z.string(),
      description: z.string(),
      required: z.boolean(),
      sensitive: z.boolean().optional(),
    }),
  ),
});

const pluginMembers = {
  name: z
    .string()
    .max(64)
    .regex(/^(?!.*(?:--|\.\.))[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/),
  version: Version,
  description: z.string(),
  author: z.strictObject({ name: z.string() }),
  homepage: Url.optional(),
  repository: Url.optional(),
  license: z.string(),
  keywords: z.array(z.string()),
};
const Server = z.strictObject({ command: z.string().min(1), args: z.array(z.string()) });

/** https://agent-plugins.org/schemas/1.0.0/plugin.schema.json */
export const AgentPlugin = z.strictObject({
  $schema: z.literal("https://agent-plugins.org/schemas/1.0.0/plugin.schema.json"),
  ...pluginMembers,
});

/** https://agent-plugins.org/schemas/1.0.0/mcp.schema.json */
export const AgentPluginServers = z.strictObject({
  $schema: z.literal("https://agent-plugins.org/schemas/1.0.0/mcp.schema.json"),
  mcpServers: z.record(z.string(), Server.extend({ type: z.literal("stdio") })),
});

/** https://code.claude.com/docs/en/plugins-reference#plugin-manifest-schema */
export const ClaudePlugin = z.strictObject(pluginMembers);

/** `.mcp.json` of Claude Code and Codex. */
export const PluginServers = z.strictObject({ mcpServers: z.record(z.string(), Server) });

/** https://code.claude.com/docs/en/plugin-marketplaces#marketplace-schema */
export const Marketplace = z.strictObject({
  name: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/),
  owner: z.strictObject({ name: z.string() }),
  metadata: z.strictObject({ description: z.string(), version: Version }),
  plugins: z.array(z.strictObject({ ...pluginMembers, source: z.string().startsWith("./"), category: z.string() })),
});

/** https://github.com/openai/plugins/blob/main/.agents/skills/plugin-creator/references/plugin-json-spec.md */
export const CodexPlugin = z.strictObject({
  ...pluginMembers,
  skills: z.literal("./skills/"),
  mcpServers: z.literal("./.mcp.json"),
  interface: z.strictObject({
    displayName: z.string(),
    shortDescription: z.string(),
    developerName: z.string(),
    category: z.string(),
    capabilities: z.array(z.string()),
    websiteURL: Url.optional(),
  }),
});

/** https://geminicli.com/docs/extensions/reference */
export const GeminiExtension = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]+$/),
  version: Version,
  description: z.string(),
  mcpServers: z.record(z.string(), Server),
});
