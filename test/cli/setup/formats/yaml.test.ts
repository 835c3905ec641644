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

/** A longer text without what was inserted at one place of the other one. */
function withoutInsertion(longer: string, text: string): string {
  let at = 0;
  while (at < text.length && longer[at] === text[at]) at += 1;
  return longer.slice(0, at) + longer.slice(longer.length - (text.length - at));
}

describe("a mapping in YAML", () => {
  test("is added behind the last one; comments, order and quotes stay", () => {
    const added = add(FILE);
    const entry = "  prefect:\n    cmd: /b/bun\n    args:\n      - /p.js\n    enabled: true\n";
    expect(added).toBe(FILE.replace("\n\nGOOSE", `\n${entry}\nGOOSE`));
    expect(add(added)).toBe(added);
  });

  const GNARLY = `# mine
defaults:   &base    # an anchor
    timeout:    300   # three spaces
    list: [ a,b ]
"extensions":
    developer: { <<: *base,  enabled: true }   # flow
    docs:
        cmd:   'x'   # quoted
        args:
        - "a"
        notes: |
            text
            # no comment

    # about the last
    last: *base   # alias

# the end
other: "y"`;

  test.each([
    ["with anchors, aliases, flow tables and its own spacing", `${GNARLY}\n`],
    ["without a line end at its end", GNARLY],
    ["with Windows line ends", `${GNARLY}\n`.replaceAll("\n", "\r\n")],
    ["with a byte order mark", `\uFEFF${GNARLY}\n`],
    ["with a text of several lines at its end", "extensions:\n  a:\n    b: |\n      text\n"],
    ["whose table of extensions is missing", "GOOSE_MODEL:   'x' # mine\n"],
  ])("gains and loses lines of its own only, in a file %s", (_, text) => {
    const added = add(text);
    expect(withoutInsertion(added, text)).toBe(text);
    expect(add(added)).toBe(added);
    const changed = withEntry(yamlFormat, added, PATH, { ...ENTRY, args: ["/q.js", "--profile", "x"] });
    expect(withoutInsertion(changed, text)).toBe(text);
    if (text.includes("extensions")) expect(withoutEntry(yamlFormat, added, PATH).trimEnd()).toBe(text.trimEnd());
  });

  test("that is an alias of another one is refused", () => {
    expect(() => add("a: &a\n  b: 1\nextensions: *a\n")).toThrow("cannot be edited");
  });

  // Numbers that the parser would write in another way, and comments at every place.
  const RAW = `# mine
ACCOUNT:   12345678901234567890  # account
mode: 017
mask: 0xFF
plus: +1
big: 1e3
list: [ a,b ]   # flow
`;

  test.each([
    ["empty", "extensions:\n"],
    ["empty, with a comment", "extensions:  # none yet\n"],
    ["empty, with comments below it", "extensions:\n  # none yet\n"],
    ["an empty flow table", "extensions: {}\n"],
    ["an empty flow table with a comment", "extensions: { }   # none yet\n"],
    ["null", "extensions: ~ # none yet\n"],
    ["at the end without a line end", "extensions: {}"],
  ])("is written below a table that is %s, and every line outside of the entry stays", (_, extensions) => {
    for (const text of [`${RAW}${extensions}`, ...(extensions.endsWith("\n") ? [`${extensions}${RAW}`] : [])]) {
      const added = add(text);
      expect(yamlFormat.parse(added)).toMatchObject({ extensions: { prefect: ENTRY } });
      for (const line of RAW.trimEnd().split("\n")) expect(added).toContain(`${line}\n`);
      expect(added.match(/# none yet/g)).toEqual(text.match(/# none yet/g));
      expect(add(added)).toBe(added);
      // Something else has changed since.
      const changed = added.replace("big: 1e3", "big: 1e3\nnew: 0o17 # mine");
      const removed = withoutEntry(yamlFormat, changed, PATH);
      expect(yamlFormat.parse(removed)).toMatchObject({ extensions: {} });
      expect(removed).not.toContain("/b/bun");
      for (const line of RAW.trimEnd().split("\n")) expect(removed).toContain(`${line}\n`);
      expect(removed).toContain("new: 0o17 # mine\n");
    }
  });

  test.each([
    ["braces with members", "extensions: { a: { b: 1 } }\n"],
    ["braces of several lines", "extensions: {\n}\n"],
    ["an explicit key", "? extensions\n"],
    ["an explicit key with a value", "? extensions\n: a: 1\n"],
    ["an anchor", "extensions: &all {}\n"],
  ])("in %s is refused with what to do, instead of writing the whole file in another way", (_, extensions) => {
    expect(() => add(RAW + extensions)).toThrow(/in braces or in another form|cannot be edited/);
  });

  test("that exists keeps the comment behind a value that changes", () => {
    const text = "extensions:\n  prefect:\n    cmd: old # was this\n    args: []\n    enabled: false # off\n";
    expect(add(text)).toBe(
      "extensions:\n  prefect:\n    cmd: /b/bun # was this\n    args:\n      - /p.js\n    enabled: false # off\n",
    );
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
