import { describe, expect, test } from "bun:test";
import { checkFlags } from "../../../src/cli/arguments/check-flags.ts";
import { COMMANDS, parseCommandLine, SETTING_FLAGS } from "../../../src/cli/arguments/parse.ts";
import { SETTING_NAMES, settingMeta } from "../../../src/config/schema.ts";

function parsed(...argv: string[]): { readonly command: string; readonly [key: string]: unknown } {
  const result = parseCommandLine(argv);
  if (!result.ok) throw new Error(result.message);
  const { command, words, values, switches, settings } = result.invocation;
  return { command, words, values, switches: [...switches], settings };
}

function refused(...argv: string[]): string {
  const result = parseCommandLine(argv);
  return result.ok ? `accepted as ${result.invocation.command}` : result.message;
}

const nothing = { words: [], values: {}, switches: [], settings: {} };

describe("the command line", () => {
  test("serves when nothing is said", () => {
    expect(parsed()).toEqual({ command: "serve", ...nothing });
    expect(parsed("--profile", "prod")).toEqual({ command: "serve", ...nothing, settings: { profile: "prod" } });
    expect(parsed("--http", "--port", "4300")).toEqual({
      command: "serve",
      ...nothing,
      switches: ["http"],
      settings: { port: "4300" },
    });
  });

  test("takes flags before and after the command, with a blank or an equals sign", () => {
    const expected = {
      command: "sync",
      words: [],
      values: { since: "7d" },
      switches: ["once"],
      settings: { profile: "prod" },
    };
    expect(parsed("sync", "--since", "7d", "--once", "--profile", "prod")).toEqual(expected);
    expect(parsed("--profile=prod", "sync", "--once", "--since=7d")).toEqual(expected);
    expect(parsed("--once", "--since", "7d", "--profile", "prod", "sync")).toEqual(expected);
  });

  test("reads one tool call", () => {
    expect(parsed("call", "get_flow_runs", "--args", '{"state": "FAILED"}', "--json")).toEqual({
      command: "call",
      words: ["get_flow_runs"],
      values: { args: '{"state": "FAILED"}' },
      switches: ["json"],
      settings: {},
    });
  });

  test("does not take the value of a flag for the command", () => {
    expect(parsed("--profile", "sync", "status")).toEqual({
      command: "status",
      ...nothing,
      settings: { profile: "sync" },
    });
  });

  test("shows help and version whatever the command", () => {
    expect(parsed("--help")).toEqual({ command: "help", ...nothing, switches: ["help"] });
    expect(parsed("-h").command).toBe("help");
    expect(parsed("sync", "--help")).toEqual({ command: "help", ...nothing, words: ["sync"], switches: ["help"] });
    expect(parsed("help", "sync")).toEqual({ command: "help", ...nothing, words: ["sync"] });
    expect(parsed("--version").command).toBe("version");
    expect(parsed("-V").command).toBe("version");
  });

  test.each([
    [["statsu"], /no command "statsu"; did you mean "status"\?/],
    [["stauts", "--json"], /Commands: serve, sync, status, audit, doctor, forget, tools, call, demo/],
    [["sync", "--sinc", "7d"], /"sync" has no flag --sinc; did you mean --since\?/],
    [["serve", "--once"], /"serve" has no flag --once \(it belongs to sync\)/],
    [["sync", "--since"], /--since needs a value\./],
    [["sync", "--since", "--once"], /--since needs a value\./],
    [["status", "--json=yes"], /--json takes no value\./],
    [["call"], /call needs the name of a tool/],
    [["call", "read_events", "extra"], /"call" does not take "extra"\./],
    [["status", "extra"], /"status" does not take "extra"\./],
    [["serve", "--port", "42999"], /--port needs --http: without it `serve` talks over stdin and stdout\./],
    [["--host=0.0.0.0"], /--host needs --http/],
    [["serve", "--tls-key", "k"], /--tls-key needs --http/],
  ])("refuses %p", (argv, message) => {
    expect(refused(...argv)).toMatch(message);
  });

  test.each([
    [{ port: "99999" }, "--port 99999 must be a whole number from 0 to 65535."],
    [{ port: "abc" }, "--port abc must be a whole number from 0 to 65535."],
    [{ "log-level": "loud" }, "--log-level loud must be one of debug, info, warn, error, silent."],
    [{ tools: "foo" }, "--tools foo must be one of core, default, all."],
    [{ port: "0", "log-level": "WARN", tools: "core", profile: "prod", "data-dir": "~/x" }, null],
    [{}, null],
  ])("says what a flag may be: %p", async (settings, complaint) => {
    expect(await checkFlags({ settings })).toBe(complaint);
  });

  test("knows every flag that stands for a setting, and no other", () => {
    const flags = SETTING_NAMES.map((name) => settingMeta(name).cli);
    expect(flags.filter((flag) => flag !== undefined).sort()).toEqual([...SETTING_FLAGS].sort());
  });

  test("has a help text for every command", async () => {
    const { runHelp } = await import("../../../src/cli/help.ts");
    for (const command of COMMANDS.filter((name) => name !== "help" && name !== "version")) {
      const lines: string[] = [];
      const out = {
        isTerminal: false,
        columns: 80,
        line: (text = "") => void lines.push(text),
        note: (text: string) => void lines.push(text),
      };
      const invocation = {
        command: "help",
        words: [command],
        values: {},
        switches: new Set<string>(),
        settings: {},
      } as const;
      const ctx = { invocation, out: { ...out, json: () => {}, raw: () => {}, flush: async () => {} } };
      const { silentLogger } = await import("../../../src/lib/logger.ts");
      expect(await runHelp({ ...ctx, logger: silentLogger, signal: new AbortController().signal, entry: "" })).toBe(0);
      expect(lines.join("\n")).toStartWith(command);
    }
  });
});
