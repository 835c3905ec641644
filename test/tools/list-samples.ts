/** Rows of every kind, most of them recorded from Prefect, for tests of token budgets. */

import { readFileSync } from "node:fs";
import { own } from "../../src/lib/shown-text.ts";
import { parseIsoUs } from "../../src/lib/time.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import type { Freshness } from "../../src/model/freshness.ts";
import { briefEvent } from "../../src/queries/events/event-brief.ts";
import type { Item } from "../../src/tools/answer/table.ts";
import { listAnswer } from "../../src/tools/definition/list-answer.ts";
import { aLog } from "../support/builders.ts";

const FIXTURES = `${import.meta.dir}/../fixtures/prefect-3.8.8`;

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

export const nowUs = parseIsoUs("2026-11-22T11:30:00Z") ?? 0;
const coverage = { complete: true, fromUs: nowUs - 86_400e6, toUs: nowUs, gaps: [], verifiedUs: nowUs, notes: [] };
export const freshness: Freshness = { source: "record", asOfUs: nowUs, coverage };

/** The answer of a list with more rows than `items`. */
export function answer(items: readonly Item[], budget: number, layout: "table" | "json" = "table") {
  const cursorAfter = (index: number) => `cursor${index}`;
  return listAnswer({
    key: "rows",
    noun: [own("row"), own("rows")],
    items,
    hasMore: true,
    cursorAfter,
    freshness,
    nowUs,
    budget,
    layout,
  });
}

export const logs: Item[] = Array.from({ length: 200 }, (_, n) => {
  const { timestamp } = aLog();
  return {
    n,
    timestamp,
    level: "INFO",
    message: `row ${String(n).padStart(5, "0")} processed in ${(n * 7.31).toFixed(2)} ms by worker-${n % 4}`,
  };
});
export const samples: [string, readonly Item[]][] = [
  ["brief events", events.map((event) => ({ ...briefEvent(event) }))],
  ["whole events", events as unknown as Item[]],
  ["flow runs", listed("flow-runs-filter.json")],
  ["task runs", listed("task-runs-filter.json")],
  ["deployments", listed("deployments-filter.json")],
  ["recorded log lines", listed("logs-filter.json")],
  ["made log lines", logs],
  ["work pools", listed("work-pools-filter.json")],
];
