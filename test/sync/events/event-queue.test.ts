import { describe, expect, test } from "bun:test";
import { approximateChars } from "../../../src/lib/json-size.ts";
import { EventQueue } from "../../../src/sync/events/event-queue.ts";
import { anEvent } from "../../support/builders.ts";

const eventOf = (chars: number) => anEvent({ payload: { text: "x".repeat(chars) } });
const NO_LIMIT = { maxEvents: 1_000, maxChars: 1_000_000_000 };

describe("the queue of streamed events", () => {
  test("gives the oldest events and keeps them until they are removed", () => {
    const queue = new EventQueue(NO_LIMIT);
    const events = [eventOf(1), eventOf(2), eventOf(3)];
    expect(queue.push(events)).toBe(0);
    expect(queue.first({ maxEvents: 2, maxChars: 1_000_000 })).toEqual(events.slice(0, 2));
    expect(queue.first(NO_LIMIT)).toEqual(events);
    queue.remove(2);
    expect([queue.first(NO_LIMIT), queue.size]).toEqual([events.slice(2), 1]);
  });

  test("drops the oldest events above its limit of events", () => {
    const queue = new EventQueue({ maxEvents: 3, maxChars: 1_000_000 });
    const events = Array.from({ length: 5 }, () => eventOf(10));
    expect([queue.push(events.slice(0, 3)), queue.push(events.slice(3))]).toEqual([0, 2]);
    expect(queue.first(NO_LIMIT)).toEqual(events.slice(2));
  });

  test("never holds more characters than its limit, whatever is pushed", () => {
    const maxChars = 20_000_000;
    const queue = new EventQueue({ maxEvents: 20_000, maxChars });
    let dropped = 0;
    for (let n = 0; n < 100; n += 1) {
      dropped += queue.push([eventOf(1_500_000)]);
      expect(queue.chars).toBeLessThanOrEqual(maxChars);
    }
    expect([queue.size, dropped]).toEqual([13, 87]);
    queue.remove(13);
    expect(queue.chars).toBe(0);
  });

  test("holds and gives one event that alone exceeds the limit", () => {
    const queue = new EventQueue({ maxEvents: 10, maxChars: 100 });
    const huge = eventOf(5_000);
    expect(queue.push([eventOf(1), huge])).toBe(1);
    expect(queue.first({ maxEvents: 10, maxChars: 100 })).toEqual([huge]);
  });

  test("gives batches of limited size", () => {
    const queue = new EventQueue(NO_LIMIT);
    queue.push(Array.from({ length: 10 }, () => eventOf(1_000_000)));
    expect(queue.first({ maxEvents: 1_000, maxChars: 3_500_000 })).toHaveLength(3);
  });
});

test("the size of a value is close to the length of its JSON", () => {
  for (const value of [anEvent(), eventOf(10_000), { a: [1, 2, { b: null, c: [true, "text"] }] }, "text", []]) {
    const length = JSON.stringify(value).length;
    expect(approximateChars(value)).toBeGreaterThan(length * 0.8);
    expect(approximateChars(value)).toBeLessThan(length * 4 + 20);
  }
});
