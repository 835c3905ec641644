import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import manifest from "../../package.json";

test("docs/dependencies.md lists every package with the version of package.json", () => {
  const text = readFileSync(join(import.meta.dir, "../../docs", "dependencies.md"), "utf8");
  const rows = [...text.matchAll(/^\| `([^`]+)` \| (\d\S*) \|/gm)].map(([, name = "", version = ""]) => [
    name,
    version,
  ]);
  expect(Object.fromEntries(rows)).toEqual(manifest.devDependencies);
});
