import { describe, expect, test } from "bun:test";
import { LiteralSet } from "../../src/lib/literal-set.ts";
import { TrigramFilter } from "../../src/lib/trigram-filter.ts";
import { seededRandom } from "../support/random.ts";

describe("a set of literals", () => {
  test("finds every occurrence, whatever its case, also of literals inside others", () => {
    const set = new LiteralSet([
      { text: "he", group: 0 },
      { text: "SHE", group: 1 },
      { text: "hers", group: 2 },
      { text: "://", group: 3 },
    ]);
    expect(set.occurrencesIn("usHers ://")).toEqual([
      { group: 1, start: 1, end: 4 },
      { group: 0, start: 2, end: 4 },
      { group: 2, start: 2, end: 6 },
      { group: 3, start: 7, end: 10 },
    ]);
    expect(set.occurrencesIn("é h é e")).toEqual([]);
    expect(set.occurrencesIn("")).toEqual([]);
  });

  test("finds some only where a word begins, also after an escape", () => {
    const set = new LiteralSet([{ text: "sk-", group: 0, atBoundary: true }]);
    const starts = (text: string) => set.occurrencesIn(text).map(({ start }) => start);
    expect(starts("task-run sk-1 (sk-2 _sk-3")).toEqual([9, 15, 21]);
    expect(starts("a\\nsk-1 a%3Dsk-2 [32msk-3")).toEqual([3, 12, 21]);
  });

  test("agrees with a search for each literal, for random sets and texts", () => {
    const random = seededRandom(1);
    const word = (length: number) =>
      Array.from({ length }, () => "abAB-_."[Math.floor(random() * 7)] as string).join("");
    for (let round = 0; round < 300; round += 1) {
      const literals = Array.from({ length: 1 + Math.floor(random() * 8) }, (_, group) => ({
        text: word(2 + Math.floor(random() * 4)),
        group,
      }));
      const set = new LiteralSet(literals);
      const filter = new TrigramFilter(
        literals.map(({ text }) => text),
        "abab a-a",
      );
      const text = word(60);
      const expected = literals.flatMap(({ text: literal, group }) =>
        Array.from({ length: text.length }, (_, at) => at)
          .filter((at) => text.slice(at, at + literal.length).toLowerCase() === literal.toLowerCase())
          .map((start) => ({ group, start, end: start + literal.length })),
      );
      const byPlace = (a: { end: number; group: number }, b: { end: number; group: number }) =>
        a.end - b.end || a.group - b.group;
      expect(set.occurrencesIn(text).toSorted(byPlace)).toEqual(expected.toSorted(byPlace));
      if (expected.length > 0) expect(filter.mayHave(text)).toBe(true);
    }
  });

  test("refuses literals that are not ASCII", () => {
    expect(() => new LiteralSet([{ text: "ä", group: 0 }])).toThrow("not ASCII");
  });
});

describe("the filter before it", () => {
  test("finds literals of two characters and others than ASCII, and passes ordinary text", () => {
    const filter = new TrigramFilter(["Q~", "pässword", "token"], "the run is in state running");
    for (const text of ["aQ~b", "q~", "xx pässword", "a TOKEN"]) expect(filter.mayHave(text)).toBe(true);
    for (const text of ["", "ab", "the run is in state running", "completed"]) expect(filter.mayHave(text)).toBe(false);
    expect(() => new TrigramFilter(["a"], "")).toThrow("a literal of 1 characters");
  });
});
