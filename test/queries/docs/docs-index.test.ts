import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DOC_PAGES, DOCS_BASE, RELEASE_NOTES } from "../../../src/queries/docs/docs-index.ts";

/** Pages below `docs` of https://github.com/PrefectHQ/prefect/tree/ce79dd3d6cfa2b7337265498210dbc4d25bcdc98/docs */
const UPSTREAM = readFileSync(join(import.meta.dir, "../../fixtures/prefect-docs-pages.txt"), "utf8").split("\n");

test("every page of the index exists in Prefect's documentation, where that is since Prefect 3.9", () => {
  const unknown = [...DOC_PAGES, ...RELEASE_NOTES].map(({ path }) => path).filter((path) => !UPSTREAM.includes(path));
  expect(unknown).toEqual([]);
  expect(DOCS_BASE).toBe("https://www.prefect.io/docs/");
});
