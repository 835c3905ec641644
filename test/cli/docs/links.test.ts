import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..", "..");
const DOCS = readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`);
const FILES = ["README.md", "AGENTS.md", "CHANGELOG.md", "packaging/README.md", ...DOCS];
/** Commands and files that a text names in backticks: `bun scripts/x.ts`, `src/cli/run.ts`. */
const NAMED = /`(?:bun )?((?:src|scripts|test|docs|bench|packaging)\/[\w./-]+\.\w+)[^`]*`/g;

describe.each(FILES)("%s", (file) => {
  const text = readFileSync(join(ROOT, file), "utf8");

  test("links only to files that exist", () => {
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((match) => match[1] ?? "");
    expect(links.filter((link) => !existsSync(join(ROOT, dirname(file), link)))).toEqual([]);
  });

  test("names only files that exist", () => {
    const named = [...text.matchAll(NAMED)].map((match) => match[1] ?? "");
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});
