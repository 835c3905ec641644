import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClientId, Machine } from "../../../src/cli/setup/client.ts";
import { CLIENTS } from "../../../src/cli/setup/clients.ts";
import { launchFor, programWords } from "../../../src/cli/setup/launch.ts";
import { loadSettings } from "../../../src/config/load-settings.ts";
import { type SettingName, settingMeta } from "../../../src/config/schema.ts";

const real = (path: string) => path;

function machine(more: Partial<Machine> = {}): Machine {
  return { platform: "linux", home: "/home/ada", env: {}, exists: () => false, which: () => null, ...more };
}

describe("the command of the server", () => {
  test.each([
    ["a checkout", "/opt/bun", "/src/prefect-mcp-bun/src/main.ts", ["/opt/bun", "/src/prefect-mcp-bun/src/main.ts"]],
    [
      "a compiled program",
      "/usr/local/bin/prefect-mcp-bun",
      "/$bunfs/root/prefect-mcp-bun",
      ["/usr/local/bin/prefect-mcp-bun"],
    ],
    [
      "a compiled program on Windows",
      "C:\\p\\prefect-mcp-bun.exe",
      "B:\\~BUN\\root\\main.js",
      ["C:\\p\\prefect-mcp-bun.exe"],
    ],
    [
      "bunx, whose cache is emptied",
      "/home/ada/.bun/bin/bun",
      "/tmp/bunx-1000-prefect-mcp-bun@latest/node_modules/prefect-mcp-bun/dist/prefect-mcp-bun.js",
      ["/home/ada/.bun/bin/bun", "x", "prefect-mcp-bun"],
    ],
  ])("of %s has absolute paths", (_, executable, entry, words) => {
    expect(programWords({ executable, entry, real }, machine())).toEqual(words);
  });

  test("names Bun by the link that an upgrade keeps, and not one in the cache of npx", () => {
    const brew = "/opt/homebrew/Cellar/bun/1.4.5/bin/bun";
    const linked = (path: string) => (path === "/opt/homebrew/bin/bun" ? brew : path);
    const on = machine({ which: () => "/opt/homebrew/bin/bun" });
    expect(programWords({ executable: brew, entry: "/p.js", real: linked }, on)).toEqual([
      "/opt/homebrew/bin/bun",
      "/p.js",
    ]);
    const cached = "/home/ada/.npm/_npx/ab12/node_modules/bun/bin/bun.exe";
    const installed = machine({ exists: (path) => path === "/home/ada/.bun/bin/bun" });
    expect(programWords({ executable: cached, entry: "/p.js", real }, installed)[0]).toBe("/home/ada/.bun/bin/bun");
    expect(programWords({ executable: cached, entry: "/p.js", real }, machine())[0]).toBe(cached);
  });
});

test("on Windows Bun is named by its program and not by a script, whatever the case of its drive", () => {
  const on = (which: string) => machine({ platform: "win32", home: "C:\\Users\\Ada B", which: () => which });
  const words = (executable: string, which: string) =>
    programWords({ executable, entry: "C:\\Users\\Ada B\\p.js", real }, on(which));
  const bun = "C:\\Program Files\\bun\\bun.exe";
  expect(words("c:\\program files\\bun\\bun.exe", bun)).toEqual([bun, "C:\\Users\\Ada B\\p.js"]);
  const cached = "C:\\Users\\Ada B\\AppData\\Local\\npm-cache\\_npx\\ab12\\node_modules\\bun\\bin\\bun.exe";
  expect(words(cached, "C:\\Users\\Ada B\\AppData\\Roaming\\npm\\bun.cmd")[0]).toBe(cached);
  expect(words(cached, bun)[0]).toBe(bun);
});

test("a compiled program is named by the link that an upgrade keeps", () => {
  const brew = "/opt/homebrew/Cellar/prefect-mcp-bun/0.1.0/bin/prefect-mcp-bun";
  const linked = (path: string) => (path === "/opt/homebrew/bin/prefect-mcp-bun" ? brew : path);
  const on = machine({ which: (name) => `/opt/homebrew/bin/${name}` });
  const words = programWords({ executable: brew, entry: "/$bunfs/root/x", real: linked }, on);
  expect(words).toEqual(["/opt/homebrew/bin/prefect-mcp-bun"]);
});

describe("what reaches the server", () => {
  let home: string;
  let cwd: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "launch-"));
    cwd = join(home, "project");
    mkdirSync(cwd);
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  function profile(settings: string): void {
    mkdirSync(join(home, ".prefect"), { recursive: true });
    writeFileSync(
      join(home, ".prefect", "profiles.toml"),
      `active = "work"\n[profiles.work]\n${settings}\n[profiles.other]\n`,
    );
  }

  function launch(id: ClientId, env: Record<string, string>, flags: Record<string, string> = {}) {
    const client = CLIENTS.find((one) => one.id === id);
    if (!client) throw new Error(id);
    const input = { cwd, home, platform: "linux" };
    const {
      command,
      args,
      env: written,
      notes,
    } = launchFor(client, {
      words: ["/bun", "/p.js"],
      resolved: loadSettings({ ...input, env, flags }),
      settingsWith: (passed, given) => loadSettings({ ...input, env: passed, flags: given, cwd: home }),
      flags,
      machine: machine({ home, env }),
      cwd,
      isSecret: (name) => settingMeta(name as SettingName).isSecret === true,
    });
    return { line: [command, ...args].join(" "), env: written, notes: notes.map(String) };
  }

  test("an active profile needs nothing", () => {
    profile('PREFECT_API_URL = "https://p.example/api"\nPREFECT_API_KEY = "pnu_secret"');
    expect(launch("codex", {})).toEqual({ line: "/bun /p.js", env: {}, notes: [] });
  });

  test("a profile of the shell and flags of the command line become flags", () => {
    profile("");
    expect(launch("codex", { PREFECT_PROFILE: "other" }).line).toBe("/bun /p.js --profile other");
    expect(launch("codex", { PREFECT_PROFILE: "work" }, { profile: "other" }).line).toBe("/bun /p.js --profile other");
    expect(launch("codex", {}, { "data-dir": "records", tools: "all" }).line).toBe(
      `/bun /p.js --data-dir ${join(cwd, "records")} --tools all`,
    );
  });

  test("a URL and other variables are written down only where the client does not pass them", () => {
    const env = { PREFECT_API_URL: "http://10.0.0.5:4200/api", PREFECT_MCP_RETENTION_DAYS: "30" };
    const ofShell = (title: string) => [
      `Variables of this shell that are not written down: PREFECT_API_URL, PREFECT_MCP_RETENTION_DAYS. ${title} passes them on only when it is started from a shell that has them, not from a desktop: \`prefect-mcp-bun setup --profile NAME\` works in both.`,
    ];
    expect(launch("claude-code", env)).toEqual({ line: "/bun /p.js", env: {}, notes: ofShell("Claude Code") });
    expect(launch("gemini", env)).toEqual({ line: "/bun /p.js", env: {}, notes: ofShell("Gemini CLI") });
    expect(launch("codex", env)).toEqual({
      line: "/bun /p.js --api-url http://10.0.0.5:4200/api",
      env: { PREFECT_MCP_RETENTION_DAYS: "30" },
      notes: [],
    });
  });

  test("settings of the current folder are named, because the client starts elsewhere", () => {
    writeFileSync(join(cwd, ".env"), "PREFECT_API_URL=http://10.0.0.5:4200/api\nPREFECT_MCP_RETENTION_DAYS=30\n");
    const { line, notes } = launch("claude-code", {});
    expect(line).toBe("/bun /p.js --api-url http://10.0.0.5:4200/api");
    expect(notes).toEqual([expect.stringContaining("PREFECT_MCP_RETENTION_DAYS")]);
  });

  test("a credential that would not reach the server is an error, and is never written or shown", () => {
    const env = { PREFECT_API_URL: "https://p.example/api", PREFECT_API_KEY: "pnu_secret" };
    const notes = [
      expect.stringMatching(/^Variables of this shell that are not written down: PREFECT_API_URL, PREFECT_API_KEY\./),
    ];
    expect(launch("claude-code", env)).toEqual({ line: "/bun /p.js", env: {}, notes });
    for (const id of ["codex", "gemini", "cursor"] as const) {
      expect(() => launch(id, env)).toThrow("PREFECT_API_KEY would not reach the server");
      expect(() => launch(id, env)).not.toThrow("pnu_secret");
    }
    profile('PREFECT_API_URL = "https://p.example/api"\nPREFECT_API_KEY = "pnu_secret"');
    expect(launch("codex", env)).toEqual({ line: "/bun /p.js", env: {}, notes: [] });
  });
});
