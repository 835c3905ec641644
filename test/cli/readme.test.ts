import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { withTables } from "../../scripts/readme-tables.ts";
import { COMMANDS } from "../../src/cli/arguments/commands.ts";

const ROOT = join(import.meta.dir, "..", "..");
const readme = readFileSync(join(ROOT, "README.md"), "utf8");

describe("README.md", () => {
  test("has tables that are up to date: `bun scripts/readme-tables.ts` writes them", () => {
    expect(withTables(readme)).toBe(readme);
  });

  test("names every command", () => {
    const named = COMMANDS.filter((name) => name !== "help" && name !== "version");
    expect(named.filter((name) => !readme.includes(`\`${name}`))).toEqual([]);
  });

  test("is of a length that is read", () => {
    expect(readme.split("\n").length).toBeLessThanOrEqual(250);
    expect(readFileSync(join(ROOT, "AGENTS.md"), "utf8").split("\n").length).toBeLessThanOrEqual(120);
  });

  test("refuses to write into a file without markers", () => {
    expect(() => withTables("# nothing here")).toThrow('README.md lacks the markers of "tools"');
  });
});
