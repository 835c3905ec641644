import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { parseIsoUs } from "../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import type { Freshness } from "../../../src/model/freshness.ts";
import { briefEvent } from "../../../src/queries/events/event-brief.ts";
import type { Item } from "../../../src/tools/answer/table.ts";
import { estimateJsonTokens, estimateTokens } from "../../../src/tools/answer/token-budget.ts";
import { listAnswer } from "../../../src/tools/definition/list-answer.ts";
import { aLog, anId } from "../../support/builders.ts";
import { countTokens } from "../../support/tokens.ts";

const FIXTURES = `${import.meta.dir}/../../fixtures/prefect-3.8.8`;

/** All rows that the recorded answers of a file hold. */
function recorded<T extends { id: string }>(file: string, rowsOf: (body: unknown) => readonly T[]): T[] {
  const { exchanges } = JSON.parse(readFileSync(`${FIXTURES}/${file}`, "utf8")) as {
    exchanges: { response: { body: unknown } }[];
  };
  const rows = exchanges.flatMap(({ response }) =>
    Array.isArray(response.body) || typeof response.body === "object" ? rowsOf(response.body) : [],
  );
  return [...new Map(rows.map((row) => [row.id, row])).values()];
}

const events = recorded<PrefectEvent>(
  "events-filter.json",
  (body) => (body as { events?: PrefectEvent[] }).events ?? [],
);
const listed = (file: string) =>
  recorded<{ id: string }>(file, (body) => (Array.isArray(body) ? body : [])) as unknown as Item[];

const nowUs = parseIsoUs("2026-11-22T11:30:00Z") ?? 0;
const coverage = { complete: true, fromUs: nowUs - 86_400e6, toUs: nowUs, gaps: [], verifiedUs: nowUs, notes: [] };
const freshness: Freshness = { source: "record", asOfUs: nowUs, coverage };

function answer(items: readonly Item[], budget: number, layout: "table" | "json" = "table") {
  const cursorAfter = (index: number) => `cursor${index}`;
  return listAnswer({ key: "rows", title: "rows", items, more: true, cursorAfter, freshness, nowUs, budget, layout });
}

const logs: Item[] = Array.from({ length: 200 }, (_, n) => {
  const { timestamp } = aLog();
  return {
    n,
    timestamp,
    level: "INFO",
    message: `row ${String(n).padStart(5, "0")} processed in ${(n * 7.31).toFixed(2)} ms by worker-${n % 4}`,
  };
});
const samples: [string, readonly Item[]][] = [
  ["brief events", events.map((event) => ({ ...briefEvent(event) }))],
  ["whole events", events as unknown as Item[]],
  ["flow runs", listed("flow-runs-filter.json")],
  ["task runs", listed("task-runs-filter.json")],
  ["deployments", listed("deployments-filter.json")],
  ["recorded log lines", listed("logs-filter.json")],
  ["made log lines", logs],
  ["work pools", listed("work-pools-filter.json")],
];

describe("token estimates", () => {
  test.each(samples)("are equal to the true count or a little above: %s", (_, items) => {
    expect(items.length).toBeGreaterThan(0);
    const ratios: number[] = [];
    for (const layout of ["table", "json"] as const) {
      const { text, structured } = answer(items, 8_000, layout);
      const json = JSON.stringify(structured);
      ratios.push(estimateTokens(text) / countTokens(text), estimateTokens(json) / countTokens(json));
    }
    for (const ratio of ratios) expect(ratio).toBeGreaterThanOrEqual(1);
    expect(ratios.reduce((sum, ratio) => sum + ratio) / ratios.length).toBeLessThanOrEqual(1.15);
  });

  test("are at least 70 % of the true count for text without blanks, for other scripts and for emoji", () => {
    for (const text of [
      "prüfe größere Mengen überall, weil es nötig ist",
      "データベースに接続できません",
      "данные не найдены",
      "🚀🚀🚀",
      "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
    ]) {
      expect(estimateTokens(text)).toBeGreaterThanOrEqual(countTokens(text) * 0.7);
    }
  });
});

describe("a page of a list", () => {
  test.each(samples)("fills its budget and never exceeds it, as text and as JSON: %s", (_, items) => {
    for (const budget of [2_500, 8_000]) {
      const { structured, text } = answer(items, budget);
      const true_ = Math.max(countTokens(text), countTokens(JSON.stringify(structured)));
      expect(true_).toBeLessThanOrEqual(budget);
      const shown = structured.rows as readonly Item[];
      if (shown.length > 1 && shown.length < items.length) {
        const next = estimateJsonTokens(items[shown.length]);
        expect(true_ + next).toBeGreaterThan(budget * 0.8);
      }
    }
  });

  test("is filled from the end of a log with takeFrom, in order", () => {
    const cursorAfter = (index: number) => `before ${index}`;
    const spec = {
      key: "logs",
      title: "lines",
      items: logs,
      more: false,
      cursorAfter,
      freshness,
      nowUs,
      budget: 1_000,
    };
    const { structured } = listAnswer({ ...spec, takeFrom: "end" });
    const shown = structured.logs as readonly { n: number }[];
    expect(shown.length).toBeGreaterThan(5);
    expect(shown.map(({ n }) => n)).toEqual(logs.slice(-shown.length).map((line) => Number(line.n)));
    expect(structured.next_cursor).toBe(`before ${200 - shown.length}`);
  });

  test("shows an item that is larger than the budget, and names the members that were cut", () => {
    const item = { id: anId(), event: "big", payload: { text: "lorem ipsum dolor ".repeat(20_000) } };
    const { structured, text } = answer([item, item], 2_500);
    const [shown] = structured.rows as readonly Item[];
    expect(shown).toMatchObject({ id: item.id, event: "big", cut: ["payload"] });
    expect(countTokens(text)).toBeLessThanOrEqual(8_000);
    expect(countTokens(JSON.stringify(structured))).toBeLessThanOrEqual(8_000);
    expect(structured.next_cursor).toBe("cursor0");
  });

  test("has no cursor when everything is shown", () => {
    const cursorAfter = () => "never";
    const { structured, text } = listAnswer({
      key: "rows",
      title: "rows",
      items: logs.slice(0, 3),
      more: false,
      cursorAfter,
      freshness,
      nowUs,
      budget: 2_500,
    });
    expect(structured).not.toHaveProperty("next_cursor");
    expect(text).not.toContain("next_cursor");
  });
});
