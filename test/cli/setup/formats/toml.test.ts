import { describe, expect, test } from "bun:test";
import { withEntry, withOnlyEntry, withoutEntry } from "../../../../src/cli/setup/edit-config.ts";
import { tomlFormat } from "../../../../src/cli/setup/formats/toml.ts";

const PATH = ["mcp_servers", "prefect"];
const ENTRY = { command: "/b/bun", args: ["/p.js"], env: { A: "1" } };
const add = (text: string) => withEntry(tomlFormat, text, PATH, ENTRY);
const remove = (text: string) => withoutEntry(tomlFormat, text, PATH);

const FILE = `# mine
model = "o5" # keep

[mcp_servers.docs]
command = "x"
notes = """
[mcp_servers.prefect]
"""

# about the terminal
[tui]
theme = "a"
`;

describe("a table in TOML", () => {
  test("is added at the end; every other byte stays", () => {
    expect(add(FILE)).toBe(
      `${FILE}\n[mcp_servers.prefect]\ncommand = "/b/bun"\nargs = [ "/p.js" ]\n\n[mcp_servers.prefect.env]\nA = "1"\n`,
    );
  });

  const PLAIN = FILE.replace(/notes = """[^"]*"""\n/, "");
  test.each([
    ["with comments", PLAIN],
    ["with Windows line ends", PLAIN.replaceAll("\n", "\r\n")],
    ["that is empty", ""],
    ["with one root key", "a = 1\n"],
    ["with inline tables", 'a = { b = 1, c = "#" } # inline\nmcp_servers = { docs = { command = "x" } } # mine\n'],
    ["with mixed line ends", "# one\r\na = 1\nb = 2\r\n"],
    ["with a byte order mark", "\uFEFFa = 1\n"],
  ])("that is added and removed leaves a file %s as it was", (_, text) => {
    const added = add(text);
    expect(add(added)).toBe(added);
    expect(remove(added)).toBe(text);
  });

  test("that exists keeps other keys and comments; a value of several lines is replaced as a whole", () => {
    const text = `[mcp_servers.prefect] # ours
command = "old" # was this
args = [
  "a", # one
  "b",
]
startup_timeout_sec = 30

[mcp_servers.prefect.env]
B = "2"
# next
[tui]
`;
    expect(add(text)).toBe(`[mcp_servers.prefect] # ours
command = "/b/bun" # was this
args = ["/p.js"]
startup_timeout_sec = 30

[mcp_servers.prefect.env]
B = "2"
A = "1"
# next
[tui]
`);
  });

  test.each([
    [
      '[mcp_servers]\nprefect = { command = "old", args = [], env = { B = "#" }, x = 1 } # ours\n',
      '[mcp_servers]\nprefect = { command = "/b/bun", args = ["/p.js"], env = { B = "#", A = "1" }, x = 1 } # ours\n',
    ],
    [
      'mcp_servers = { prefect = { command = "old" }, docs = { command = "x" } }\n',
      'mcp_servers = { prefect = { command = "/b/bun", args = ["/p.js"], env = { A = "1" } }, docs = { command = "x" } }\n',
    ],
  ])("that is written inline is edited inline: %j", (text, edited) => {
    expect(add(text)).toBe(edited);
    expect(add(edited)).toBe(edited);
    expect(remove(edited)).not.toContain("/b/bun");
  });

  // Other servers and values, each in a form that a parser would write in another way.
  test.each([
    ["dotted keys", 'mcp_servers.docs.url = "https://x" # docs\nmcp_servers.docs.n = 0xFF # n\n'],
    ["one dotted key", 'mcp_servers.docs.url = "https://x" # docs\n'],
    ["a dotted key below a header", '[mcp_servers]\ndocs.url = "https://x" # docs\n'],
    ["inline tables with inner comments", 'mcp_servers = { docs = { args = [ # first\n  "a", # a\n] } } # mine\n'],
    ["inline tables with their own spacing", "mcp_servers = {docs={n=1_000,f=1e3,h=0x1F}}\n"],
    ["numbers above 2^53", "account = 1234567890123456789 # big\nn = 9007199254740993\n"],
    ["texts of several lines", "a = \x27\x27\x27\n[mcp_servers.prefect]\n# no\x27\x27\x27\n"],
    ["texts of several lines with quotes", 'b = """x\\\\\\""""" # b\n[c]\nd = "#" # d\n'],
    ["quoted keys", '["a.b"."c d"]\n"mcp_servers.prefect" = 1 # 1\n'],
    ["arrays of tables", "[[a]]\nb = 1\n[[a]]\nb = 2 # two\n\n"],
  ])("is added, changed and removed in a file with %s, and no byte outside of it changes", (_, text) => {
    const added = add(text);
    expect(tomlFormat.parse(added)).toMatchObject({ mcp_servers: { prefect: ENTRY } });
    expect(add(added)).toBe(added);
    const changed = withEntry(tomlFormat, added, PATH, { ...ENTRY, args: ["/q.js", "--profile", "x"] });
    expect(changed).not.toBe(added);
    for (const one of [added, changed]) expect(remove(one).trimEnd()).toBe(text.trimEnd());
  });

  test("that is written by dotted keys is edited and removed in that form", () => {
    const text = 'mcp_servers.prefect.command = "old" # ours\nmcp_servers.docs.url = "x" # docs\n';
    expect(add(text)).toBe(
      'mcp_servers.prefect.command = "/b/bun" # ours\nmcp_servers.prefect.args = ["/p.js"]\nmcp_servers.docs.url = "x" # docs\n\n[mcp_servers.prefect.env]\nA = "1"\n',
    );
    expect(remove(text)).toBe('mcp_servers.docs.url = "x" # docs\n');
  });

  test.each([
    [
      "tables below it",
      '[mcp_servers.prefect]\ncommand = "old"\n\n[mcp_servers.prefect.env]\nB = "2"\n\n[tui]\na = 1 # tui\n',
    ],
    [
      "rules for tools",
      '[mcp_servers.prefect]\ncommand = "old"\n[mcp_servers.prefect.tools.search]\napproval_mode = "approve"\n',
    ],
    ["dotted keys", 'mcp_servers.prefect.command = "old"\nmcp_servers.prefect.env.B = "2"\na = 1 # tui\n'],
    ["an inline table", 'mcp_servers = { prefect = { command = "old", env = { B = "2" } } } # mine\n'],
  ])("with %s is replaced as a whole", (_, text) => {
    const replaced = withOnlyEntry(tomlFormat, text, PATH, ENTRY);
    expect(tomlFormat.parse(replaced)).toMatchObject({ mcp_servers: { prefect: ENTRY } });
    expect(replaced).not.toContain("old");
    expect(replaced).not.toContain("B =");
    for (const comment of text.match(/#.*/g) ?? []) expect(replaced).toContain(comment);
    expect(withOnlyEntry(tomlFormat, replaced, PATH, ENTRY)).toBe(replaced);
  });

  test("that is removed from the middle leaves the comments of the next one", () => {
    const text =
      '[a]\nx = 1\n\n[mcp_servers.prefect]\ncommand = "c"\n\n[mcp_servers.prefect.env]\nA = "1"\n\n# about b\n[b]\n';
    expect(remove(text)).toBe("[a]\nx = 1\n\n# about b\n[b]\n");
  });
});

test.each([
  ["a = ", "it is not valid TOML (line 1, column"],
  ["mcp_servers = 5\n", "cannot be edited"],
])("a file %j is refused", (text, reason) => {
  expect(() => add(text)).toThrow(reason);
});
