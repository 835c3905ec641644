import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { releaseProblems } from "../../../scripts/packaging/check-release.ts";

const ready = {
  tag: "v1.2.3",
  version: "1.2.3",
  changelog: "# Change log\n\nAll changes.\n\n## 1.2.3\n\n- One.\n\n## 1.2.2\n\n- Older.\n",
  tags: ["v1.2.3", ""],
  changes: "",
  about: {
    mcpName: "io.github.Account/prefect-mcp-bun",
    repository: "https://github.com/account/prefect-mcp-bun",
    homepage: "https://github.com/account/prefect-mcp-bun#readme",
    bugs: "https://github.com/account/prefect-mcp-bun/issues",
  },
};

describe("a release", () => {
  test("is published when tag, version, change log and checkout fit", () => {
    expect(releaseProblems(ready)).toEqual([]);
  });

  test.each([
    [{ tag: "v1.2.4", tags: ["v1.2.4"] }, "The tag is v1.2.4, the version in package.json is 1.2.3."],
    [{ tags: [""] }, "The current commit does not have the tag v1.2.3."],
    [{ changes: " M src/main.ts\n" }, "The checkout has changes:\n M src/main.ts"],
    [
      { changelog: "# Change log\n\n## Unreleased\n\n- One.\n" },
      'CHANGELOG.md begins with "## Unreleased" instead of "## 1.2.3".',
    ],
    [
      { changelog: "# Change log\n\n## 1.2.3\n\n## 1.2.2\n\n- Older.\n" },
      "The newest section of CHANGELOG.md is empty.",
    ],
  ])("is refused with %p", (difference, sentence) => {
    expect(releaseProblems({ ...ready, ...difference })).toEqual([sentence]);
  });

  test.each([
    [{ repository: undefined }, ['package.json has no "repository".']],
    [{ homepage: undefined, bugs: "" }, ['package.json has no "homepage".', 'package.json has no "bugs".']],
    [
      { repository: "https://example.org/x" },
      ['"repository" is https://example.org/x, not https://github.com/OWNER/NAME.'],
    ],
    [
      { mcpName: "io.github.prefect-mcp-bun/prefect-mcp-bun" },
      [
        '"mcpName" is io.github.prefect-mcp-bun/prefect-mcp-bun, but the repository belongs to account: it has to begin with io.github.account/.',
      ],
    ],
  ])("is refused while a field of its owner is not filled in: %p", (difference, sentences) => {
    expect(releaseProblems({ ...ready, about: { ...ready.about, ...difference } })).toEqual(sentences);
  });

  test("of the current version has a section in the change log", () => {
    const read = (name: string) => readFileSync(join(import.meta.dir, "..", "..", "..", name), "utf8");
    const { version } = JSON.parse(read("package.json"));
    const facts = { ...ready, tag: `v${version}`, tags: [`v${version}`], version, changelog: read("CHANGELOG.md") };
    expect(releaseProblems(facts)).toEqual([]);
  });
});
