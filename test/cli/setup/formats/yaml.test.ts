import { describe, expect, test } from "bun:test";
import { withEntry, withoutEntry } from "../../../../src/cli/setup/edit-config.ts";
import { yamlFormat } from "../../../../src/cli/setup/formats/yaml.ts";

const PATH = ["extensions", "prefect"];
const ENTRY = { cmd: "/b/bun", args: ["/p.js"], enabled: true };
const add = (text: string) => withEntry(yamlFormat, text, PATH, ENTRY);

const FILE = `# mine
extensions:
  developer:
    # built in
    enabled: true # yes
    long: a text that is longer than eighty characters and must remain in one line, whatever happens to it

GOOSE_MODEL: 'x'
`;

describe("a mapping in YAML", () => {
  test("is added behind the last one; comments, order and quotes stay", () => {
    const added = add(FILE);
    const entry = "  prefect:\n    cmd: /b/bun\n    args:\n      - /p.js\n    enabled: true\n";
    expect(added).toBe(FILE.replace("\n\nGOOSE", `\n${entry}\nGOOSE`));
    expect(add(added)).toBe(added);
  });

  test("that is removed leaves all others", () => {
    expect(yamlFormat.parse(withoutEntry(yamlFormat, add(FILE), PATH))).toEqual(yamlFormat.parse(FILE));
  });

  test.each(["", "# only a comment\n", "extensions:\n", "extensions: {}\n", "a: 1\n"])("is added to %j", (text) => {
    const added = add(text);
    expect(yamlFormat.parse(added)).toMatchObject({ extensions: { prefect: ENTRY } });
    for (const comment of text.match(/#.*/g) ?? []) expect(added).toContain(comment);
  });
});

test.each(["a: [1", "- a\n- b\n", "extensions: 5\n", "a: 1\n---\nb: 2\n"])("a file %j is refused", (text) => {
  expect(() => add(text)).toThrow();
});
