/** Hostile texts in lists and in values that all rows share: read back by a parser that knows only the form, they are the same values. */
import { describe, expect, test } from "bun:test";
import { cellsOf, tableLines } from "../../../src/tools/answer/table.ts";
import { HOSTILE, MARK } from "../foreign/hostile-texts.ts";

/** Short texts with one or two signs that separate entries, cells or shared values. */
const TEXTS: readonly string[] = [
  ...HOSTILE.filter((text) => text.length < 1_000),
  ...[",", ";", '"', "; ", ", ", "|", "\n", "\\", '\\"', '",', '";', "=", "'"].flatMap((sign) => [
    `a${sign}${MARK}`,
    `${sign}${MARK}`,
    `${MARK}${sign}`,
    `a${sign}${MARK}${sign}b`,
    `x${sign}${MARK}=1; y`,
  ]),
];

/** The parts of a line between the separators that are not in quotes. A quotation begins a part, or follows the "=" of its name. */
function parts(line: string, separator: string): string[] {
  const found: string[] = [];
  let from = 0;
  let at = 0;
  while (at < line.length) {
    const isStart = at === from || (line.charAt(at - 1) === "=" && !/["=]/.test(line.slice(from, at - 1)));
    const quoted = isStart ? /^"(?:[^"\\]|\\.)*"/.exec(line.slice(at)) : null;
    if (quoted) at += quoted[0].length;
    else if (line.startsWith(separator, at)) {
      found.push(line.slice(from, at));
      at += separator.length;
      from = at;
    } else at += 1;
  }
  return [...found, line.slice(from)];
}

/** Backslashes before a quote are doubled, and the quote has one more. */
function halved(slashes: string): string {
  return "\\".repeat(Math.floor(slashes.length / 2));
}

const cell = (value: unknown): string => cellsOf({ tags: value }, { day: "2026-11-30" }).get("tags") ?? "";

describe.each(TEXTS.map((text) => [text]))("%j", (text) => {
  test("is one entry of a list, wherever it is", () => {
    const lists = [[text], [text, "b"], ["a", text], [text, text], ["a", text, "c"]];
    for (const list of lists) {
      const read = parts(cell(list), ",");
      expect(read).toHaveLength(list.length);
      for (const [at, entry] of list.entries()) if (entry !== text) expect(read[at]).toBe(entry);
      expect(new Set(list.flatMap((entry, at) => (entry === text ? [read[at]] : []))).size).toBe(1);
      expect(cell(list)).not.toContain("|");
    }
  });

  test("is one entry of a list that also has objects", () => {
    expect(parts(cell([{ a: 1 }, text, { b: 2 }]), "; ")).toHaveLength(3);
  });

  test("is one value that all rows share", () => {
    const rows = ["1", "2", "3"].map((id) =>
      cellsOf({ id, name: `n${id}`, note: text, pool: "p" }, { day: "2026-11-30" }),
    );
    const { shared, columns, lines } = tableLines(rows);
    const read = parts(String(shared).replace(/^all: /, ""), "; ");
    expect(read.map((part) => part.slice(0, part.indexOf("=")))).toEqual(["note", "pool"]);
    expect(read[1]).toBe("pool=p");
    const value = read[0]?.slice("note=".length) ?? "";
    const plain = value.startsWith('"') ? value.slice(1, -1).replace(/(\\+)(?="|$)|\\(?=")/g, halved) : value;
    expect(plain).toBe(String(rows[0]?.get("note")));
    expect(columns).toBe("name | id" as never);
    for (const line of lines) expect(line.split("|")).toHaveLength(2);
  });

  test("is one cell, as a value, a member and a name", () => {
    const rows = [text, "b"].map((note, n) =>
      cellsOf({ note, of: { a: text }, owner: { id: `i${n}`, name: text }, [text]: n }, { day: "2026-11-30" }),
    );
    const { columns, lines } = tableLines(rows);
    const width = columns.split(" | ").length;
    expect(new Set(rows.flatMap((row) => [...row.keys()])).size).toBe(width);
    for (const line of lines) {
      expect(line.split("|").length).toBeLessThanOrEqual(width);
      expect(line).not.toMatch(/\n/);
    }
  });
});
