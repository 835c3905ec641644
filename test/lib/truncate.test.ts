import { expect, test } from "bun:test";
import { truncate, truncateWithLength } from "../../src/lib/truncate.ts";

test("a longer text is cut with an ellipsis that counts", () => {
  expect(truncate("abcdef", 6)).toBe("abcdef");
  expect(truncate("abcdefg", 6)).toBe("abcde…");
});

test("a cut text states how long it was, and no character is cut in half", () => {
  expect(truncateWithLength("abcdef", 6)).toBe("abcdef");
  expect(truncateWithLength("abcdefg", 6)).toBe("abcdef… (7 characters)");
  expect(truncateWithLength("abcde\u{1f600}", 6)).toBe("abcde… (7 characters)");
});
