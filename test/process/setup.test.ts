import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makePlace, type Place, run } from "./program.ts";

/** Runs `setup` as a person in a shell would: with a home folder and a PATH, and nothing of Prefect. */
async function setup(place: Place, flags: readonly string[], more: Record<string, string> = {}) {
  const command = await place.command("source");
  const { PATH = "" } = place.env();
  const env = { HOME: place.dir, PATH, ...more };
  const { code, stdout, stderr } = await run([...command, "setup", ...flags], { cwd: place.dir, env });
  return { code, stdout, stderr, words: command };
}

describe("setup", () => {
  test("shows, writes, writes nothing twice, and removes what it wrote", async () => {
    using place = makePlace();
    const file = (...parts: string[]) => join(place.dir, ...parts);
    const before = '{\n  // mine\n  "theme": "dark"\n}\n';
    mkdirSync(file(".gemini"));
    writeFileSync(file(".gemini", "settings.json"), before);
    const clients = ["--client", "codex,gemini,goose"];

    const shown = await setup(place, [...clients, "--print"]);
    expect(shown).toMatchObject({ code: 0, stderr: "" });
    expect(shown.stdout).toContain(`Codex: adds the server to ${file(".codex", "config.toml")}`);
    expect(existsSync(file(".codex"))).toBe(false);

    const refused = await setup(place, clients);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("This writes files, and there is no terminal to ask for confirmation.");

    const { code, words } = await setup(place, [...clients, "--yes"]);
    expect(code).toBe(0);
    const [bun = "", main = ""] = words;
    const written = Bun.TOML.parse(readFileSync(file(".codex", "config.toml"), "utf8")) as {
      mcp_servers: { prefect: { command: string; args: string[] } };
    };
    const { command, args } = written.mcp_servers.prefect;
    expect([realpathSync(command), ...args]).toEqual([realpathSync(bun), main]);
    expect(readFileSync(file(".gemini", "settings.json"), "utf8")).toContain('  "theme": "dark",\n  "mcpServers": {');
    expect(readFileSync(file(".config", "goose", "config.yaml"), "utf8")).toContain(`    cmd: ${command}\n`);

    const again = await setup(place, [...clients, "--yes"]);
    expect(again.stdout).toEndWith("Nothing has to be changed.\n");

    expect((await setup(place, [...clients, "--remove", "--yes"])).code).toBe(0);
    expect(readFileSync(file(".codex", "config.toml"), "utf8")).toBe("");
    expect(readFileSync(file(".gemini", "settings.json"), "utf8")).not.toContain(main);
  });

  test("leaves another server of the name and a file that it cannot parse as they are, and sets up the others", async () => {
    using place = makePlace();
    const file = (...parts: string[]) => join(place.dir, ...parts);
    const foreign = '{"mcpServers": {"prefect": {"command": "uvx", "args": ["prefect-mcp-server"]}}}';
    for (const folder of [".cursor", ".gemini"]) mkdirSync(file(folder));
    writeFileSync(file(".cursor", "mcp.json"), foreign);
    writeFileSync(file(".gemini", "settings.json"), '{"mcpServers": ');
    const { code, stdout } = await setup(place, ["--client", "cursor,gemini,codex", "--yes"]);
    expect(code).toBe(1);
    expect(stdout).toContain('has another server of the name "prefect".');
    expect(stdout).toContain("is left as it is");
    expect(readFileSync(file(".cursor", "mcp.json"), "utf8")).toBe(foreign);
    expect(readFileSync(file(".gemini", "settings.json"), "utf8")).toBe('{"mcpServers": ');
    expect(readdirSync(file(".codex"))).toEqual(["config.toml"]);

    // The hint promises that --print shows what to write by hand.
    const printed = await setup(place, ["--client", "gemini", "--print"]);
    expect(printed.stdout).toContain("settings.json is left as it is: it is not valid JSON (");
    expect(printed.stdout).toContain('    "mcpServers": {\n');
    expect((await setup(place, ["--client", "cursor", "--yes"])).stdout).toEndWith("Nothing was written.\n");
  });

  test("names the flags of the present entry that the new one has not, without their values", async () => {
    using place = makePlace();
    const entry = { command: "bunx", args: ["prefect-mcp-bun", "--api-url=https://private.example/api"], timeout: 7 };
    mkdirSync(join(place.dir, ".cursor"));
    writeFileSync(join(place.dir, ".cursor", "mcp.json"), JSON.stringify({ mcpServers: { prefect: entry } }));
    const { stdout } = await setup(place, ["--client", "cursor", "--yes"]);
    expect(stdout).toContain('The present entry also has "--api-url", which the new one has not');
    expect(stdout).not.toContain("private.example");
    const { mcpServers } = JSON.parse(readFileSync(join(place.dir, ".cursor", "mcp.json"), "utf8"));
    expect(mcpServers.prefect.timeout).toBe(7);
  });

  test("writes rules for the tools that only read, on request, and removes them", async () => {
    using place = makePlace();
    const rules = join(place.dir, ".claude", "settings.json");
    mkdirSync(join(place.dir, ".claude"));
    writeFileSync(rules, '{"permissions": {"allow": ["Bash(ls)"]}}');
    await setup(place, ["--client", "claude-code", "--allow", "--yes"]);
    const { permissions } = JSON.parse(readFileSync(rules, "utf8"));
    expect(permissions.allow).toContain("mcp__prefect__get_dashboard");
    expect(permissions.allow[0]).toBe("Bash(ls)");
    await setup(place, ["--client", "claude-code", "--remove", "--yes"]);
    expect(JSON.parse(readFileSync(rules, "utf8"))).toEqual({ permissions: { allow: ["Bash(ls)"] } });
  });

  test("says which clients there are when it finds none, and what a wrong name is", async () => {
    using place = makePlace();
    const none = await setup(place, ["--print"], { PATH: join(place.dir, "empty") });
    expect(none.code).toBe(1);
    expect(none.stderr).toContain("No MCP client was found. Name one with --client: claude-code, claude-desktop,");
    const wrong = await setup(place, ["--client", "emacs", "--print"]);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain('There is no client "emacs".');
  });
});
