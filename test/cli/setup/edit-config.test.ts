import { expect, test } from "bun:test";
import { withEntry, withoutEntry } from "../../../src/cli/setup/edit-config.ts";
import type { FileFormat } from "../../../src/cli/setup/formats/format.ts";
import { jsoncFormat } from "../../../src/cli/setup/formats/jsonc.ts";
import { tomlFormat } from "../../../src/cli/setup/formats/toml.ts";
import { yamlFormat } from "../../../src/cli/setup/formats/yaml.ts";

const PATH = ["servers", "prefect"];

/** Edits as the format does, and changes something else in the same step. */
function careless(format: FileFormat, from: string, to: string): FileFormat {
  return {
    ...format,
    set: (text, path, value) => format.set(text, path, value).replace(from, to),
    remove: (text, path) => format.remove(text, path).replace(from, to),
  };
}

test.each([
  ["a comment in JSON", jsoncFormat, '{ // mine\n  "servers": { "a": 1 }\n}', "// mine", ""],
  ["the digits of a number in JSON", jsoncFormat, '{ "n": 12345678901234567890, "servers": {} }', "67890", "68000"],
  ["a comment in TOML", tomlFormat, "a = 1 # mine\n", " # mine", ""],
  ["the form of a number in TOML", tomlFormat, "a = 0xFF\n", "0xFF", "255"],
  ["a comment in YAML", yamlFormat, "a: 1 # mine\n", " # mine", ""],
  ["the digits of a number in YAML", yamlFormat, "a: 12345678901234567890\n", "67890", "68000"],
] as const)(
  "an edit that also changes %s is refused, although the values are the same",
  (_, format, text, from, to) => {
    const added = withEntry(format, text, PATH, { command: "c" });
    expect(added).toContain(from);
    const edits = careless(format, from, to);
    expect(() => withEntry(edits, text, PATH, { command: "c" })).toThrow("cannot be edited");
    expect(() => withoutEntry(edits, added, PATH)).toThrow("cannot be edited");
  },
);
