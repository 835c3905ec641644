/**
 * The clients that `setup` knows. README's table and docs/clients.md are made from the same table (`scripts/packaging/client-docs.ts`), so a client is
 * added and corrected here only. Files and fields: the documentation of each client; `bun run test:clients` checks them with the programs.
 */
import { own } from "../../lib/shown-text.ts";
import type { Launch, Machine, McpClient } from "./client.ts";
import { appFolder, configFolder, inHome, namedFolder, pathsOf } from "./client-folders.ts";
import { isPlainTable, valueIn } from "./formats/nested.ts";

/** Members that most clients share. */
function plain({ command, args, env }: Launch) {
  return { command, args, ...(Object.keys(env).length > 0 ? { env } : {}) };
}

const stdio = (launch: Launch) => ({ type: "stdio", ...plain(launch) });

/** The first of the files that exists, else the last. */
function firstFile({ exists }: Machine, ...files: readonly string[]): string {
  return files.find((file) => exists(file)) ?? files.at(-1) ?? "";
}

function codeFolder(machine: Machine): string {
  return pathsOf(machine).join(appFolder(machine), "Code", "User");
}

/** The Store version of Claude Desktop keeps its own copy of `%APPDATA%`. */
function desktopFolder(machine: Machine): string {
  const { join } = pathsOf(machine);
  const usual = join(appFolder(machine), "Claude");
  if (machine.platform !== "win32") return usual;
  const local = namedFolder(machine, "LOCALAPPDATA", "AppData", "Local");
  const store = join(local, "Packages", "Claude_pzs8sxrjxfjjc", "LocalCache", "Roaming", "Claude");
  return firstFile(machine, store, usual);
}

/** https://github.com/zed-industries/zed/blob/main/crates/paths/src/paths.rs */
function zedFolder(machine: Machine): string {
  const { join } = pathsOf(machine);
  if (machine.platform === "win32") return join(appFolder(machine), "Zed");
  return machine.platform === "darwin" ? inHome(machine, ".config", "zed") : join(configFolder(machine), "zed");
}

function gooseFolder(machine: Machine): string {
  const { join } = pathsOf(machine);
  return machine.platform === "win32"
    ? join(appFolder(machine), "Block", "goose", "config")
    : join(configFolder(machine), "goose");
}

const quoted = (words: readonly string[]) => words.join(" ");

export const CLIENTS: readonly McpClient[] = [
  {
    id: "claude-code",
    title: "Claude Code",
    isDesktop: false,
    format: "json",
    file: (machine) => pathsOf(machine).join(namedFolder(machine, "CLAUDE_CONFIG_DIR"), ".claude.json"),
    where: "`~/.claude.json`, `mcpServers`",
    signs: (machine) => [inHome(machine, ".claude"), inHome(machine, ".claude.json")],
    programs: ["claude"],
    servers: ["mcpServers"],
    entry: stdio,
    passes: "all",
    allowing: {
      file: (machine) => pathsOf(machine).join(namedFolder(machine, "CLAUDE_CONFIG_DIR", ".claude"), "settings.json"),
      rules: ["permissions", "allow"],
      rule: (server, tool) => `mcp__${server}__${tool}`,
    },
    line: (name, words) => `claude mcp add -s user ${name} -- ${quoted(words)}`,
    breaks: [
      "Without `-s user` the server is added to the current project only.",
      "A running session does not see a new server: start a new one.",
    ],
    log: "`claude mcp list` connects to it and says how that went; `claude --debug` writes what the server prints; `/mcp` inside a session.",
  },
  {
    id: "claude-desktop",
    title: "Claude Desktop",
    isDesktop: true,
    format: "json",
    file: (machine) => pathsOf(machine).join(desktopFolder(machine), "claude_desktop_config.json"),
    where:
      "`claude_desktop_config.json` in `~/Library/Application Support/Claude/` (macOS) or `%APPDATA%\\Claude\\` (Windows), `mcpServers`",
    signs: (machine) => [desktopFolder(machine)],
    programs: [],
    servers: ["mcpServers"],
    entry: plain,
    passes: "few",
    allowing: { byHand: own("allow the tool when it asks") },
    breaks: [
      "It does not have the PATH of a shell, so `bunx` is not found (`spawn bunx ENOENT`): the file needs the absolute path of Bun.",
      "It reads the file at its start only: quit it, also from the menu bar or tray, and start it again.",
      "The Microsoft Store version has its folder in `%LOCALAPPDATA%\\Packages\\Claude_pzs8sxrjxfjjc\\LocalCache\\Roaming\\Claude`.",
    ],
    log: "`mcp-server-prefect.log` in `~/Library/Logs/Claude/` (macOS) or `%APPDATA%\\Claude\\logs\\` (Windows); Settings → Developer.",
  },
  {
    id: "cursor",
    title: "Cursor",
    isDesktop: true,
    format: "json",
    file: (machine) => inHome(machine, ".cursor", "mcp.json"),
    where: "`~/.cursor/mcp.json`, `mcpServers`",
    signs: (machine) => [inHome(machine, ".cursor")],
    programs: ["cursor", "cursor-agent"],
    servers: ["mcpServers"],
    entry: plain,
    passes: "few",
    allowing: {
      byHand: own(
        "list `prefect:TOOL` in `mcpAllowlist` of `~/.cursor/permissions.json`; it replaces the list in its settings (https://cursor.com/docs/reference/permissions)",
      ),
    },
    breaks: [
      "Started from the desktop it does not have the PATH of a shell (`spawn bunx ENOENT`).",
      "A new server may be off: Settings → MCP has a switch for each.",
    ],
    log: 'Output panel, "MCP Logs".',
  },
  {
    id: "vscode",
    title: "VS Code",
    isDesktop: true,
    format: "json",
    file: (machine) => pathsOf(machine).join(codeFolder(machine), "mcp.json"),
    where: "`mcp.json` of the user profile (command “MCP: Open User Configuration”), `servers`",
    signs: (machine) => [codeFolder(machine)],
    programs: ["code"],
    servers: ["servers"],
    entry: stdio,
    passes: "few",
    allowing: { byHand: own("allow the tool when it asks") },
    line: (name, [command = "", ...args]) => `code --add-mcp '${JSON.stringify({ name, command, args })}'`,
    breaks: [
      "The key is `servers`, not `mcpServers`.",
      "Each profile of VS Code has a file of its own; `setup` writes that of the default profile.",
      "It asks once whether the server is trusted; until then it does not start.",
    ],
    log: "Command “MCP: List Servers”, then the server, then “Show Output”.",
  },
  {
    id: "windsurf",
    title: "Windsurf",
    isDesktop: true,
    format: "json",
    file: (machine) => inHome(machine, ".codeium", "windsurf", "mcp_config.json"),
    where: "`~/.codeium/windsurf/mcp_config.json`, `mcpServers`",
    signs: (machine) => [inHome(machine, ".codeium", "windsurf")],
    programs: ["windsurf"],
    servers: ["mcpServers"],
    entry: plain,
    passes: "few",
    allowing: { byHand: own("allow the tool when it asks") },
    breaks: [
      "It offers at most 100 tools of all servers together.",
      "After a change of the file, press Refresh in the list of servers.",
    ],
    log: "Command “Developer: Show Logs…”, then “Windsurf”.",
  },
  {
    id: "codex",
    title: "Codex",
    isDesktop: false,
    format: "toml",
    file: (machine) => pathsOf(machine).join(namedFolder(machine, "CODEX_HOME", ".codex"), "config.toml"),
    where: "`~/.codex/config.toml`, `[mcp_servers.prefect]`",
    signs: (machine) => [namedFolder(machine, "CODEX_HOME", ".codex")],
    programs: ["codex"],
    servers: ["mcp_servers"],
    entry: (launch, _, approved) => ({
      ...plain(launch),
      ...(approved.length === 0
        ? {}
        : { tools: Object.fromEntries(approved.map((tool) => [tool, { approval_mode: "approve" }])) }),
    }),
    passes: "few",
    allowing: "entry",
    line: (name, words) => `codex mcp add ${name} -- ${quoted(words)}`,
    breaks: [
      "Only a fixed list of variables reaches the server; `PREFECT_API_URL` and `PREFECT_API_KEY` of the shell do not.",
      "A server that needs more than `startup_timeout_sec` (10) is dropped.",
    ],
    log: "`codex mcp list`; `/mcp` inside a session; `~/.codex/log/codex-tui.log`.",
  },
  {
    id: "gemini",
    title: "Gemini CLI",
    isDesktop: false,
    format: "json",
    file: (machine) => inHome(machine, ".gemini", "settings.json"),
    where: "`~/.gemini/settings.json`, `mcpServers`",
    signs: (machine) => [inHome(machine, ".gemini", "settings.json")],
    programs: ["gemini"],
    servers: ["mcpServers"],
    entry: plain,
    passes: "no-secrets",
    allowing: {
      byHand: own(
        'a rule with `mcpName`, `toolName` and `decision = "allow"` in a file of `~/.gemini/policies/` (https://geminicli.com/docs/reference/policy-engine/)',
      ),
    },
    line: (name, words) => `gemini mcp add -s user ${name} ${quoted(words)}`,
    breaks: [
      "Without `-s user` the server is added to the current project only.",
      "In a folder that is not trusted every server is `Disabled`.",
      "Inherited variables whose name contains KEY, AUTH or TOKEN do not reach the server, so `PREFECT_API_KEY` does not.",
      "Flags of the server follow after `--`.",
    ],
    log: "`gemini mcp list`; `gemini --debug`; `/mcp` inside a session.",
  },
  {
    id: "zed",
    title: "Zed",
    isDesktop: true,
    format: "json",
    file: (machine) => pathsOf(machine).join(zedFolder(machine), "settings.json"),
    where: "`settings.json` (`~/.config/zed/`, Windows `%APPDATA%\\Zed\\`), `context_servers`",
    signs: (machine) => [zedFolder(machine)],
    programs: ["zed", "zeditor"],
    servers: ["context_servers"],
    entry: (launch) => ({ source: "custom", ...plain(launch), env: launch.env }),
    passes: "few",
    allowing: { byHand: own("`agent.tool_permissions` in `settings.json` (https://zed.dev/docs/ai/tool-permissions)") },
    breaks: ["Started from the desktop it does not have the PATH of a shell."],
    log: "Command “zed: open log”; the dot beside the server in the settings of the Agent panel.",
  },
  {
    id: "opencode",
    title: "opencode",
    isDesktop: false,
    format: "json",
    file: (machine) => {
      const { join } = pathsOf(machine);
      const folder = join(configFolder(machine), "opencode");
      return firstFile(machine, join(folder, "opencode.jsonc"), join(folder, "opencode.json"));
    },
    where: "`~/.config/opencode/opencode.json` (or `.jsonc`), `mcp`",
    signs: (machine) => [pathsOf(machine).join(configFolder(machine), "opencode")],
    programs: ["opencode"],
    servers: ["mcp"],
    entry: ({ command, args, env }) => ({
      type: "local",
      command: [command, ...args],
      enabled: true,
      ...(Object.keys(env).length > 0 ? { environment: env } : {}),
    }),
    // Version 2, https://opencode.ai/docs/mcp-servers; it reads the shape of version 1 as well, and has no `enabled`.
    otherShape: {
      servers: ["mcp", "servers"],
      entry: ({ command, args, env }) => ({
        type: "local",
        command: [command, ...args],
        ...(Object.keys(env).length > 0 ? { environment: env } : {}),
      }),
      isIn(root, name) {
        const servers = valueIn(root, ["mcp", "servers"]);
        // In version 1 a server could have the name "servers".
        const isTable = isPlainTable(servers) && typeof servers.type !== "string";
        return isTable && valueIn(root, ["mcp", name]) === undefined;
      },
    },
    passes: "all",
    allowing: {
      byHand: own("`permission` in the same file (https://opencode.ai/v1/docs/permissions)"),
    },
    breaks: ["`command` is one list of all words, and variables are in `environment`, not `env`."],
    log: "`opencode mcp list`; `~/.local/share/opencode/log/`.",
  },
  {
    id: "goose",
    title: "Goose",
    isDesktop: true,
    format: "yaml",
    file: (machine) => pathsOf(machine).join(gooseFolder(machine), "config.yaml"),
    where: "`~/.config/goose/config.yaml` (Windows `%APPDATA%\\Block\\goose\\config\\`), `extensions`",
    signs: (machine) => [gooseFolder(machine)],
    programs: ["goose"],
    servers: ["extensions"],
    entry: ({ command, args, env }, name) => ({
      name,
      description: "",
      type: "stdio",
      enabled: true,
      cmd: command,
      args,
      envs: env,
      timeout: 300,
    }),
    passes: "all",
    allowing: {
      byHand: own("`permission.yaml` beside `config.yaml`, which `goose configure` writes (Tool Permission)"),
    },
    breaks: ["An extension without `args` is ignored.", "The Desktop program does not have the PATH of a shell."],
    log: "`~/.local/state/goose/logs/` (Windows `%APPDATA%\\Block\\goose\\data\\logs\\`).",
  },
  {
    id: "copilot",
    title: "Copilot CLI",
    isDesktop: false,
    format: "json",
    file: (machine) => pathsOf(machine).join(namedFolder(machine, "COPILOT_HOME", ".copilot"), "mcp-config.json"),
    where: "`~/.copilot/mcp-config.json`, `mcpServers`",
    signs: (machine) => [namedFolder(machine, "COPILOT_HOME", ".copilot")],
    programs: ["copilot"],
    servers: ["mcpServers"],
    entry: (launch) => ({ type: "local", ...plain(launch), tools: ["*"] }),
    passes: "few",
    allowing: { byHand: own("allow the tool when it asks") },
    breaks: ["Without `tools` in the entry no tool is offered."],
    log: "`/mcp show prefect` inside a session; `~/.copilot/logs/`.",
  },
  {
    id: "cline",
    title: "Cline (VS Code)",
    isDesktop: true,
    format: "json",
    file: (machine) =>
      pathsOf(machine).join(
        codeFolder(machine),
        "globalStorage",
        "saoudrizwan.claude-dev",
        "settings",
        "cline_mcp_settings.json",
      ),
    where: "`cline_mcp_settings.json` (MCP Servers → Configure), `mcpServers`",
    signs: (machine) => [pathsOf(machine).join(codeFolder(machine), "globalStorage", "saoudrizwan.claude-dev")],
    programs: [],
    servers: ["mcpServers"],
    entry: (launch, _, approved) => ({ ...plain(launch), disabled: false, ...approvedList(approved) }),
    passes: "few",
    allowing: "entry",
    breaks: ["It does not have the PATH of a shell where VS Code was started from the desktop."],
    log: "MCP Servers → Installed shows the error of each server; Output panel, “Cline”.",
  },
  {
    id: "cline-cli",
    title: "Cline CLI",
    isDesktop: false,
    format: "json",
    file: (machine) =>
      pathsOf(machine).join(namedFolder(machine, "CLINE_DIR", ".cline"), "data", "settings", "cline_mcp_settings.json"),
    where: "`~/.cline/data/settings/cline_mcp_settings.json`, `mcpServers`",
    signs: (machine) => [namedFolder(machine, "CLINE_DIR", ".cline")],
    programs: ["cline"],
    servers: ["mcpServers"],
    entry: (launch, _, approved) => ({ ...plain(launch), disabled: false, ...approvedList(approved) }),
    passes: "few",
    allowing: "entry",
    breaks: ["It has another file than the extension of VS Code."],
    log: "`~/.cline/data/logs/`.",
  },
  {
    id: "kiro",
    title: "Kiro",
    isDesktop: true,
    format: "json",
    file: (machine) => inHome(machine, ".kiro", "settings", "mcp.json"),
    where: "`~/.kiro/settings/mcp.json`, `mcpServers`",
    signs: (machine) => [inHome(machine, ".kiro")],
    programs: ["kiro", "kiro-cli"],
    servers: ["mcpServers"],
    entry: (launch, _, approved) => ({ ...plain(launch), ...approvedList(approved) }),
    passes: "few",
    allowing: "entry",
    breaks: ["A project's `.kiro/settings/mcp.json` overrides an entry of the same name."],
    log: "Output panel, “Kiro - MCP Logs”.",
  },
];

function approvedList(approved: readonly string[]) {
  return approved.length === 0 ? {} : { autoApprove: approved };
}

/** Clients whose folder or program is on this machine. */
export function foundClients(machine: Machine): readonly McpClient[] {
  return CLIENTS.filter(
    ({ signs, programs }) =>
      signs(machine).some((path) => machine.exists(path)) || programs.some((name) => machine.which(name) !== null),
  );
}
