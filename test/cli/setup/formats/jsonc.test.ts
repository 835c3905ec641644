import { describe, expect, test } from "bun:test";
import { withEntry, withListed, withoutEntry } from "../../../../src/cli/setup/edit-config.ts";
import { jsoncFormat } from "../../../../src/cli/setup/formats/jsonc.ts";

const PATH = ["mcpServers", "prefect"];
const ENTRY = { command: "/b/bun", args: ["/p.js"] };
const add = (text: string) => withEntry(jsoncFormat, text, PATH, ENTRY);
const remove = (text: string) => withoutEntry(jsoncFormat, text, PATH);

const COMMENTED = `{
\t// servers of mine
\t"mcpServers": {
\t\t"a": { "command": "b" }, // the first
\t\t/* the second */
\t\t"c": {"command": "d"} // no comma
\t}, // end
\t"theme": "dark" /* last */
}
`;

describe("an entry in JSON with comments", () => {
  test("is added behind the last one; every other byte stays, and comments keep their place", () => {
    expect(add(COMMENTED)).toBe(`{
\t// servers of mine
\t"mcpServers": {
\t\t"a": { "command": "b" }, // the first
\t\t/* the second */
\t\t"c": {"command": "d"}, // no comma
\t\t"prefect": {
\t\t\t"command": "/b/bun",
\t\t\t"args": [
\t\t\t\t"/p.js"
\t\t\t]
\t\t}
\t}, // end
\t"theme": "dark" /* last */
}
`);
  });

  test.each([
    ["with comments", COMMENTED],
    ["with a trailing comma", '{\n  "mcpServers": {\n    "a": {}, // t\n  },\n}\n'],
    ["in one line with a comment behind the last one", '{"mcpServers": {"a": {"command": "b"} /* about a */}}'],
    ["in one line with a comma and a comment", '{"mcpServers": {"a": 1, /* about a */}}'],
    ["in one line", '{"mcpServers": {"a": {"command": "b"}}, "z": 1}'],
    ["with Windows line ends", '{\r\n    "mcpServers": {\r\n        "a": {}\r\n    }\r\n}\r\n'],
    ["with a byte order mark", '\uFEFF{\n  "mcpServers": {\n    "a": {}\n  }\n}\n'],
    ["with a comment behind the last element", '{\n  "mcpServers": {\n    "a": {}\n    // more here\n  }\n}\n'],
  ])("that is added and removed leaves a file %s as it was", (_, text) => {
    const added = add(text);
    expect(added).not.toBe(text);
    expect(add(added)).toBe(added);
    expect(remove(added)).toBe(text);
  });

  test("that is removed from the middle takes its comma and its line along, and nothing else", () => {
    const text = '{\n  "mcpServers": {\n    "a": 1,\n    "prefect": {}, // ours\n    // about c\n    "c": 2\n  }\n}';
    expect(remove(text)).toBe('{\n  "mcpServers": {\n    "a": 1,\n    // about c\n    "c": 2\n  }\n}');
  });

  test.each([
    "",
    "  \n",
    "{}",
    "{ }\n",
    '{"mcpServers": {"a": 1,}}',
    '{"theme": "x"}',
    '{\n  "mcpServers": {}\n}',
    "{\n  // nothing\n}\n",
  ])("is added to %j", (text) => {
    const added = add(text);
    expect(jsoncFormat.parse(added)).toMatchObject({ mcpServers: { prefect: ENTRY } });
    expect(add(added)).toBe(added);
  });

  test("that exists keeps members that others added, and only values that differ are replaced", () => {
    const text = '{"mcpServers": {"prefect": {"timeout": 9, /* x */ "command": "old", "args": ["/p.js"]}}}';
    expect(add(text)).toBe(
      '{"mcpServers": {"prefect": {"timeout": 9, /* x */ "command": "/b/bun", "args": ["/p.js"]}}}',
    );
  });
});

test("a list keeps its comments when values are added", () => {
  const text = '{\n  "permissions": {\n    "allow": [\n      "Bash(ls)" // safe\n    ]\n  }\n}\n';
  const rules = ["mcp__prefect__search", "Bash(ls)"];
  expect(withListed(jsoncFormat, text, ["permissions", "allow"], rules)).toBe(
    '{\n  "permissions": {\n    "allow": [\n      "Bash(ls)", // safe\n      "mcp__prefect__search"\n    ]\n  }\n}\n',
  );
});

test.each([
  ['{"mcpServers": ', "it is not valid JSON (value expected, line 1, column 16)"],
  ['{\n  "a": 1\n  "b": 2\n}', "it is not valid JSON (comma expected, line 3, column 3)"],
  ["[]", "it is not an object"],
  ['{"mcpServers": []}', "cannot be edited"],
  ['{"mcpServers": {"prefect": 5}}', "something else than a table"],
  ['{"mcpServers": {"a": 1}, "mcpServers": {"b": 1}}', "cannot be edited"],
])("a file %j is refused", (text, reason) => {
  expect(() => add(text)).toThrow(reason);
});
