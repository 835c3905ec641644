import { describe, expect, test } from "bun:test";
import { own } from "../../../src/lib/shown-text.ts";
import type { Item } from "../../../src/tools/answer/table.ts";
import { estimateJsonTokens } from "../../../src/tools/answer/token-budget.ts";
import { listAnswer } from "../../../src/tools/definition/list-answer.ts";
import { anId, at } from "../../support/builders.ts";
import { countTokens } from "../../support/tokens.ts";
import { uuidsIn } from "../../support/tool-harness.ts";
import { answer, freshness, logs, nowUs, samples } from "../list-samples.ts";

describe("a page of a list", () => {
  test.each(samples)("fills its budget and never exceeds it, as text and as JSON: %s", (_, items) => {
    for (const budget of [2_500, 8_000]) {
      const { structured, text } = answer(items, budget);
      const trueTokens = Math.max(countTokens(text), countTokens(JSON.stringify(structured)));
      expect(trueTokens).toBeLessThanOrEqual(budget);
      const shown = structured.rows as readonly Item[];
      if (shown.length > 1 && shown.length < items.length) {
        const next = estimateJsonTokens(items[shown.length]);
        expect(trueTokens + next).toBeGreaterThan(budget * 0.8);
      }
    }
  });

  test("is filled from the end of a log with takeFrom, in order", () => {
    const cursorAfter = (index: number) => `before ${index}`;
    const spec = {
      key: "logs",
      noun: [own("line"), own("lines")] as const,
      items: logs,
      hasMore: false,
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
      noun: [own("row"), own("rows")],
      items: logs.slice(0, 3),
      hasMore: false,
      cursorAfter,
      freshness,
      nowUs,
      budget: 2_500,
    });
    expect(structured).not.toHaveProperty("next_cursor");
    expect(text).not.toContain("next_cursor");
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
      noun: [own("row"), own("rows")],
      items,
      hasMore: false,
      cursorAfter: () => "next",
      freshness,
      nowUs,
      budget: 400 + random() * 3_000,
      layout,
    });
    expect(uuidsIn(text)).toEqual(uuidsIn(JSON.stringify(structured)));
  }
});
