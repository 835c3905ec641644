import { expect, test } from "bun:test";
import { DAY_US, formatIsoUs, HOUR_US } from "../../../src/lib/time.ts";
import type { EventFilter } from "../../../src/model/events/event-filter.ts";
import type { EventStream } from "../../../src/prefect/api.ts";
import { findEventById } from "../../../src/store/events/events.ts";
import { EventFeed } from "../../../src/sync/events/event-feed.ts";
import { T0_US } from "../../support/builders.ts";
import { aHarness, anEventAt } from "../engine-harness.ts";

/** What the feed asks for first, while the server clock is unknown and the local one is wrong by `setUs`. */
async function firstFilter(setUs: number): Promise<EventFilter> {
  const { ctx, clock, prefect } = aHarness({ skewMs: null });
  clock.setUs = setUs;
  const stop = new AbortController();
  const asked: EventFilter[] = [];
  const openEventStream = (filter: EventFilter): EventStream => {
    asked.push(filter);
    stop.abort();
    const none = async function* () {};
    return { ready: Promise.resolve(), close: () => {}, [Symbol.asyncIterator]: none };
  };
  Object.assign(prefect, { openEventStream });
  await new EventFeed(ctx).listen(stop.signal);
  expect(asked).toHaveLength(1);
  return asked[0] ?? {};
}

test.each([
  ["right", 0],
  ["26 hours ahead", 26 * HOUR_US],
  ["in 1970", -T0_US],
])("live events are not excluded when the local clock is %s", async (_what, setUs) => {
  const { occurred } = await firstFilter(setUs);
  // Both bounds are applied to live events. The server itself moves the first one to 15 minutes before the connection.
  expect((occurred?.since ?? "") < formatIsoUs(T0_US - HOUR_US)).toBe(true);
  expect((occurred?.until ?? "") > formatIsoUs(T0_US + DAY_US)).toBe(true);
});

/** Whether an event is in the record that the websocket delivered just before the engine ended. */
async function isStoredAtTheEnd(isOtherServer: boolean): Promise<boolean> {
  const { ctx, prefect } = aHarness();
  const stop = new AbortController();
  const event = anEventAt(1);
  const openEventStream = (): EventStream => {
    const one = async function* () {
      yield [event];
      stop.abort();
    };
    return { ready: Promise.resolve(), close: () => {}, [Symbol.asyncIterator]: one };
  };
  Object.assign(prefect, { openEventStream });
  const feed = new EventFeed(ctx);
  await feed.listen(stop.signal);
  if (isOtherServer) ctx.ingest.putFact("otherServer", { sinceUs: T0_US });
  await feed.store(stop.signal);
  return findEventById(ctx.db, event.id) !== null;
}

test("what is left at the end is stored, except where another server may have sent it", async () => {
  expect([await isStoredAtTheEnd(false), await isStoredAtTheEnd(true)]).toEqual([true, false]);
});
