import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const linesOf = (file: string) =>
  readFileSync(join(import.meta.dir, "..", "..", "..", file), "utf8").split("\n").length - 1;

describe("a page that is read whole", () => {
  test("README.md has fewer than 120 lines", () => {
    expect(linesOf("README.md")).toBeLessThan(120);
  });

  test("AGENTS.md has at most 120 lines", () => {
    expect(linesOf("AGENTS.md")).toBeLessThanOrEqual(120);
  });
});
