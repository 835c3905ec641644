import { describe, expect, test } from "bun:test";
import { findJsonExcess, findValueExcess, jsonOutline } from "../../src/lib/json-bounds.ts";

const BOUNDS = { maxDepth: 5, maxValues: 100 };
const nested = (depth: number, open: string, close: string) => `${open.repeat(depth)}1${close.repeat(depth)}`;

describe("bounds of JSON", () => {
  const within: [string, string][] = [
    ["as many levels as allowed", nested(5, '{"a":', "}")],
    ["as many values as allowed", `[${"1,".repeat(98)}1]`],
    ["brackets inside of texts", JSON.stringify({ "[[[[[[{{{{{{": "]]]]]]}}}}[[[[[[[[[" })],
    ["escaped quotes and backslashes", JSON.stringify(['"[[[[[[', '\\"[[[[[[', "\\", '[[[[[["\\'])],
    ["many lists beside each other", `[${"[],".repeat(48)}[]]`],
    ["lone surrogates", '["\\ud800[[[[[["]'],
    ["no JSON at all", "<html>"],
    ["an unclosed text", '["[[[[[['],
  ];
  test.each(within)("allow %s", (_, text) => {
    expect(findJsonExcess(text, BOUNDS)).toBeNull();
  });

  const beyond: [string, string, string][] = [
    ["one level more", nested(6, '{"a":', "}"), "is nested deeper than 5 levels"],
    ["levels of lists and objects together", '[{"a":[{"b":[{}]}]}]', "is nested deeper than 5 levels"],
    ["levels that are not closed", "[".repeat(1_000_000), "is nested deeper than 5 levels"],
    ["levels after a text with an escaped quote", `["\\"",${nested(6, "[", "]")}]`, "is nested deeper than 5 levels"],
    ["levels after an escaped backslash", `["\\\\",${nested(6, "[", "]")}]`, "is nested deeper than 5 levels"],
    ["one value more", `[${"1,".repeat(100)}1]`, "has more than 100 values"],
    ["many keys", `{${Array.from({ length: 102 }, (_, n) => `"k${n}":1`).join()}}`, "has more than 100 values"],
    ["many empty lists", `[${"[],".repeat(60)}[]]`, "has more than 100 values"],
    ["a number of very many digits", `[1,${"9".repeat(5_001)}]`, "has a number of more than 5000 digits"],
    ["a fraction of very many digits", `[-1.${"9".repeat(5_001)}E7]`, "has a number of more than 5000 digits"],
  ];
  test.each(beyond)("refuse %s", (_, text, what) => {
    expect<unknown>(findJsonExcess(text, BOUNDS)?.what).toBe(what);
  });

  test("refuse a text of more characters than allowed, as a value and as a name, without a limit for all of them", () => {
    const bounds = { ...BOUNDS, maxTextChars: 10 };
    const what = "has a text of more than 10 characters";
    expect(findJsonExcess(JSON.stringify([..."abc", "x".repeat(10), { ["y".repeat(10)]: 1 }]), bounds)).toBeNull();
    expect<unknown>(findJsonExcess(JSON.stringify(["x".repeat(11)]), bounds)).toEqual({ bound: "text", what });
    expect<unknown>(findJsonExcess(JSON.stringify({ ["y".repeat(11)]: 1 }), bounds)).toEqual({ bound: "text", what });
    expect<unknown>(findJsonExcess(`["${"z".repeat(11)}`, bounds)).toEqual({ bound: "text", what });
    expect(findJsonExcess(JSON.stringify(["x".repeat(1_000_000)]), BOUNDS)).toBeNull();
  });

  test("count containers more the deeper they are, because the time for writing them grows with their depth", () => {
    const bounds = { maxDepth: 1_000, maxValues: 10_000 };
    const flat = `[${"[],".repeat(4_000)}1]`;
    const deep = (levels: number) => `[${`${nested(levels, "[", "]")},`.repeat(4_000 / levels)}1]`;
    expect(findJsonExcess(flat, bounds)).toBeNull();
    expect(findJsonExcess(deep(20), bounds)).toBeNull();
    expect(findJsonExcess(deep(400), bounds)?.bound).toBe("values");
  });

  test("are the same for parsed values, which may be nested deeper than any stack", () => {
    expect(findValueExcess(JSON.parse(nested(5, '{"a":', "}")), BOUNDS)).toBeNull();
    expect(findValueExcess(JSON.parse(nested(6, "[", "]")), BOUNDS)?.bound).toBe("depth");
    expect(findValueExcess(JSON.parse(nested(200_000, "[", "]")), BOUNDS)?.bound).toBe("depth");
    expect(findValueExcess(Array(101).fill(1), BOUNDS)?.bound).toBe("values");
    expect(findValueExcess("text", BOUNDS)).toBeNull();
  });
});

describe("the outline of a JSON text", () => {
  test("keeps the outer members and has null for what is inside", () => {
    const text = `{"id":7,"params":{"name":"a \\"{[","arguments":${nested(40_000, '{"a":', "}")}},"method":"b"}`;
    expect(JSON.parse(jsonOutline(text, 3))).toEqual({
      id: 7,
      params: { name: 'a "{[', arguments: null },
      method: "b",
    });
    expect(JSON.parse(jsonOutline(text, 2))).toEqual({ id: 7, params: null, method: "b" });
  });

  test("of a text without deep parts is the text", () => {
    expect(jsonOutline('[1,{"a":"]"}]', 3)).toBe('[1,{"a":"]"}]');
  });
});
