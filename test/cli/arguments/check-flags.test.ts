import { describe, expect, test } from "bun:test";
import { checkFlags } from "../../../src/cli/arguments/check-flags.ts";

describe("the value of a setting flag", () => {
  test.each([
    [{ port: "99999" }, "--port 99999 must be a whole number from 0 to 65535."],
    [{ port: "abc" }, "--port abc must be a whole number from 0 to 65535."],
    [{ "log-level": "loud" }, "--log-level loud must be one of debug, info, warn, error, silent."],
    [{ tools: "foo" }, "--tools foo must be one of core, default, all."],
    [{ port: "0", "log-level": "WARN", tools: "core", profile: "prod", "data-dir": "~/x" }, null],
    [{}, null],
  ])("is checked: %p", async (settings, complaint) => {
    expect<string | null>(await checkFlags({ settings })).toBe(complaint);
  });
});
