/** How each real program is set up in an empty home, asked for its servers, and made to call a tool by the model on this computer. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface Program {
  readonly title: string;
  /** Its package in `package.json` beside this file. */
  readonly package: string;
  /** Its name for `setup --client`. */
  readonly client: string;
  /** More flags of `setup`. */
  readonly flags: readonly string[];
  /** What a user has in the home folder before. */
  readonly files?: Readonly<Record<string, object>>;
  /** Arguments that list the servers. */
  readonly list: readonly string[];
  /** In the output of `list`: the program knows the server. */
  readonly listed: RegExp;
  /** In the output of `list`: it has connected to it. null: that output does not say it; the tools that the model is offered do. */
  readonly connected: RegExp | null;
  /** Arguments that ask the model something. `url`: of the model. */
  ask(url: string): readonly string[];
  env(url: string): Readonly<Record<string, string>>;
  /** Commands by which it checks or installs the files for installers of a checkout, and what it says when they are right. */
  readonly installs?: (root: string) => readonly { readonly args: readonly string[]; readonly accepted: RegExp }[];
}

/** In a checkout. */
const PLUGIN = join("packaging", "plugin");
const QUESTION = "Which Prefect workspace is this?";

export const PROGRAMS: readonly (Program & { readonly bin: string })[] = [
  {
    title: "Codex",
    package: "@openai/codex",
    bin: "codex",
    client: "codex",
    flags: ["--allow"],
    list: ["mcp", "list"],
    listed: /^prefect\s.*enabled/m,
    connected: null,
    ask: (url) => [
      "exec",
      "--skip-git-repo-check",
      "-c",
      `model_providers.local={name="local",base_url="${url}/v1",wire_api="responses",env_key="LOCAL_KEY"}`,
      ...["-c", "model_provider=local", "-c", "model=local"],
      // Otherwise it asks the model before a server has connected, where the computer is busy.
      ...["-c", "mcp_servers.prefect.required=true", QUESTION],
    ],
    env: () => ({ LOCAL_KEY: "none" }),
    installs: (root) => [
      { args: ["plugin", "marketplace", "add", root], accepted: /^Added marketplace `prefect-mcp-bun`/m },
      {
        args: ["plugin", "add", "prefect-mcp-bun@prefect-mcp-bun"],
        accepted: /^Added plugin `prefect-mcp-bun`/m,
      },
    ],
  },
  {
    title: "Gemini CLI",
    package: "@google/gemini-cli",
    bin: "gemini",
    client: "gemini",
    flags: [],
    files: { ".gemini/settings.json": { security: { auth: { selectedType: "gemini-api-key" } } } },
    list: ["mcp", "list"],
    listed: /^. prefect:/m,
    connected: /^✓ prefect: .* - Connected/m,
    // The name of a model that it knows; the address decides who answers.
    ask: () => ["--yolo", "-m", "gemini-2.5-pro", "-p", QUESTION],
    env: (url) => ({ GEMINI_API_KEY: "none", GOOGLE_GEMINI_BASE_URL: url, GEMINI_CLI_TRUST_WORKSPACE: "true" }),
    installs: (root) => [
      { args: ["extensions", "validate", join(root, PLUGIN)], accepted: /has been successfully validated/ },
    ],
  },
  {
    title: "opencode",
    package: "opencode-ai",
    bin: "opencode",
    client: "opencode",
    flags: [],
    list: ["mcp", "list"],
    listed: /prefect/,
    connected: /✓ *prefect\b.*connected/,
    ask: () => ["run", "-m", "local/local", QUESTION],
    env: (url) => ({
      OPENCODE_DISABLE_MODELS_FETCH: "1",
      OPENCODE_CONFIG_CONTENT: JSON.stringify({
        provider: {
          local: {
            npm: "@ai-sdk/openai-compatible",
            options: { baseURL: `${url}/v1`, apiKey: "none" },
            models: { local: {} },
          },
        },
      }),
    }),
  },
  {
    title: "Claude Code",
    package: "@anthropic-ai/claude-code",
    bin: "claude",
    client: "claude-code",
    flags: ["--allow"],
    list: ["mcp", "list"],
    listed: /^prefect: /m,
    connected: /^prefect: .*✔ Connected/m,
    ask: () => ["-p", QUESTION],
    // Otherwise the model has to search for tools before it sees them.
    env: (url) => ({ ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: "none", ENABLE_TOOL_SEARCH: "false" }),
    installs: (root) =>
      [root, join(root, PLUGIN)].map((folder) => ({
        args: ["plugin", "validate", folder],
        accepted: /Validation passed/,
      })),
  },
];

/** `path`: below the home folder. */
export function writeHomeFile(home: string, path: string, text: string): void {
  const file = join(home, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
