import { expect, test } from "bun:test";
import { parseIsoUs } from "../../../src/lib/time.ts";
import { gapText, rangeText } from "../../../src/tools/answer/range-text.ts";

test("a range without a beginning is written in words, every other one by its two times", () => {
  const [fromUs, toUs] = ["2026-01-30T09:00:00Z", "2026-01-31T00:00:00Z"].map((text) => parseIsoUs(text) ?? 0) as [
    number,
    number,
  ];
  expect<string>(rangeText({ fromUs: 0, toUs })).toBe("all of it up to 2026-01-31T00:00:00Z");
  expect<string>(gapText({ fromUs: 0, toUs })).toBe("everything before 2026-01-31T00:00:00Z");
  expect<string>(gapText({ fromUs: toUs, toUs })).toBe("2026-01-31T00:00:00Z");
  for (const toText of [rangeText, gapText])
    expect<string>(toText({ fromUs, toUs })).toBe("2026-01-30T09:00:00Z to 2026-01-31T00:00:00Z");
});
