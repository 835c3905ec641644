import { describe, expect, test } from "bun:test";
import type { Machine } from "../../../src/cli/setup/client.ts";
import { CLIENTS, foundClients } from "../../../src/cli/setup/clients.ts";

function machine(platform: string, home: string, more: Partial<Machine> = {}): Machine {
  return { platform, home, env: {}, exists: () => false, which: () => null, ...more };
}

const filesOn = (on: Machine) => Object.fromEntries(CLIENTS.map(({ id, file }) => [id, file(on)]));

describe("the files of clients", () => {
  test("on Linux", () => {
    expect(filesOn(machine("linux", "/home/ada"))).toEqual({
      "claude-code": "/home/ada/.claude.json",
      "claude-desktop": "/home/ada/.config/Claude/claude_desktop_config.json",
      cursor: "/home/ada/.cursor/mcp.json",
      vscode: "/home/ada/.config/Code/User/mcp.json",
      windsurf: "/home/ada/.codeium/windsurf/mcp_config.json",
      codex: "/home/ada/.codex/config.toml",
      gemini: "/home/ada/.gemini/settings.json",
      zed: "/home/ada/.config/zed/settings.json",
      opencode: "/home/ada/.config/opencode/opencode.json",
      goose: "/home/ada/.config/goose/config.yaml",
      copilot: "/home/ada/.copilot/mcp-config.json",
      cline: "/home/ada/.config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
      "cline-cli": "/home/ada/.cline/data/settings/cline_mcp_settings.json",
      kiro: "/home/ada/.kiro/settings/mcp.json",
    });
  });

  test("on macOS", () => {
    expect(filesOn(machine("darwin", "/Users/ada"))).toMatchObject({
      "claude-desktop": "/Users/ada/Library/Application Support/Claude/claude_desktop_config.json",
      vscode: "/Users/ada/Library/Application Support/Code/User/mcp.json",
      zed: "/Users/ada/.config/zed/settings.json",
      goose: "/Users/ada/.config/goose/config.yaml",
    });
  });

  test("on Windows", () => {
    const env = { APPDATA: "C:\\Users\\ada\\AppData\\Roaming" };
    expect(filesOn(machine("win32", "C:\\Users\\ada", { env }))).toEqual({
      "claude-code": "C:\\Users\\ada\\.claude.json",
      "claude-desktop": "C:\\Users\\ada\\AppData\\Roaming\\Claude\\claude_desktop_config.json",
      cursor: "C:\\Users\\ada\\.cursor\\mcp.json",
      vscode: "C:\\Users\\ada\\AppData\\Roaming\\Code\\User\\mcp.json",
      windsurf: "C:\\Users\\ada\\.codeium\\windsurf\\mcp_config.json",
      codex: "C:\\Users\\ada\\.codex\\config.toml",
      gemini: "C:\\Users\\ada\\.gemini\\settings.json",
      zed: "C:\\Users\\ada\\AppData\\Roaming\\Zed\\settings.json",
      opencode: "C:\\Users\\ada\\.config\\opencode\\opencode.json",
      goose: "C:\\Users\\ada\\AppData\\Roaming\\Block\\goose\\config\\config.yaml",
      copilot: "C:\\Users\\ada\\.copilot\\mcp-config.json",
      cline:
        "C:\\Users\\ada\\AppData\\Roaming\\Code\\User\\globalStorage\\saoudrizwan.claude-dev\\settings\\cline_mcp_settings.json",
      "cline-cli": "C:\\Users\\ada\\.cline\\data\\settings\\cline_mcp_settings.json",
      kiro: "C:\\Users\\ada\\.kiro\\settings\\mcp.json",
    });
  });

  test("on Windows without APPDATA, with spaces, on a network drive, and with a relative variable", () => {
    const roaming = (home: string, env: Record<string, string> = {}) =>
      filesOn(machine("win32", home, { env }))["claude-desktop"];
    expect(roaming("c:\\Users\\Ada B")).toBe("c:\\Users\\Ada B\\AppData\\Roaming\\Claude\\claude_desktop_config.json");
    expect(roaming("\\\\server\\share\\ada")).toBe(
      "\\\\server\\share\\ada\\AppData\\Roaming\\Claude\\claude_desktop_config.json",
    );
    expect(roaming("C:\\Users\\ada", { APPDATA: "%USERPROFILE%\\AppData" })).toBe(roaming("C:\\Users\\ada"));
    const relative = machine("linux", "/home/ada", { env: { XDG_CONFIG_HOME: "conf", CODEX_HOME: "." } });
    expect(filesOn(relative)).toMatchObject({
      goose: "/home/ada/.config/goose/config.yaml",
      codex: "/home/ada/.codex/config.toml",
    });
  });

  test("follow the variables that clients follow", () => {
    const env = {
      CODEX_HOME: "/c",
      XDG_CONFIG_HOME: "/x",
      CLAUDE_CONFIG_DIR: "/k",
      COPILOT_HOME: "/p",
      CLINE_DIR: "/l",
    };
    expect(filesOn(machine("linux", "/home/ada", { env }))).toMatchObject({
      "claude-code": "/k/.claude.json",
      codex: "/c/config.toml",
      copilot: "/p/mcp-config.json",
      "cline-cli": "/l/data/settings/cline_mcp_settings.json",
      vscode: "/x/Code/User/mcp.json",
      opencode: "/x/opencode/opencode.json",
      goose: "/x/goose/config.yaml",
    });
  });

  test("are those that exist, where there are two", () => {
    const store = "C:\\Users\\ada\\AppData\\Local\\Packages\\Claude_pzs8sxrjxfjjc\\LocalCache\\Roaming\\Claude";
    expect(filesOn(machine("win32", "C:\\Users\\ada", { exists: (path) => path === store }))["claude-desktop"]).toBe(
      `${store}\\claude_desktop_config.json`,
    );
    const jsonc = "/home/ada/.config/opencode/opencode.jsonc";
    expect(filesOn(machine("linux", "/home/ada", { exists: (path) => path === jsonc })).opencode).toBe(jsonc);
  });
});

test("a client is found by its folder or its program", () => {
  const on = machine("linux", "/home/ada", {
    exists: (path) => path === "/home/ada/.cursor",
    which: (name) => (name === "codex" ? "/usr/bin/codex" : null),
  });
  expect(foundClients(on).map(({ id }) => id)).toEqual(["cursor", "codex"]);
  expect(foundClients(machine("darwin", "/Users/ada"))).toEqual([]);
});
