import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { checkConfiguredClients } from "../../../src/cli/doctor/configured-clients.ts";
import { systemClock } from "../../../src/lib/clock.ts";

const MAIN = join(import.meta.dir, "..", "..", "..", "src", "main.ts");
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "configured clients ü-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function write(path: string, text: string | object): string {
  const file = join(home, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof text === "string" ? text : JSON.stringify(text));
  return file;
}

async function check(env: Record<string, string> = {}) {
  const machine = {
    platform: "linux",
    home,
    env: { HOME: home, PATH: process.env.PATH ?? "", ...env },
    exists: () => false,
    which: () => null,
  };
  const command = [process.execPath, MAIN];
  const signal = new AbortController().signal;
  const findings = await checkConfiguredClients({ machine, command, clock: systemClock, signal });
  return findings.map(({ level, what, fix }) => [level, String(what).replaceAll(home, "~"), fix && String(fix)]);
}

test("without a client that has the server, the command that adds it is named", async () => {
  write(".config/zed/settings.json", { context_servers: { prefect: { command: "uvx", args: ["prefect-mcp"] } } });
  expect(await check()).toEqual([
    ["ok", "No MCP client of this user has the server yet: `prefect-mcp-bun setup` adds it.", undefined],
  ]);
});

test("each entry is read back and its command is started, with its own variables and none of this shell", async () => {
  // Only a server that gets the variable of the entry, and not the one of the shell, answers.
  const answer = "console.log(JSON.stringify({ id: 2, result: {} })); await new Response(Bun.stdin.stream()).text();";
  const program = write(
    "prefect-mcp-bun.ts",
    `if (process.env.PREFECT_MCP_TOOLS === "all" && process.env.PREFECT_API_KEY === undefined) { ${answer} }`,
  );
  const env = { PREFECT_MCP_TOOLS: "all" };
  write(
    ".codex/config.toml",
    `[mcp_servers.prefect]\ncommand = ${JSON.stringify(process.execPath)}\nargs = [${JSON.stringify(MAIN)}]\n`,
  );
  write(".config/opencode/opencode.json", {
    mcp: { mine: { type: "local", command: [process.execPath, program], environment: env } },
  });
  write(".cursor/mcp.json", { mcpServers: { prefect: { command: process.execPath, args: [program] } } });
  expect(await check({ PREFECT_API_KEY: "pnu_secret" })).toEqual([
    [
      "fix",
      "Cursor, server prefect in ~/.cursor/mcp.json: its command does not start the server: it ended without an answer.",
      "Run `prefect-mcp-bun setup --client cursor`, which writes absolute paths.",
    ],
    [
      "ok",
      "Codex, server prefect in ~/.codex/config.toml: its command starts the server, which answers a tool call.",
      undefined,
    ],
    [
      "ok",
      "opencode, server mine in ~/.config/opencode/opencode.json: its command starts the server, which answers a tool call.",
      undefined,
    ],
  ]);
});

test("an entry that is switched off, a command by its name and a file that is not valid are named", async () => {
  write(".cline/data/settings/cline_mcp_settings.json", {
    mcpServers: { prefect: { command: "bunx", args: ["prefect-mcp-bun"], disabled: true } },
  });
  write(".kiro/settings/mcp.json", { mcpServers: { other: { command: "prefect-mcp-bun-no-such", args: [] } } });
  write(".gemini/settings.json", '{"mcpServers": ');
  expect(await check()).toEqual([
    [
      "warn",
      "Gemini CLI cannot be checked: ~/.gemini/settings.json: it is not valid JSON (value expected, line 1, column 16).",
      "Correct the file: the client cannot read it either.",
    ],
    [
      "warn",
      "Cline CLI, server prefect in ~/.cline/data/settings/cline_mcp_settings.json: it is switched off there.",
      "Switch it on in the client, or in that file.",
    ],
    [
      "fix",
      "Kiro, server other in ~/.kiro/settings/mcp.json: its command does not start the server: it does not exist.",
      "Run `prefect-mcp-bun setup --client kiro --name other`, which writes absolute paths.",
    ],
    [
      "warn",
      "Kiro starts prefect-mcp-bun-no-such by its name. Started from the desktop it does not have the PATH of this shell, and may not find it.",
      "Run `prefect-mcp-bun setup --client kiro --name other`, which writes absolute paths.",
    ],
  ]);
});
