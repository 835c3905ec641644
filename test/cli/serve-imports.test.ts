/** What `serve` loads before its first answer: its imports, without those that are made when they are needed. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const ROOT = join(import.meta.dir, "../../src");

/** Files and packages that the file imports when it is loaded, directly or by others. */
function loadedWith(entry: string): Set<string> {
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  const found = new Set<string>();
  const visit = (path: string) => {
    found.add(relative(ROOT, path));
    if (!path.endsWith(".ts")) return;
    for (const { path: imported, kind } of transpiler.scanImports(readFileSync(path, "utf8"))) {
      if (kind !== "import-statement") continue;
      const file = imported.startsWith(".") ? join(dirname(path), imported) : null;
      if (file === null) found.add(imported);
      else if (!found.has(relative(ROOT, file))) visit(file);
    }
  };
  visit(join(ROOT, entry));
  return found;
}

test("serve over stdio loads the SDK only when a message needs it", () => {
  const loaded = [...loadedWith("cli/serve.ts")];
  expect(loaded).toContain("mcp/stdio/stdio.ts");
  expect(loaded.filter((name) => name.startsWith("@modelcontextprotocol/"))).toEqual([]);
});

test("serve over stdio loads the definition of a tool with its first call", () => {
  const loaded = [...loadedWith("cli/serve.ts")];
  expect(loaded).toContain("tools/definitions.ts");
  expect(loaded.filter((name) => /^tools\/(acting|docs|events|objects|runs|workspace)\//.test(name))).toEqual([]);
});

test("serve over stdio loads none of the modules of Node that take milliseconds, and no filters of runs", () => {
  const loaded = [
    ...loadedWith("cli/serve.ts"),
    ...loadedWith("cli/run.ts"),
    ...loadedWith("tools/events/read-events.ts"),
  ];
  const slow = ["node:crypto", "node:stream", "node:tty", "node:util", "node:worker_threads", "node:zlib"];
  expect(loaded.filter((name) => slow.includes(name))).toEqual([]);
  expect(loaded).not.toContain("store/filters/bodies.ts");
});
