import { describe, expect, test } from "bun:test";
import { COMMANDS, commandSpec } from "../../src/cli/arguments/commands.ts";
import { SETTING_FLAGS } from "../../src/cli/arguments/setting-flags.ts";
import { runHelp } from "../../src/cli/help.ts";
import { silentLogger } from "../../src/lib/logger.ts";

async function help(topics: readonly string[], columns = 120): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const line = (text = "") => void lines.push(text);
  const out = {
    isTerminal: false,
    columns,
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
