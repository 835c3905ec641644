import { expect, test } from "bun:test";
import { inCausalOrder, type TimelineEntry } from "../../../src/queries/history/timeline.ts";
import { aLog, anEvent, anId, at, T0_US } from "../../support/builders.ts";

const happened = (n: number, second: number, follows?: number): TimelineEntry => ({
  kind: "event",
  us: T0_US + second * 1_000_000,
  id: anId(n),
  event: anEvent({ id: anId(n), occurred: at(second), follows: follows === undefined ? null : anId(follows) }),
});
const line = (n: number, second: number): TimelineEntry => ({
  kind: "log",
  us: T0_US + second * 1_000_000,
  id: anId(n),
  log: aLog({ id: anId(n), timestamp: at(second) }),
  n: 1,
});
const order = (entries: readonly TimelineEntry[]) =>
  inCausalOrder(entries).map((entry) => Number(`0x${entry.id.slice(-12)}`));

test("is ordered by time, and at the same time a log line comes before a state", () => {
  expect(order([happened(3, 5), line(2, 5), happened(1, 4)])).toEqual([1, 2, 3]);
});

test("puts an effect after its cause where clocks disagree, over several steps", () => {
  expect(order([happened(1, 9), happened(2, 5, 1), happened(3, 4, 2), happened(4, 6)])).toEqual([1, 2, 3, 4]);
});

test("keeps the order by time for causes that are unknown or form a circle", () => {
  expect(order([happened(1, 1, 99), happened(2, 2, 3), happened(3, 3, 2)])).toEqual([1, 3, 2]);
});
