import { describe, expect, test } from "bun:test";
import { COMMANDS, commandSpec } from "../../../src/cli/arguments/commands.ts";
import { parseCommandLine } from "../../../src/cli/arguments/parse.ts";
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
  test("is `serve` without a command", () => {
    expect(parsed()).toEqual({ command: "serve", ...nothing });
    expect(parsed("--profile", "prod")).toEqual({ command: "serve", ...nothing, settings: { profile: "prod" } });
    expect(parsed("--http", "--port", "4300")).toEqual({
      command: "serve",
      ...nothing,
      switches: ["http"],
      settings: { port: "4300" },
    });
  });

  test("takes flags before and after the command, with a space or an equals sign", () => {
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
    expect(parsed("--profile", "sync", "-h")).toEqual({
      command: "help",
      ...nothing,
      switches: ["help"],
      settings: { profile: "sync" },
    });
  });

  test.each([
    [["statsu"], /no command "statsu"; did you mean "status"\?/],
    [
      ["stauts", "--json"],
      /Commands: serve, sync, watch, web, status, audit, audit-log, fleet, doctor, setup, forget, tools, call, demo/,
    ],
    [["sync", "--sinc", "7d"], /"sync" has no flag --sinc; did you mean --since\?/],
    [["serve", "--once"], /"serve" has no flag --once \(it belongs to sync\)/],
    [["sync", "--since"], /--since needs a value\./],
    [["sync", "--since", "--once"], /--since needs a value\./],
    [["status", "--json=yes"], /--json takes no value\./],
    [["call"], /call needs the name of a tool/],
    [
      ["call", "read_events", "extra"],
      /"call" does not take "extra"\. The tool's arguments are one JSON object: --args/,
    ],
    [["status", "extra"], /"status" does not take "extra"\./],
    [["serve", "--port", "42999"], /--port needs --http: without it `serve` uses stdin and stdout\./],
    [["--host=0.0.0.0"], /--host needs --http/],
    [["serve", "--tls-key", "k"], /--tls-key needs --http/],
    [["--sinc", "7d", "sync"], /"sync" has no flag --sinc; did you mean --since\?/],
    [["sync", "-once"], /"sync" has no flag -once; did you mean --once\?/],
    [["status", "--constructor"], /"status" has no flag --constructor\. Flags: --json, --help/],
    [["forget", "-x"], /"forget" has no flag -x\./],
  ])("refuses %p", (argv, message) => {
    expect(refused(...argv)).toMatch(message);
  });

  test("keeps values as they were typed", () => {
    expect(parsed("--profile", "007", "call", "search", "--args=a=b").settings).toEqual({ profile: "007" });
    expect(parsed("call", "search", "--args=a=b").values).toEqual({ args: "a=b" });
    expect(parsed("sync", "--since", "-x").values).toEqual({ since: "-x" });
    expect(parsed("sync", "--since", "1d", "--since", "2d").values).toEqual({ since: "2d" });
    expect(parsed("call", "--", "--odd")).toEqual({ command: "call", ...nothing, words: ["--odd"] });
    expect(parsed("forget", "-y").switches).toEqual(["yes"]);
  });

  test("accepts every setting that has a flag, with every command", () => {
    const flags = SETTING_NAMES.flatMap((name) => settingMeta(name).cli ?? []);
    expect(flags.length).toBeGreaterThan(5);
    for (const flag of flags)
      expect(parsed("status", `--${flag}`, "x")).toEqual({ command: "status", ...nothing, settings: { [flag]: "x" } });
  });

  test("has no flag that is a switch in one command and takes a value in another", () => {
    const flags = COMMANDS.flatMap((name) => Object.entries(commandSpec(name).flags));
    const kinds = Map.groupBy(flags, ([name]) => name).values();
    expect([...kinds].filter((same) => new Set(same.map(([, { value }]) => value !== undefined)).size > 1)).toEqual([]);
  });
});
