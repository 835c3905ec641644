import { describe, expect, test } from "bun:test";
import { COMMANDS, commandSpec } from "../../src/cli/arguments/commands.ts";
import { parseCommandLine } from "../../src/cli/arguments/parse.ts";
import { SETTING_FLAGS } from "../../src/cli/arguments/setting-flags.ts";
import { UsageError } from "../../src/cli/arguments/usage-error.ts";
import { runHelp } from "../../src/cli/help.ts";
import { UNICODE } from "../../src/cli/terminal/drawing.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { parseArguments } from "../../src/tools/definition/arguments.ts";
import { inputSchema } from "../../src/tools/definition/listing.ts";
import { allTools } from "../../src/tools/index.ts";

async function help(topics: readonly string[], columns = 120): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const line = (text = "") => void lines.push(text);
  const out = {
    isTerminal: false,
    columns,
    drawsPictures: false,
    glyphs: UNICODE,
    paint: () => {},
    line,
    lines: (texts: readonly string[]) => texts.forEach(line),
    note: line,
    json: () => {},
    redraw: () => {},
    ask: () => {},
    flush: async () => {},
  };
  const invocation = { command: "help", words: topics, values: {}, switches: new Set<string>(), settings: {} } as const;
  const signal = new AbortController().signal;
  const code = await runHelp({ invocation, out, logger: silentLogger, signal, entry: "" });
  return { code, text: lines.join("\n") };
}

describe("help", () => {
  test("names every command, and every flag that all commands take", async () => {
    const { code, text } = await help([]);
    expect(code).toBe(0);
    for (const name of COMMANDS) expect(text).toContain(`\n  ${name} `);
    for (const [flag, { isOfHttp }] of SETTING_FLAGS) if (!isOfHttp) expect(text).toContain(`\n  --${flag} `);
  });

  test.each(COMMANDS.filter((name) => name !== "help"))(
    "of %s names its flags and those of every command",
    async (name) => {
      const { code, text } = await help([name]);
      expect(code).toBe(0);
      expect(text).toStartWith(name);
      for (const flag of Object.keys(commandSpec(name).flags)) expect(text).toContain(`\n  --${flag} `);
      for (const [flag, { isOfHttp }] of SETTING_FLAGS)
        expect(text.includes(`\n  --${flag} `)).toBe(!isOfHttp || name === "serve");
    },
  );

  test("is wrapped at the width of the terminal", async () => {
    const { text } = await help(["forget"], 80);
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test("of an unknown command suggests the nearest one", async () => {
    expect(await help(["stauts"])).toEqual({
      code: 2,
      text: 'prefect-mcp-bun: there is no command "stauts"; did you mean "status"?',
    });
  });
});

describe("help of a tool", () => {
  test.each(allTools.map((tool) => tool.name))(
    "%s: its arguments with what they take, and an example that is valid",
    async (name) => {
      const tool = allTools.find((one) => one.name === name);
      const { code, text } = await help(["call", name]);
      expect(code).toBe(0);
      for (const argument of Object.keys(tool ? (inputSchema(tool).properties ?? {}) : {}))
        expect(text).toMatch(new RegExp(`^  ${argument} +\\S`, "m"));
      expect(text).not.toContain('{"type"');
      const example = /--args '(.*)'$/.exec(text)?.[1] ?? "{}";
      if (tool) expect(() => parseArguments(tool, JSON.parse(example))).not.toThrow();
    },
  );

  test("call TOOL --help and help call TOOL ask for it", () => {
    for (const line of [
      ["call", "search", "--help"],
      ["help", "call", "search"],
    ])
      expect(parseCommandLine(line)).toMatchObject({
        ok: true,
        invocation: { command: "help", words: ["call", "search"] },
      });
    expect(parseCommandLine(["help", "sync", "search"])).toMatchObject({ ok: false });
  });

  test("an unknown tool is a wrong command line, and names what is near", async () => {
    const refused = help(["call", "get_flow_run"]);
    await expect(refused).rejects.toThrow('There is no tool "get_flow_run"; did you mean "get_flow_runs"?');
    await expect(refused).rejects.toBeInstanceOf(UsageError);
  });

  test("an unknown command: all commands are named", async () => {
    const { code, text } = await help(["foo"]);
    expect(code).toBe(2);
    expect(text).toContain(`there is no command "foo". Commands: ${COMMANDS.join(", ")}.`);
  });
});
