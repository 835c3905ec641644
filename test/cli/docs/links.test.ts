import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..", "..");
const DOCS = readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`);
const FILES = ["README.md", "AGENTS.md", "CHANGELOG.md", "packaging/README.md", ...DOCS];
/** Commands and files that a text names in backticks: `bun scripts/x.ts`, `src/cli/run.ts`, `cli/run.ts` in src. */
const NAMED = /`(?:bun )?([\w-]+(?:\/[\w-]+)+(?:\.\w+)+)[^`]*`/g;
const SOURCES = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" }).map((name) => `/${name}`);
const exists = (path: string) => existsSync(join(ROOT, path)) || SOURCES.some((name) => name.endsWith(`/${path}`));

describe.each(FILES)("%s", (file) => {
  const text = readFileSync(join(ROOT, file), "utf8");

  test("links only to files that exist", () => {
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((match) => match[1] ?? "");
    expect(links.filter((link) => !existsSync(join(ROOT, dirname(file), link)))).toEqual([]);
  });

  test("names only files that exist", () => {
    const named = [...text.matchAll(NAMED)].map((match) => match[1] ?? "");
    expect(named.filter((path) => !exists(path) && !path.startsWith("dist/"))).toEqual([]);
  });
});
