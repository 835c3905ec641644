import { describe, expect, test } from "bun:test";
import { cutPainted, painted } from "../../../src/cli/terminal/paint.ts";
import { type Line, own } from "../../../src/lib/shown-text.ts";

// What no function of `shown-text` has made harmless.
const foreign = "\u001b[31m\u001b]0;title\u0007evil\u202e\u009b2Jend" as string as Line;

describe("a painted line", () => {
  test("has the colours of its parts, and none of a foreign text", () => {
    const line = [{ text: foreign, tone: "good" }, { text: own(" plain") }] as const;
    expect(painted(line, true)).toBe("\u001b[32mevil2Jend\u001b[0m plain");
    expect(painted(line, false)).toBe("evil2Jend plain");
  });

  test("is cut to the columns of its characters, without its colours, and ends with a sign of it", () => {
    const line = [{ text: own("abc"), tone: "bad" }, { text: own("漢字漢字") }, { text: own("x") }] as const;
    expect(cutPainted(line, 12)).toEqual(line);
    expect(painted(cutPainted(line, 8, own("…")), true)).toBe("\u001b[31mabc\u001b[0m漢字…");
    expect(painted(cutPainted(line, 3, own("...")), true)).toBe("...");
  });
});
