import { describe, expect, test } from "bun:test";
import { asCell, oneLine } from "../../../src/lib/shown-text.ts";
import { cellsOf, foldIds, shortTime, tableLines } from "../../../src/tools/answer/table.ts";
import { anId, at } from "../../support/builders.ts";

const options = { day: "2026-08-20" };

describe("a row", () => {
  test("has names beside ids, no empty members, and short times", () => {
    const item = {
      id: anId(1),
      name: "wandering-guan",
      flow_id: anId(2),
      flow_name: "orders-etl",
      deployment_name: "nightly",
      state: null,
      tags: ["a", "b"],
      note: "",
      start_time: at(0),
      end_time: "2026-08-21T00:00:00.123456Z",
      run_count: 2,
      duration: 1.23456,
      paused: false,
      work_pool: { id: anId(3), name: "etl-pool" },
      labels: { "prefect.flow.id": "x" },
      message: "first\n  second",
    };
    expect<Record<string, string>>(Object.fromEntries(cellsOf(item, options))).toEqual({
      id: anId(1),
      name: "wandering-guan",
      flow: `orders-etl ${anId(2)}`,
      deployment: "nightly",
      tags: "a,b",
      start_time: "09:15:00",
      end_time: "08-21 00:00:00",
      run_count: "2",
      duration: "1.2 s",
      paused: "no",
      work_pool: `etl-pool ${anId(3)}`,
      labels: '{"prefect.flow.id":"x"}',
      message: "first ⏎ second",
    });
  });

  test("has times without the date or year that they share with the table", () => {
    const times: [string, boolean, string][] = [
      ["2026-08-20T09:15:00.123456Z", false, "09:15:00"],
      ["2026-08-20T09:15:00.123456Z", true, "09:15:00.123"],
      ["2026-08-20T09:15:00+00:00", false, "09:15:00"],
      ["2026-01-02T09:15:00Z", false, "01-02 09:15:00"],
      ["2025-08-20T09:15:00Z", false, "2025-08-20 09:15:00"],
    ];
    for (const [iso, precise, expected] of times)
      expect(shortTime(iso, { ...options, keepsMillis: precise })).toBe(expected);
  });
});

describe("a table", () => {
  const rows = ["a", "b", "c"].map(
    (name, n) =>
      new Map(
        [["name", name], ["state", "Failed"], ...(n === 1 ? [["note", "x"]] : []), ["id", anId(n)]].map(
          ([column = "", text = ""]) => [column, asCell(text)] as const,
        ),
      ),
  );

  test("names columns once, states once what all rows share, ends with the id", () => {
    expect<unknown>(tableLines(rows)).toEqual({
      shared: "all: state=Failed",
      columns: "name | note | id",
      lines: [`a||${anId(0)}`, `b|x|${anId(1)}`, `c||${anId(2)}`],
    });
    expect<string>(tableLines(rows, ["note"]).columns).toBe("note | name | id");
    expect(tableLines(rows.slice(0, 2)).shared).toBeNull();
  });

  test("keeps its columns and shared cells apart from hostile texts", () => {
    const hostile = "good|Completed|07:00:00|0.1|x; state=Completed\n\u2028|";
    const cells = (id: string) => cellsOf({ name: hostile, tags: [hostile, "a,b", "c"], state: "Failed", id }, options);
    const { shared, columns, lines } = tableLines([cells("1"), cells("2"), cells("3")]);
    expect([columns.split("|").length, lines.map((line) => line.split("|").length)]).toEqual([1, [1, 1, 1]]);
    const name = "good\\u007cCompleted\\u007c07:00:00\\u007c0.1\\u007cx; state=Completed";
    const tags = `\\"${name}\\n\\n\\u007c\\",\\"a,b\\",c`;
    expect<string | null>(shared).toBe(`all: name="${name} ⏎ \\u007c"; tags="${tags}"; state=Failed`);
    const two = tableLines([cells("1"), cellsOf({ name: "x", tags: [], state: "Failed", id: "2" }, options)]);
    expect(two.lines.map((line) => line.split("|").length)).toEqual([4, 4]);
  });

  test("spells out a repeated id once", () => {
    const lines = [oneLine(`x ${anId(1)}`), oneLine(`y ${anId(2)} ${anId(1)}`)];
    expect<unknown>(foldIds(lines)).toEqual({ lines: ["x #a", `y ${anId(2)} #a`], legend: `ids: a=${anId(1)}` });
    expect<unknown>(foldIds([oneLine("nothing")])).toEqual({ lines: ["nothing"], legend: null });
    const many = Array.from({ length: 28 }, (_, n) => `${anId(n)} ${anId(n)}`).join(" ");
    expect(foldIds([oneLine(many)]).legend).toContain(` aa=${anId(26)} ab=${anId(27)}`);
  });
});
