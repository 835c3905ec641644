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

  test("of the current version has a section in the change log", () => {
    const read = (name: string) => readFileSync(join(import.meta.dir, "..", "..", "..", name), "utf8");
    const { version } = JSON.parse(read("package.json"));
    const facts = { ...ready, tag: `v${version}`, tags: [`v${version}`], version, changelog: read("CHANGELOG.md") };
    expect(releaseProblems(facts)).toEqual([]);
  });
});
