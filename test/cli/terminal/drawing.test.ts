import { describe, expect, test } from "bun:test";
import { ASCII, drawsPictures, glyphsOf, UNICODE } from "../../../src/cli/terminal/drawing.ts";

describe("pictures", () => {
  test.each([
    [true, {}, true],
    [true, { TERM: "xterm-256color", NO_COLOR: "" }, true],
    [false, {}, false],
    [false, { FORCE_COLOR: "1", CLICOLOR_FORCE: "1" }, false],
    [true, { NO_COLOR: "1" }, false],
    [true, { TERM: "dumb" }, false],
    [true, { CLICOLOR: "0" }, false],
    [true, { FORCE_COLOR: "0" }, false],
  ] as const)("on a terminal (%p) with %p are drawn: %p", (isTerminal, env, isDrawn) => {
    expect(drawsPictures(isTerminal, env)).toBe(isDrawn);
  });

  test.each([
    [{ LANG: "de_DE.UTF-8" }, "linux", UNICODE],
    [{ LANG: "en_US.utf8" }, "linux", UNICODE],
    [{ LANG: "en_US.UTF-8", LC_ALL: "C" }, "linux", ASCII],
    [{ LANG: "C", LC_CTYPE: "C.UTF-8" }, "linux", UNICODE],
    [{ LANG: "de_DE.ISO-8859-1" }, "darwin", ASCII],
    [{}, "linux", ASCII],
    [{}, "darwin", UNICODE],
    [{}, "win32", UNICODE],
  ] as const)("have the characters of the locale %p on %s", (env, platform, glyphs) => {
    expect(glyphsOf(env, platform)).toBe(glyphs);
  });
});
