import { expect, test } from "bun:test";
import { StepBudget } from "../../../src/lib/wildcards.ts";
import { RESOURCE_ID } from "../../../src/model/events/event.ts";
import { compileEventFilter } from "../../../src/model/events/event-filter.ts";
import { globMatcher } from "../../../src/model/events/live-labels.ts";
import { parseTextQuery } from "../../../src/model/events/text-query.ts";
import { parseSearchTerms } from "../../../src/model/text/search-terms.ts";
import { sqlLike, sqlLikePrefix } from "../../../src/model/text/sql-like.ts";
import { bareWord, indexText, indexWord, wordsOf } from "../../../src/model/text/words.ts";
import { openRecord } from "../../../src/store/database.ts";
import { anEvent } from "../../support/builders.ts";
import { expectLinear } from "../../support/time/growth.ts";

const text: Record<string, { include?: string[]; exclude?: string[]; required?: string[] }> = {
  "": {},
  "foo bar": { include: ["foo", "bar"] },
  "-foo !bar +baz": { exclude: ["foo", "bar"], required: ["baz"] },
  '"two words" -"time out"': { include: ["two words"], exclude: ["time out"] },
  '"say \\"hi\\" \\\\ \\n"': { include: ['say "hi" \\ \\n'] },
  '"unclosed to the end': { include: ["unclosed to the end"] },
  "- foo + ": { include: ["foo"] },
  "--foo": { exclude: ["-foo"] },
  'foo"bar baz"qux': { include: ["foo", "bar baz", "qux"] },
  '"" "  " -""': {},
  "a+b": { include: ["a+b"] },
};
for (const [query, expected] of Object.entries(text)) {
  test(`Prefect's text query ${JSON.stringify(query)}`, () => {
    expect(parseTextQuery(query)).toEqual({ include: [], exclude: [], required: [], ...expected });
  });
}

const term = (words: string, isPrefix = false, isSuffix = false) => ({ words: words.split(" "), isPrefix, isSuffix });
const search: Record<string, { all?: object[]; none?: object[] }> = {
  "": {},
  "Disk FULL": { all: [term("disk"), term("full")] },
  '"disk full" -retry pre*': { all: [term("disk full"), term("pre", true)], none: [term("retry")] },
  "flow-run 50%": { all: [term("flow run"), term("50")] },
  '-"time out" "be gin"*': { all: [term("be gin", true)], none: [term("time out")] },
  '- * "" !!': {},
  "*end *part* -*x begin*": {
    all: [term("end", false, true), term("part", true, true), term("begin", true)],
    none: [term("x", false, true)],
  },
  '*"two words"*': { all: [term("two words", true, true)] },
  '"unclosed end': { all: [term("unclosed end")] },
};
for (const [query, expected] of Object.entries(search)) {
  test(`search ${JSON.stringify(query)}`, () => {
    expect(parseSearchTerms(query)).toEqual({ all: [], none: [], ...expected } as ReturnType<typeof parseSearchTerms>);
  });
}

test("words are folded as in the index", () => {
  expect(wordsOf("Größe naïve ΟΔΟΣ İstanbul x_y 日本語 e\u0301te\u0301 3.14 😀 한국")).toEqual([
    "größe"
      .normalize("NFD")
      .replace(/\u0308/g, "")
      .normalize("NFC"),
    "naive",
    "οδοσ",
    "istanbul",
    "x",
    "y",
    "日",
    "\u2060本",
    "\u2060語",
    "ete",
    "3",
    "14",
    "한",
    "\u2060국",
  ]);
});

test("LIKE ignores the case of ASCII letters only; its wildcards match line ends and whole characters", () => {
  expect(sqlLike("A_c%")("abC\nd")).toBe(true);
  expect(sqlLike("_")("😀")).toBe(true);
  expect(sqlLike("é")("É")).toBe(false);
  expect(sqlLike("k")("\u212a")).toBe(false);
  expect(sqlLike("a.c")("abc")).toBe(false);
  expect(sqlLikePrefix("x[")("X[y")).toBe(true);
  expect(sqlLikePrefix("")("anything")).toBe(true);
});

test("a pattern of many wildcards is matched in time proportional to the length of the text", () => {
  // Three wildcards: trying every split of the text would take the cube of its length. More of them would never end.
  const glob = (pattern: string) => globMatcher(pattern, new StepBudget());
  for (const matches of [sqlLikePrefix("%_%_%_!"), sqlLike("%a%a%a!"), glob("*?[a-z]*?[a-z]*?[a-z]!")])
    expectLinear((size) => expect(matches("a".repeat(size))).toBe(false), 2_000);
  expect(sqlLikePrefix(`${"%_".repeat(200)}!`)("a".repeat(5_000))).toBe(false);
  expect(sqlLike(`${"%a".repeat(200)}%`)("a".repeat(5_000))).toBe(true);
  expect(glob(`${"*?[a-z]".repeat(200)}!`)("a".repeat(5_000))).toBe(false);
});

test("a pattern that would take very many steps is refused, and all patterns of a filter have one budget", () => {
  const long = "a".repeat(200_000);
  const pattern = `*${"a".repeat(5_000)}b`;
  const refusal = "Comparing the patterns with the recorded texts takes too many steps.";
  expect(() => sqlLike(pattern.replace("*", "%"))(long)).toThrow(refusal);
  expect(() => globMatcher(pattern, new StepBudget())(long)).toThrow(refusal);
  expect(sqlLike("%aab")(`${long}b`)).toBe(true);

  const short = "a".repeat(10_000);
  const event = anEvent({ resource: { [RESOURCE_ID]: "a.b", label: short } });
  const costly = `*${"a".repeat(500)}b`;
  const one = compileEventFilter({ resource: { labels: { label: [costly] } } });
  expect(one(event)).toBe(false);
  const many = compileEventFilter({ resource: { labels: { label: Array(100).fill(costly) } } });
  expect(() => many(event)).toThrow(refusal);
});

const globs: readonly [glob: string, fits: readonly string[], others: readonly string[]][] = [
  [
    "prefect.*.Run?ing",
    ["prefect.flow-run.Running", "prefect..Run😀ing"],
    ["prefect.flow-run.Runing", "xprefect.a.Running"],
  ],
  ["a[b-d!]", ["ab", "ad", "a!"], ["a", "ae", "a-", "aB"]],
  ["a[!b-d]", ["ae", "a^"], ["ac", "a"]],
  ["[]x]", ["]", "x"], ["[]x]"]],
  ["[!]x]y", ["ay"], ["]y", "xy"]],
  ["[z-a^]", ["^"], ["m", "z"]],
  ["[ab", ["[ab"], ["a"]],
  ["[a-]", ["a", "-"], ["b"]],
  ["a.c*", ["a.c", "a.c\nd"], ["abc"]],
  ["", [""], ["a"]],
];
for (const [glob, fits, others] of globs) {
  test(`fnmatch ${JSON.stringify(glob)}`, () => {
    const matches = globMatcher(glob, new StepBudget());
    expect([...fits, ...others].filter(matches)).toEqual([...fits]);
  });
}

test("the index finds every text that has the words, in any script", () => {
  const db = openRecord(":memory:", "write").sqlite;
  const texts = [
    0x41, 0xe9, 0x130, 0x149, 0x1c5, 0x305, 0x3c2, 0x958, 0xac00, 0x19b0, 0x1f914, 0x1fae0, 0xfb01, 0x20000, 0x1d400,
    0x1e00,
  ].map((code) => `fail${String.fromCodePoint(code)} a${String.fromCodePoint(code)}b_c`);
  for (const [n, text] of texts.entries())
    db.run("INSERT INTO log_fts(rowid, text) VALUES (?, ?)", [n, indexText(text)]);
  const find = db.query<{ rowid: number }, [string]>("SELECT rowid FROM log_fts WHERE log_fts MATCH ?");
  for (const [n, text] of texts.entries()) {
    for (const word of wordsOf(text)) {
      expect(find.all(`"${indexWord(word)}"`).map(({ rowid }) => rowid)).toContain(n);
      const beginning = [...bareWord(word)].slice(0, -1).join("");
      if (beginning) expect(find.all(`"${indexWord(beginning)}"*`).map(({ rowid }) => rowid)).toContain(n);
    }
  }
});
