/** A page that is used again is the page that would be made. */
import { expect, test } from "bun:test";
import { fenced } from "../../../src/tools/answer/fenced.ts";
import type { Item } from "../../../src/tools/answer/table.ts";
import { listPage, type PageSpec, type ShownPage, structuredJson } from "../../../src/tools/definition/list-page.ts";
import { seededRandom } from "../../support/random.ts";
import { logs, nowUs, samples } from "../list-samples.ts";

const DAY_US = 86_400e6;
const shorter = (item: Item): Item => ({ id: item.id, name: item.name });

/** Of objects that no page has shown before. */
function freshPage(spec: PageSpec, budget: number, reserve: number): ShownPage {
  return listPage({ ...spec, items: spec.items.map((item) => ({ ...item })) }, budget, reserve);
}

test.each(samples)("whatever was asked before: %s", (_, items) => {
  const random = seededRandom(3);
  const one = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  const order = ["event", "name"];
  for (let n = 0; n < 150; n += 1) {
    const from = random() < 0.7 ? 0 : one([1, 2]);
    const spec: PageSpec = {
      items: items.slice(from, one([items.length, items.length, 12, 2])),
      nowUs: random() < 0.8 ? nowUs : nowUs - DAY_US,
      layout: random() < 0.8 ? "table" : "json",
      ...(random() < 0.2 ? { toRow: shorter } : {}),
      ...(random() < 0.3 ? { order } : {}),
      ...(random() < 0.2 ? { takeFrom: "end" as const } : {}),
      keepsMillis: random() < 0.8,
    };
    const [budget, reserve] = [one([0, 300, 2_400, 2_400, 2_450, 7_900]), one([100, 110, 7_950])];
    const expected = freshPage(spec, budget, reserve);
    for (let time = 0; time < 3; time += 1) {
      const page = listPage(spec, budget, reserve);
      expect(page).toEqual(expected);
      const structured = { rows: page.items, source: "record", none: undefined, "8": [1], next_cursor: "x" };
      expect(structuredJson(structured)).toBe(JSON.stringify(structured));
    }
  }
});

test("the same objects are shown again only while they are the same ones, in the same order", () => {
  const items = logs.slice(0, 20);
  const page = (shown: readonly Item[]) => listPage({ items: shown, nowUs, layout: "table" }, 2_000, 100);
  const [, , third, fourth] = [page(items), page(items), page(items), page([...items])];
  expect(fourth?.items).toBe(third?.items as readonly Item[]);
  const changed = items.with(5, { ...items[5], message: "another" });
  expect(page(changed)).not.toBe(third as ShownPage);
  expect(page(changed).body).toContain("another");
  expect(page(items.with(0, items[1] as Item).with(1, items[0] as Item)).body).not.toBe(third?.body ?? "");
  expect(page(items)).toEqual(third as ShownPage);
  expect(page([]).items).toEqual([]);
});

test("each answer with the same page has another mark", () => {
  const marks = new Set(Array.from({ length: 20 }, () => fenced([]).slice(0, 22)));
  expect(marks.size).toBe(20);
});
