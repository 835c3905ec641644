import { describe, expect, test } from "bun:test";
import { withEntry, withoutEntry } from "../../../../src/cli/setup/edit-config.ts";
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
