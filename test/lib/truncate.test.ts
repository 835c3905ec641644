import { expect, test } from "bun:test";
import { truncate } from "../../src/lib/truncate.ts";

test("a longer text is cut with an ellipsis that counts", () => {
  expect(truncate("abcdef", 6)).toBe("abcdef");
  expect(truncate("abcdefg", 6)).toBe("abcde…");
});
