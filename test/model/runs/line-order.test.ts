import { expect, test } from "bun:test";
import type { Log } from "../../../src/model/objects.ts";
import { LineOrder } from "../../../src/model/runs/line-order.ts";
import { aLog, anId, at } from "../../support/builders.ts";

const NONE = () => new Map<string, number>();
const [a, b, c, d] = ["a", "b", "c", "d"].map((message, n) => aLog({ id: anId(n + 1), message, timestamp: at(1) })) as [
  Log,
  Log,
  Log,
  Log,
];
const [early, late] = [aLog({ message: "early", timestamp: at(0) }), aLog({ message: "late", timestamp: at(2) })];
const text = (logs: readonly Log[]) => logs.map(({ message }) => message).join(" ");

test("lines of different times are sorted by time, and nothing is looked up", () => {
  const unused = () => {
    throw new Error("no line shares its time");
  };
  expect(text(new LineOrder().arrange([late, a, early], unused))).toBe("early a late");
});

test("lines of one time keep the order in which they came first", () => {
  const order = new LineOrder();
  expect(text(order.arrange([c, late, a, b, early], NONE))).toBe("early c a b late");
  expect(text(order.arrange([b, early, a, c, late], NONE))).toBe("early c a b late");
  expect(text(order.arrange([a, d, b, c], NONE))).toBe("c d a b");
  expect(text(order.arrange([a, b, c, d], NONE))).toBe("c d a b");
});

test("recorded lines come first, in the order of the record, unless they were shown in another one", () => {
  const recorded = new Map([
    [b.id, 7],
    [d.id, 3],
  ]);
  expect(text(new LineOrder().arrange([a, b, c, d], () => recorded))).toBe("d b a c");
  const order = new LineOrder();
  order.arrange([b, d], NONE);
  expect(text(order.arrange([a, b, c, d], () => recorded))).toBe("b d a c");
});

test("the oldest lines are forgotten when there are too many", () => {
  const order = new LineOrder();
  order.arrange([b, a], NONE);
  const many = Array.from({ length: 20_001 }, (_, n) => aLog({ id: anId(100 + n), timestamp: at(5) }));
  expect(order.arrange(many, NONE)).toEqual(many);
  expect(text(order.arrange([a, b], NONE))).toBe("a b");
});
