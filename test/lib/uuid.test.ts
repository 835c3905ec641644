import { expect, test } from "bun:test";
import { uuidsIn } from "../../src/lib/uuid.ts";

const PATTERN = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const ID = "0af76519-16cd-43dd-8448-eb211c80319c";

test("the same UUIDs are found as by a regular expression, in random texts", () => {
  let state = 7;
  const random = (n: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % n;
  };
  const parts = [
    ID,
    ID.toUpperCase(),
    ID.slice(0, 20),
    ID.slice(9),
    "-",
    "--",
    "a",
    "f0",
    "x",
    " ",
    "prefect.flow-run.",
  ];
  let found = 0;
  for (let round = 0; round < 5_000; round += 1) {
    const text = Array.from({ length: random(12) }, () => parts[random(parts.length)]).join("");
    const expected = [...text.matchAll(PATTERN)].map((match) => ({ id: match[0], at: match.index }));
    expect(uuidsIn(text)).toEqual(expected);
    found += expected.length;
  }
  expect(found).toBeGreaterThan(3_000);
});
