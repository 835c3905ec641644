import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { CLIENTS } from "../../src/cli/setup/clients.ts";
import { makePlace, type Place, run } from "./program.ts";

const ALL = CLIENTS.map(({ id }) => id).join(",");

/** Runs `setup` as a person in a shell would: with a home folder and a PATH, and nothing of Prefect. */
async function setup(place: Place, flags: readonly string[], more: Record<string, string> = {}) {
  const command = await place.command("source");
  const { PATH = "" } = place.env();
  // Bun would write its cache of sources into the home folder.
  const env = { HOME: place.dir, PATH, BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0", ...more };
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
    expect(shown.stdout).toContain(`Codex: the server will be added to ${file(".codex", "config.toml")}`);
    expect(shown.stdout).toEndWith(
      "The server will ask the Prefect at http://127.0.0.1:4200/api. No PREFECT_API_URL is set here: add --profile NAME or --api-url URL for another Prefect.\nNothing was written, because of --print.\n",
    );
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
    expect(readdirSync(file(".codex"))).toEqual([]);
    expect(readFileSync(file(".gemini", "settings.json"), "utf8")).toBe(before);
    expect(readdirSync(file(".gemini"))).toEqual(["settings.json"]);
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

  test.each([
    [
      "a container of this program",
      { command: "docker", args: ["run", "-i", "ghcr.io/x/prefect-mcp-bun:0.1.0", "serve", "--profile", "prod"] },
      "That one runs this program in a container.",
    ],
    [
      "a server over HTTP",
      { url: "https://prefect-mcp-bun.example.com/mcp" },
      "That one has no command that is started, as a server over HTTP.",
    ],
    [
      "another program in a folder of the name",
      { command: "/usr/bin/python", args: ["/home/me/prefect-mcp-bun/other_server.py"] },
      'That one is started by "python", not as this program.',
    ],
  ])("leaves %s alone, also with --replace and --remove, and says what it is", async (_, entry, what) => {
    using place = makePlace();
    const path = join(place.dir, ".cursor", "mcp.json");
    const text = JSON.stringify({ mcpServers: { prefect: entry } });
    mkdirSync(join(place.dir, ".cursor"));
    writeFileSync(path, text);
    for (const flag of ["--replace", "--remove"]) {
      const { code, stdout } = await setup(place, ["--client", "cursor", "--yes", flag]);
      expect(stdout).toContain(`has another server of the name "prefect".\n  ${what} It is left alone: choose another`);
      expect(code).toBe(1);
      expect(readFileSync(path, "utf8")).toBe(text);
    }
  });

  test("keeps what was added to its entry by hand, until it is asked to replace it", async () => {
    using place = makePlace();
    const path = join(place.dir, ".cursor", "mcp.json");
    const entry = {
      command: "bunx",
      args: ["prefect-mcp-bun", "--api-url=https://private.example/api", "--tools", "all"],
      env: { PREFECT_MCP_RETENTION_DAYS: "7", MINE: "secret" },
      timeout: 7,
      disabled: true,
    };
    mkdirSync(join(place.dir, ".cursor"));
    writeFileSync(path, JSON.stringify({ mcpServers: { prefect: entry } }));
    const prefect = () => JSON.parse(readFileSync(path, "utf8")).mcpServers.prefect;
    const elsewhere = { PREFECT_API_URL: "http://10.0.0.9:4200/api", PREFECT_PROFILE: "other" };

    const { stdout, words } = await setup(place, ["--client", "cursor", "--yes"], elsewhere);
    expect(stdout).toContain(
      'Kept from the present entry: "--api-url", "--tools", PREFECT_MCP_RETENTION_DAYS, MINE. --replace writes the entry without that.',
    );
    expect(stdout).toContain("The server is switched off there and stays so");
    expect(stdout).not.toMatch(/"all"|secret/);
    // Nor the URL in the entry; which Prefect is asked is said once, as doctor says it, without what may be a password.
    expect(stdout.split("private.example")).toHaveLength(2);
    expect(stdout).toContain("\nThe server will ask the Prefect at https://private.example/api.\n");
    const [, main = ""] = words;
    expect(prefect()).toEqual({ ...entry, command: expect.any(String), args: [main, ...entry.args.slice(1)] });
    const once = readFileSync(path, "utf8");
    await setup(place, ["--client", "cursor", "--yes"], elsewhere);
    expect(readFileSync(path, "utf8")).toBe(once);

    await setup(place, ["--client", "cursor", "--yes", "--api-url", "http://10.0.0.5:4200/api"]);
    expect(prefect().args).toEqual([main, "--api-url", "http://10.0.0.5:4200/api", "--tools", "all"]);
    await setup(place, ["--client", "cursor", "--yes", "--replace"]);
    expect(prefect()).toEqual({ command: expect.any(String), args: [main] });
  });

  test("goes on where one client's file cannot be written, names each, and ends with 1", async () => {
    using place = makePlace();
    const file = (...parts: string[]) => join(place.dir, ...parts);
    for (const folder of [".cursor", ".gemini", ".kiro"]) mkdirSync(file(folder));
    writeFileSync(file(".cursor", "mcp.json"), "{}");
    chmodSync(file(".cursor", "mcp.json"), 0o444);
    mkdirSync(file(".gemini", "settings.json"));
    writeFileSync(file(".kiro", "settings"), "a file where a folder belongs");
    const { code, stdout } = await setup(place, ["--client", "cursor,gemini,kiro,codex", "--yes"]);
    expect(code).toBe(1);
    expect(stdout).toContain(`Cursor: ${file(".cursor", "mcp.json")} is left as it is: it is read-only.`);
    expect(stdout).toContain(`Gemini CLI: ${file(".gemini", "settings.json")} is left as it is: it is not a file.`);
    expect(stdout).toContain(
      `Kiro: ${file(".kiro", "settings", "mcp.json")} is left as it is: a part of its path is a file, not a folder.`,
    );
    expect(stdout).toContain(`Codex: wrote ${file(".codex", "config.toml")}\n`);
    expect(readdirSync(file(".cursor"))).toEqual(["mcp.json"]);
  });

  test("leaves a file whole when the disk takes no more of it, and sets up the others", async () => {
    using place = makePlace();
    const file = (...parts: string[]) => join(place.dir, ...parts);
    const text = JSON.stringify({ mcpServers: {}, theme: "x".repeat(5000) });
    mkdirSync(file(".cursor"));
    writeFileSync(file(".cursor", "mcp.json"), text);
    const command = await place.command("source");
    // Files may have 4 blocks of 1 KiB; without the signal, `write` fails as on a full disk.
    const limited = ["bash", "-c", 'trap "" XFSZ; ulimit -f 4; exec "$@"', "bash", ...command];
    const { PATH = "" } = place.env();
    const { code, stdout } = await run([...limited, "setup", "--client", "cursor,codex", "--yes"], {
      cwd: place.dir,
      env: { HOME: place.dir, PATH },
    });
    expect(code).toBe(1);
    expect(stdout).toContain("mcp.json is left as it is: it would become larger than its file system allows.");
    expect(stdout).toContain(`Codex: wrote ${file(".codex", "config.toml")}\n`);
    expect(readdirSync(file(".cursor"))).toEqual(["mcp.json"]);
    expect(readFileSync(file(".cursor", "mcp.json"), "utf8")).toBe(text);
  });

  test("restores every byte that was there before, and only those files", async () => {
    using place = makePlace();
    const files: Readonly<Record<string, string>> = {
      ".claude.json": "",
      ".cursor/mcp.json": '\uFEFF{\r\n\t"mcpServers": { "a": {}, }, // mine\r\n}',
      ".codeium/windsurf/mcp_config.json": "{}",
      ".gemini/settings.json": '{"mcpServers":{"a":{"command":"b"}},"theme":"dark"}',
      ".codex/config.toml": '# mine\r\nmcp_servers = { docs = { command = "x" } } # inline\na = 1',
      ".config/goose/config.yaml": "a: &a   { b: 1 }  # mine\nextensions:\n    one:   *a\n",
      ".config/zed/settings.json": "// Zed\n{\n  // nothing\n}\n",
      ".config/opencode/opencode.jsonc": '{\n  "mcp": {\n    // none\n  }\n}\n',
    };
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(place.dir, path)), { recursive: true });
      writeFileSync(join(place.dir, path), text);
    }
    const all = () => {
      const found = [...new Bun.Glob("**/*").scanSync({ cwd: place.dir, dot: true })];
      return Object.fromEntries(found.toSorted().map((one) => [one, readFileSync(join(place.dir, one), "utf8")]));
    };
    const before = all();
    const { code, stdout } = await setup(place, ["--client", ALL, "--yes", "--allow"]);
    expect(stdout).not.toContain("is left as it is");
    expect(code).toBe(0);
    const first = all();
    expect((await setup(place, ["--client", ALL, "--yes", "--allow"])).stdout).toEndWith(
      "Nothing has to be changed.\n",
    );
    expect(all()).toEqual(first);
    // A changed entry is taken out as wholly as the first one.
    await setup(place, ["--client", ALL, "--yes", "--tools", "all"]);
    expect((await setup(place, ["--client", ALL, "--remove", "--yes"])).code).toBe(0);
    expect(all()).toEqual(before);
    expect((await setup(place, ["--client", ALL, "--remove", "--yes"])).stdout).toEndWith(
      "Nothing has to be changed.\n",
    );
  });

  test("takes out its entry alone where something else has changed since, and keeps the first text of the file", async () => {
    using place = makePlace();
    const path = join(place.dir, ".cursor", "mcp.json");
    mkdirSync(join(place.dir, ".cursor"));
    writeFileSync(path, '{ "mcpServers": { "a": {} } }\n');
    await setup(place, ["--client", "cursor", "--yes"]);
    writeFileSync(path, readFileSync(path, "utf8").replace('"a": {}', '"a": {}, "b": {}'));
    await setup(place, ["--client", "cursor", "--remove", "--yes"]);
    expect(readFileSync(path, "utf8")).toBe('{ "mcpServers": { "a": {}, "b": {} } }\n');
    expect(readFileSync(`${path}.before-prefect-mcp-bun`, "utf8")).toBe('{ "mcpServers": { "a": {} } }\n');
  });

  test("of two runs at once writes both entries, or says that one was not written", async () => {
    using place = makePlace();
    const path = join(place.dir, ".cursor", "mcp.json");
    const names = ["one", "two"];
    const runs = await Promise.all(names.map((name) => setup(place, ["--client", "cursor", "--yes", "--name", name])));
    const { mcpServers } = JSON.parse(readFileSync(path, "utf8"));
    const written = names.filter((_, index) => runs[index]?.code === 0);
    expect(written.length).toBeGreaterThan(0);
    expect(Object.keys(mcpServers).toSorted()).toEqual(written.toSorted());
    for (const { code, stdout } of runs.filter((one) => one.code !== 0))
      expect([code, stdout]).toEqual([1, expect.stringContaining("is left as it is: another ")]);
  });

  test("follows a link into a git repository, says so, and leaves the link", async () => {
    using place = makePlace();
    const target = join(place.dir, "dotfiles", "mcp.json");
    mkdirSync(join(place.dir, "dotfiles", ".git"), { recursive: true });
    mkdirSync(join(place.dir, ".cursor"));
    writeFileSync(target, "{}\n");
    symlinkSync(target, join(place.dir, ".cursor", "mcp.json"));
    const { stdout } = await setup(place, ["--client", "cursor", "--yes"]);
    expect(stdout).toContain(
      `The file is in the git repository ${join(place.dir, "dotfiles")}: paths of this computer`,
    );
    expect(lstatSync(join(place.dir, ".cursor", "mcp.json")).isSymbolicLink()).toBe(true);
    expect(JSON.parse(readFileSync(target, "utf8"))).toMatchObject({ mcpServers: { prefect: {} } });
  });

  test("keeps the copy of a file in a git repository where git does not see it, for its user only", async () => {
    using place = makePlace();
    const folder = join(place.dir, ".codex");
    const path = join(folder, "config.toml");
    mkdirSync(folder);
    // The home folder itself is a repository, and its rules ignore the file only.
    const { PATH = "" } = place.env();
    const git = (...words: string[]) => run(["git", ...words], { cwd: place.dir, env: { HOME: place.dir, PATH } });
    await git("init", "-q");
    writeFileSync(join(place.dir, ".gitignore"), "config.toml\n");
    writeFileSync(path, 'api_key = "sk-secret"\n', { mode: 0o644 });
    const { stdout } = await setup(place, ["--client", "codex", "--yes"]);
    const copy = /its former text: (.*)\)/.exec(stdout)?.[1] ?? "";
    expect(copy).toStartWith(join(place.dir, ".local", "state", "prefect-mcp-bun", "client-files"));
    expect(readFileSync(copy, "utf8")).toBe('api_key = "sk-secret"\n');
    expect(lstatSync(copy).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["config.toml"]);
    const seen = await git("status", "--porcelain", "--untracked-files=all");
    expect(seen.stdout).toBe("?? .gitignore\n");

    // Something else has changed since: the copy is not deleted, but named.
    const entry = readFileSync(path, "utf8");
    writeFileSync(path, `model = "x"\n${entry}`);
    const removed = await setup(place, ["--client", "codex", "--remove", "--yes"]);
    expect(removed.stdout).toContain(`Copies of its earlier texts remain, with the keys that were in it.`);
    expect(removed.stdout).toContain(copy);
    expect((await setup(place, ["--client", "codex", "--remove", "--yes"])).stdout).toContain(copy);
    // Nothing else has changed: it is deleted.
    writeFileSync(path, entry);
    await setup(place, ["--client", "codex", "--remove", "--yes"]);
    expect(readFileSync(path, "utf8")).toBe('api_key = "sk-secret"\n');
    expect(existsSync(copy)).toBe(false);
  });

  test("writes nothing below a home folder that is not absolute", async () => {
    using place = makePlace();
    const { code, stderr } = await setup(place, ["--client", "cursor", "--yes"], { HOME: "." });
    expect(code).toBe(1);
    expect(stderr).toContain('The home folder "." is not an absolute path.');
    expect(readdirSync(place.dir)).toEqual([]);
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

  test("replaces an entry of Codex that has rules for tools and variables", async () => {
    using place = makePlace();
    const path = join(place.dir, ".codex", "config.toml");
    await setup(place, ["--client", "codex", "--allow", "--yes"], { PREFECT_MCP_RETENTION_DAYS: "9" });
    const first = readFileSync(path, "utf8");
    expect(first).toContain("[mcp_servers.prefect.tools.search]");
    expect(first).toContain("[mcp_servers.prefect.env]");
    const { code, stdout } = await setup(place, ["--client", "codex", "--replace", "--yes"]);
    expect(stdout).not.toContain("is left as it is");
    expect(code).toBe(0);
    expect(Bun.TOML.parse(readFileSync(path, "utf8"))).toEqual({
      mcp_servers: { prefect: { command: expect.any(String), args: [expect.any(String)] } },
    });
  });

  test("writes the shape that the file of opencode has, one entry, without `enabled` in version 2", async () => {
    using place = makePlace();
    const path = join(place.dir, ".config", "opencode", "opencode.json");
    mkdirSync(dirname(path), { recursive: true });
    const add = async (text: object) => {
      writeFileSync(path, JSON.stringify(text));
      expect((await setup(place, ["--client", "opencode", "--yes"])).code).toBe(0);
      const after = JSON.parse(readFileSync(path, "utf8"));
      expect((await setup(place, ["--client", "opencode", "--remove", "--yes"])).code).toBe(0);
      expect(JSON.parse(readFileSync(path, "utf8"))).not.toMatchObject({ mcp: { prefect: {} } });
      return after.mcp;
    };
    const docs = { type: "local", command: ["x"] };
    const own = { type: "local", command: expect.any(Array) };
    expect(await add({ mcp: { servers: { docs } } })).toEqual({ servers: { docs, prefect: own } });
    expect(await add({ mcp: { docs } })).toEqual({ docs, prefect: { ...own, enabled: true } });
    const ours = { type: "local", command: ["bunx", "prefect-mcp-bun"], disabled: true };
    expect(await add({ mcp: { servers: { prefect: ours } } })).toEqual({
      servers: { prefect: { ...own, disabled: true } },
    });
    const older = { type: "local", command: ["bunx", "prefect-mcp-bun"], enabled: false };
    expect(await add({ mcp: { servers: { docs }, prefect: older } })).toEqual({
      servers: { docs },
      prefect: { ...own, enabled: false },
    });
  });

  test("says where the rules are that it does not write", async () => {
    using place = makePlace();
    const { stdout } = await setup(place, ["--client", "cursor,goose", "--allow", "--print"]);
    expect(stdout).toContain("setup does not write its rules for tools that need no question: list `prefect:TOOL` in");
    expect(stdout).toContain("`permission.yaml` beside `config.yaml`");
    expect(stdout).not.toContain("no allow rule");
  });

  test("names the Prefect of each client where they differ", async () => {
    using place = makePlace();
    const entry = { command: "bunx", args: ["prefect-mcp-bun", "--api-url", "https://p.example/api"] };
    mkdirSync(join(place.dir, ".cursor"));
    writeFileSync(join(place.dir, ".cursor", "mcp.json"), JSON.stringify({ mcpServers: { prefect: entry } }));
    const { stdout } = await setup(place, ["--client", "cursor,codex", "--print"], {
      PREFECT_API_URL: "http://10.0.0.5:4200/api",
    });
    expect(stdout).toContain("Cursor: the server will ask the Prefect at https://p.example/api.\n");
    expect(stdout).toContain("Codex: the server will ask the Prefect at http://10.0.0.5:4200/api.\n");
  });

  test("writes without complaint where nothing reads what it prints", async () => {
    using place = makePlace();
    const command = await place.command("source");
    const { PATH = "" } = place.env();
    const piped = ["bash", "-c", '"$@" | :', "bash", ...command, "setup", "--client", ALL, "--yes"];
    const { stderr } = await run(piped, { cwd: place.dir, env: { HOME: place.dir, PATH } });
    expect(stderr).toBe("");
    expect(existsSync(join(place.dir, ".kiro", "settings", "mcp.json"))).toBe(true);
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
