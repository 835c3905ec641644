import { describe, expect, test } from "bun:test";
import { ExactNumber, isJsonObject, isSameJson, parseJson, toDoubles } from "../../src/lib/exact-json.ts";
import { randomNumber } from "../support/numbers.ts";
import { seededRandom } from "../support/random.ts";

const again = (text: string) => JSON.stringify(parseJson(text));

describe("parseJson", () => {
  test("keeps every number as it is written", () => {
    const written = [
      "9223372036854775807",
      "-9223372036854775808",
      "18446744073709551616",
      "9007199254740993",
      "1.0",
      "0.0",
      "-0.0",
      "-0",
      "1.50",
      "1e5",
      "1E+400",
      "5.2e-05",
      "1e-07",
      "0.0000001",
      "0.30000000000000004",
      "3.141592653589793238462643",
      "1e-310",
      "2e-310",
      "5e-324",
      `1${"0".repeat(400)}`,
      "12",
      "-3.25",
    ];
    for (const number of written) {
      expect(again(number)).toBe(number);
      expect(again(`[${number}]`)).toBe(`[${number}]`);
      expect(again(`{"a":{"b":[1,${number},"x"]},"c":${number}}`)).toBe(`{"a":{"b":[1,${number},"x"]},"c":${number}}`);
      expect(again(`{ "a" :\n ${number}\t}`)).toBe(`{"a":${number}}`);
    }
  });

  test("gives ordinary numbers for those that doubles write the same", () => {
    expect(parseJson('{"a":1,"b":[-2.5,0,1e+21,9007199254740992]}')).toEqual({
      a: 1,
      b: [-2.5, 0, 1e21, 9007199254740992],
    });
  });

  test("changes no string that looks like a number", () => {
    const text = JSON.stringify({ ":1.0,": "[1.0, -0.0]", b: ",2e-310,", c: '":1e5}', d: "1.0" });
    expect(again(text)).toBe(text);
    expect(again(`{"a":"x:[1.0,2.0]","b":3.0}`)).toBe(`{"a":"x:[1.0,2.0]","b":3.0}`);
  });

  test("keeps the last of equal names, and an own __proto__", () => {
    expect(again('{"a":1.0,"a":2.0}')).toBe('{"a":2.0}');
    expect(again('{"__proto__":1.0}')).toBe('{"__proto__":1.0}');
  });

  test.each(["", "{", "[1.0", "[01.0]", "[1.0,]", "[.50]", "[1.]", "[-]", "[+1.0]", "[1e]", "nope", '{"a":1.0}}'])(
    "refuses what is not JSON: %s",
    (text) => {
      expect(() => parseJson(text)).toThrow(SyntaxError);
    },
  );

  test("finds the same numbers as a reviver that sees every source text", () => {
    const next = seededRandom(11);
    for (let round = 0; round < 3_000; round += 1) {
      const text = randomJson(next, 3);
      const slow = (JSON.parse as Revive)(text, (_, value, { source }) =>
        typeof value === "number" && String(value) !== source ? new ExactNumber(source ?? "") : value,
      );
      expect(again(text)).toBe(JSON.stringify(slow));
    }
  });

  test("takes time in proportion to the length of a hostile text", () => {
    const part = 200_000;
    const hostile = [
      `["${"1".repeat(part)}x"]`,
      `["${"1.".repeat(part)}x"]`,
      `["${".0".repeat(part)}x"]`,
      `["${"1e".repeat(part)}"]`,
      `["${":".repeat(part)}"]`,
      `["${`:${" ".repeat(1_000)}`.repeat(200)}"]`,
      `["${"0.0000000".repeat(part / 8)}x"]`,
      `["${"-0".repeat(part)}x"]`,
      `[${"1.0,".repeat(part)}1]`,
    ];
    // Quadratic time would be minutes for each of these.
    for (const text of hostile) expect(again(text)).toBe(text);
  });

  test("reads numbers below a deep nesting", () => {
    const text = `${"[".repeat(2_000)}1.0${"]".repeat(2_000)}`;
    expect(again(text)).toBe(text);
  });
});

type Revive = (
  text: string,
  reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
) => unknown;

function randomJson(next: () => number, depth: number): string {
  const pick = Math.floor(next() * (depth > 0 ? 6 : 4));
  const space = next() < 0.2 ? " " : "";
  if (pick <= 1) return randomNumber(next);
  if (pick === 2)
    return JSON.stringify(`${"[:, "[Math.floor(next() * 4)]}${randomNumber(next)}${",]} "[Math.floor(next() * 4)]}`);
  if (pick === 3) return ["true", "false", "null", '""'][Math.floor(next() * 4)] ?? "null";
  const parts = Array.from({ length: Math.floor(next() * 4) }, () => randomJson(next, depth - 1));
  if (pick === 4) return `[${space}${parts.join(`,${space}`)}${space}]`;
  return `{${parts.map((part, index) => `"k${index}"${space}:${space}${part}`).join(`${space},`)}${space}}`;
}

describe("ExactNumber", () => {
  const big = new ExactNumber("9223372036854775807");

  test("is shown as it is written and counts as the nearest double", () => {
    expect([`${big}`, String(big), Number(big)]).toEqual(["9223372036854775807", "9223372036854775807", 2 ** 63]);
    expect(new ExactNumber("1.50") > new ExactNumber("1.0")).toBe(true);
    expect(JSON.stringify({ big }, null, 1)).toBe('{\n "big": 9223372036854775807\n}');
  });

  test("has no members and is no object of JSON", () => {
    expect([Object.keys(big), isJsonObject(big), isJsonObject({}), isJsonObject([])]).toEqual([[], false, true, false]);
  });

  test("becomes a double where one is needed", () => {
    expect(toDoubles({ a: [big, "x"], b: null })).toEqual({ a: [2 ** 63, "x"], b: null });
    const plain = { a: [1, { b: Number.NaN }] };
    expect(toDoubles(plain)).toBe(plain);
  });
});

test("two values are the same JSON in any order of members, and where one was recorded as a double", () => {
  const same = (before: string, after: string) => isSameJson(parseJson(before), parseJson(after));
  expect(same('{"a":1,"b":[2.0]}', '{"b":[2.0],"a":1}')).toBe(true);
  expect(same("9223372036854775807", "9223372036854775806")).toBe(false);
  expect(same('{"a":9223372036854775806}', '{"a":9223372036854775807}')).toBe(false);
  expect(isSameJson({ rate: 1, big: 2 ** 63 }, parseJson('{"rate":1.0,"big":9223372036854775807}'))).toBe(true);
  expect(same("[1]", "[2]")).toBe(false);
  expect(same('{"a":1}', "{}")).toBe(false);
  expect(same('{"a":null}', '{"b":null}')).toBe(false);
  expect(isSameJson(undefined, undefined)).toBe(true);
  expect(isSameJson(undefined, null)).toBe(false);
});
