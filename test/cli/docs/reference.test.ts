import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { withTables } from "../../../scripts/reference-tables.ts";
import { COMMANDS, commandSpec } from "../../../src/cli/arguments/commands.ts";

const reference = readFileSync(join(import.meta.dir, "..", "..", "..", "docs", "reference.md"), "utf8");

describe("docs/reference.md", () => {
  test("has current tables: `bun scripts/reference-tables.ts` writes them", () => {
    expect(withTables(reference)).toBe(reference);
  });

  test("has a row for every command, with its flags", () => {
    const rows = reference.split("\n").filter((line) => line.startsWith("| `"));
    for (const name of COMMANDS.filter((command) => command !== "help" && command !== "version")) {
      const described = rows.filter((row) => row.startsWith(`| \`${name}`)).join("\n");
      expect(described).not.toBe("");
      const missing = Object.keys(commandSpec(name).flags).filter((flag) => !described.includes(`--${flag}`));
      expect(missing).toEqual([]);
    }
  });

  test("is not written without its markers", () => {
    expect(() => withTables("# nothing here")).toThrow('docs/reference.md lacks the markers of "tools"');
  });
});
