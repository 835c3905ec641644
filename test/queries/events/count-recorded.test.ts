import { expect, test } from "bun:test";
import { HOUR_US, parseIsoUs } from "../../../src/lib/time.ts";
import { countRecorded } from "../../../src/queries/events/count-recorded.ts";
import { bucketsOf } from "../../../src/queries/events/event-tally.ts";
import { inTransaction } from "../../../src/store/database.ts";
import { createEventWriter } from "../../../src/store/events/events.ts";
import { anEvent, at, T0_US } from "../../support/builders.ts";
import { memoryRecord } from "../../support/memory-record.ts";

test("events of each name are counted exactly, with their first and last time, whatever hours a window cuts", () => {
  using db = memoryRecord();
  const names = ["a", "b", "c.d"];
  // Few different times, on both sides of full hours: many events share one, and get keys after it.
  const seconds = [0, 1, 3599, 3600, 3600.000001, 5000, 7199.999999, 7200, 10_000, 14_400, 14_399.5];
  const events = Array.from({ length: 300 }, (_, n) =>
    anEvent({ event: names[(n * 7) % 3] as string, occurred: at(seconds[(n * 13) % seconds.length] as number) }),
  );
  inTransaction(db, () => createEventWriter(db).insert(events, "live", T0_US));
  const edges = [...seconds.map((one) => parseIsoUs(at(one)) ?? 0), T0_US - HOUR_US, T0_US + 5 * HOUR_US];
  for (const fromUs of edges.flatMap((us) => [us - 1, us, us + 1])) {
    for (const toUs of edges.flatMap((us) => [us - 1, us, us + 1]).filter((us) => us >= fromUs)) {
      const range = { fromUs, toUs };
      for (const filter of [{}, { event: { prefix: ["c."] } }]) {
        const expected = new Map<string, { count: number; firstUs: number; lastUs: number }>();
        for (const { event, occurred } of events) {
          const us = parseIsoUs(occurred) ?? 0;
          if (us < fromUs || us > toUs || ("event" in filter && !event.startsWith("c."))) continue;
          const { count = 0, firstUs = us, lastUs = us } = expected.get(event) ?? {};
          expected.set(event, {
            count: count + 1,
            firstUs: Math.min(firstUs, us),
            lastUs: Math.max(lastUs, us),
          });
        }
        const found = countRecorded(db, range, filter, "event", bucketsOf(range, HOUR_US));
        const shown = [...found].map(([name, { count, firstUs, lastUs }]) => [name, { count, firstUs, lastUs }]);
        expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(expected));
      }
    }
  }
});
