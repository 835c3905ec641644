import { describe, expect, test } from "bun:test";
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
    expect(Object.fromEntries(cellsOf(item, options))).toEqual({
      id: anId(1),
      name: "wandering-guan",
      flow: `orders-etl ${anId(2)}`,
      deployment: "nightly",
      tags: "a,b",
      start_time: "09:15:00",
      end_time: "08-21 00:00:00",
      run_count: "2",
      duration: "1.235",
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
      new Map([["name", name], ["state", "Failed"], ...(n === 1 ? [["note", "x"] as const] : []), ["id", anId(n)]]),
  );

  test("names columns once, states once what all rows share, ends with the id", () => {
    expect(tableLines(rows)).toEqual({
      shared: "all: state=Failed",
      columns: "name | note | id",
      lines: [`a||${anId(0)}`, `b|x|${anId(1)}`, `c||${anId(2)}`],
    });
    expect(tableLines(rows, ["note"]).columns).toBe("note | name | id");
    expect(tableLines(rows.slice(0, 2)).shared).toBeNull();
  });

  test("spells out a repeated id once", () => {
    const text = `x ${anId(1)}\ny ${anId(2)} ${anId(1)}`;
    expect(foldIds(text)).toEqual({ text: `x #a\ny ${anId(2)} #a`, legend: `ids: a=${anId(1)}` });
    expect(foldIds("nothing")).toEqual({ text: "nothing", legend: null });
    const many = Array.from({ length: 28 }, (_, n) => `${anId(n)} ${anId(n)}`).join(" ");
    expect(foldIds(many).legend).toContain(` aa=${anId(26)} ab=${anId(27)}`);
  });
});
