import { describe, expect, test } from "bun:test";
import { formatIsoUs } from "../../../src/lib/time.ts";
import type { Freshness } from "../../../src/model/freshness.ts";
import { ageText, freshnessLines } from "../../../src/tools/answer/freshness.ts";
import { cellsOf, foldIds, type Item, shortTime, tableLines } from "../../../src/tools/answer/table.ts";
import { listAnswer } from "../../../src/tools/definition/list-answer.ts";
import { anId, at, T0_US } from "../../support/builders.ts";
import { uuidsIn } from "../../support/tool-harness.ts";

const options = { day: "2026-08-20" };
const coverage = { complete: true, fromUs: T0_US - 3_600e6, toUs: T0_US, gaps: [], verifiedUs: T0_US, notes: [] };
const freshness: Freshness = { source: "record", asOfUs: T0_US, coverage };

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
    for (const [iso, precise, expected] of times) expect(shortTime(iso, { ...options, precise })).toBe(expected);
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

/** Values of every kind, with ids in unlikely places. */
function someItem(random: () => number): Item {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const id = () => anId(Math.floor(random() * 12));
  const value = (depth: number): unknown => {
    const kinds = [
      null,
      "",
      "text",
      id(),
      `prefect.flow-run.${id()}`,
      `see ${id()} and ${id()}`,
      12,
      0.5,
      true,
      [],
      at(random() * 1e6),
      "a|b\nc #a",
    ];
    if (depth > 0 && random() < 0.3)
      return random() < 0.5
        ? [value(depth - 1), value(depth - 1)]
        : { [pick(["id", "name", "key"])]: value(depth - 1), other: value(depth - 1) };
    return pick(kinds);
  };
  const keys = ["name", "flow_id", "flow_name", "resource_id", "tags", "message", "created", "payload", "holders"];
  return { id: id(), ...Object.fromEntries(keys.filter(() => random() < 0.7).map((key) => [key, value(2)])) };
}

test("text and structured content of a list contain the same UUIDs, for random items", () => {
  let seed = 1;
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  for (let round = 0; round < 300; round++) {
    const items = Array.from({ length: 1 + Math.floor(random() * 30) }, () => someItem(random));
    const layout = random() < 0.3 ? ("json" as const) : ("table" as const);
    const { structured, text } = listAnswer({
      key: "rows",
      title: "rows",
      items,
      more: false,
      cursorAfter: () => "next",
      freshness,
      nowUs: T0_US,
      budget: 400 + random() * 3_000,
      layout,
    });
    expect(uuidsIn(text)).toEqual(uuidsIn(JSON.stringify(structured)));
  }
});

describe("the freshness lines", () => {
  test("state source, time, age and window, gaps and notes", () => {
    const gaps = Array.from({ length: 7 }, (_, n) => ({ fromUs: T0_US + n * 10e6, toUs: T0_US + n * 10e6 + 5e6 }));
    const partial = { ...coverage, complete: false, gaps, notes: ["Prefect is away."] };
    expect(freshnessLines({ source: "mixed", asOfUs: T0_US, coverage: partial }, T0_US + 65e6)).toEqual([
      "mixed as of 2026-08-20T09:15:00Z (65s ago), covers 2026-08-20T08:15:00Z to 2026-08-20T09:15:00Z, INCOMPLETE",
      "not covered: 2026-08-20T09:15:00Z to 2026-08-20T09:15:05Z; 2026-08-20T09:15:10Z to 2026-08-20T09:15:15Z; 2026-08-20T09:15:20Z to 2026-08-20T09:15:25Z; 2026-08-20T09:15:30Z to 2026-08-20T09:15:35Z; 2026-08-20T09:15:40Z to 2026-08-20T09:15:45Z and 2 more",
      "Prefect is away.",
    ]);
    expect(freshnessLines({ ...freshness, coverage: { ...coverage, fromUs: T0_US } }, T0_US)).toEqual([
      `record as of ${formatIsoUs(T0_US)} (0s ago)`,
    ]);
  });

  test("state ages in seconds, minutes, hours or days", () => {
    expect([0, 89, 91, 5_399, 5_401, 172_700, 172_900].map((seconds) => ageText(seconds * 1e6))).toEqual([
      "0s",
      "89s",
      "2m",
      "90m",
      "2h",
      "48h",
      "2d",
    ]);
  });
});
