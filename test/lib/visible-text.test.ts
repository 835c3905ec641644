import { describe, expect, test } from "bun:test";
import { escapeInvisible, visibleText } from "../../src/lib/visible-text.ts";

describe("visible text", () => {
  test("ordinary text, tabs, line feeds and other scripts are kept", () => {
    for (const text of ["plain", "a\tb\nc", "Grüße, 日本語, العربية, 😀", "❯ ✓ → ½", ""])
      expect(visibleText(text)).toBe(text);
  });

  test("zero-width, bidi, tag and filler characters are removed", () => {
    const hidden = [
      0x00ad, 0x034f, 0x061c, 0x115f, 0x180e, 0x200b, 0x200d, 0x200e, 0x200f, 0x202a, 0x202e, 0x2060, 0x2066, 0x2069,
      0x3164, 0xfe0f, 0xfeff, 0xffa0, 0xfff9, 0xe0001, 0xe0041, 0xe0100,
    ];
    for (const code of hidden) expect(visibleText(`a${String.fromCodePoint(code)}b`)).toBe("ab");
  });

  test("control characters are removed, line ends of every kind become line feeds", () => {
    expect(visibleText("a\0b\x07c\x1bd\x7fe\x9bf")).toBe("abcdef");
    expect(visibleText("1\r\n2\r3\u20284\u20295\x856")).toBe("1\n2\n3\n4\n5\n6");
  });

  test("sequences for colours and titles of terminals are removed", () => {
    expect(visibleText("\x1b[1;31mFAILED\x1b[0m in \x1b]0;title\x07flow")).toBe("FAILED in flow");
    expect(visibleText("\x1b[2J\x1b[H\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\")).toBe("link");
  });

  test("halves of surrogate pairs become the replacement character", () => {
    expect(visibleText("a\ud800b\udc00")).toBe("a\ufffdb\ufffd");
  });

  test("a second pass changes nothing, also where removing characters joins others", () => {
    for (const text of ["\x1b[\x1b[0m31mred", "\u200b\x1b\u200b[0m", "\r\u200b\n", "\x1b]\x1b]a\x07b\x07"]) {
      const once = visibleText(text);
      expect(visibleText(once)).toBe(once);
      expect(once).toMatch(/^[\n\t\x20-\x7e]*$/);
    }
  });

  test("a megabyte of unfinished sequences takes linear time", () => {
    for (const part of ["\x1b[", "\x1b]", "\x1b[0;", "\u200b", "\r"]) {
      expect(visibleText(part.repeat(500_000))).not.toContain("\x1b");
    }
  });
});

describe("escaping what is invisible", () => {
  test("keeps the value of a JSON text, in one visible line", () => {
    const hostile = "a\u200b\u202e\u2028\u2029\x85\x9b\x07\n\ud800 \u{e0041} 😀 é|";
    const escaped = escapeInvisible(JSON.stringify(hostile));
    expect(JSON.parse(escaped)).toBe(hostile);
    expect(visibleText(escaped)).toBe(escaped);
    expect(escaped).not.toContain("\n");
    expect(escaped).toContain("😀 é|");
  });
});
