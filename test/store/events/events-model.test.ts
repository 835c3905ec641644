import { expect, test } from "bun:test";
import { parseIsoUs } from "../../../src/lib/time.ts";
import type { EventSource, PrefectEvent } from "../../../src/model/events/event.ts";
import { compileEventFilter } from "../../../src/model/events/event-filter.ts";
import { inTransaction, openRecord, type RecordDb } from "../../../src/store/database.ts";
import {
  countEventsPerHour,
  countEventsPerName,
  countEventsPerResource,
} from "../../../src/store/events/event-groups.ts";
import {
  countEventsBetween,
  createEventWriter,
  type EventQuery,
  findEventById,
  findEventRange,
  findEventSummaries,
  findEvents,
} from "../../../src/store/events/events.ts";
import { seededRandom } from "../../support/random.ts";
import { pick, type Random, someEvent, someFilter } from "./random-events.ts";

const HOUR_US = 3_600_000_000;
const usOf = (event: PrefectEvent) => parseIsoUs(event.occurred) ?? 0;

/** The answer of a plain array to the same query. */
function answerOf(events: readonly PrefectEvent[], query: EventQuery): { events: PrefectEvent[]; hasMore: boolean } {
  const { filter = {}, fromUs, toUs, order, after, limit } = query;
  const sign = order === "desc" ? -1 : 1;
  const compare = (a: { at: number; id: string }, b: { at: number; id: string }) =>
    sign * (a.at - b.at || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const key = (event: PrefectEvent) => ({ at: usOf(event), id: event.id });
  const matches = compileEventFilter(filter);
  const found = events
    .filter((event) => usOf(event) >= fromUs && usOf(event) <= toUs && matches(event))
    .sort((a, b) => compare(key(a), key(b)));
  const rest = after && { at: after.occurredUs, id: after.id };
  const shown = rest ? found.filter((event) => compare(key(event), rest) > 0) : found;
  return { events: shown.slice(0, limit), hasMore: shown.length > limit };
}

function someQuery(random: Random, events: readonly PrefectEvent[]): EventQuery {
  const times = events.map(usOf);
  const wide = random() < 0.6;
  const bounds = [pick(random, times), pick(random, times)].sort((a, b) => a - b);
  const cursor = pick(random, events);
  return {
    fromUs: wide ? 0 : (bounds[0] ?? 0),
    toUs: wide ? Number.MAX_SAFE_INTEGER : (bounds[1] ?? 0),
    order: random() < 0.5 ? "asc" : "desc",
    limit: pick(random, [1, 3, 10, 50, 500]),
    ...(random() < 0.4 ? { after: { occurredUs: usOf(cursor), id: cursor.id } } : {}),
    ...(random() < 0.8 ? { filter: someFilter(random, events) } : {}),
  };
}

/** The events that a record should have: one for each id, from REST rather than from the websocket. */
class Model {
  readonly held = new Map<string, PrefectEvent>();

  insert(events: readonly PrefectEvent[], source: EventSource): void {
    for (const event of events) if (source !== "stream" || !this.held.has(event.id)) this.held.set(event.id, event);
  }
}

function step(db: RecordDb, model: Model, random: Random, writer: ReturnType<typeof createEventWriter>): void {
  const known = [...model.held.values()];
  const fresh = Array.from({ length: Math.floor(random() * 40) }, () => someEvent(random));
  const again = known.filter(() => random() < 0.1);
  const republished = known
    .filter(() => random() < 0.05)
    .map((event) => ({
      ...event,
      occurred: random() < 0.5 ? event.occurred : someEvent(random).occurred,
      received: someEvent(random).received,
      payload: { version: random() },
    }));
  const source = pick(random, ["stream", "catch-up", "backfill", "live"] as const);
  const batch = [...fresh, ...again, ...republished].sort(() => random() - 0.5);
  // Within one batch the same id may come twice; the model takes the last over REST, so keep one of each.
  const once = [...new Map(batch.map((event) => [event.id, event])).values()];
  if (random() < 0.1) {
    expect(() =>
      inTransaction(db, () => {
        writer.insert(once, source, 1);
        throw new RangeError("stop");
      }),
    ).toThrow("stop");
    return;
  }
  inTransaction(db, () => writer.insert(once, source, 1));
  model.insert(once, source);
  if (random() < 0.2) {
    for (const event of known.filter(() => random() < 0.1)) {
      db.sqlite.run("DELETE FROM event WHERE id = ?", [Uint8Array.fromHex(event.id.replaceAll("-", ""))]);
      model.held.delete(event.id);
    }
  }
}

function expectSame(db: RecordDb, model: Model, random: Random): void {
  const events = [...model.held.values()];
  if (events.length === 0) return;
  for (let n = 0; n < 25; n += 1) {
    const query = someQuery(random, events);
    const expected = answerOf(events, query);
    const found = findEvents(db, query);
    expect({ query, ids: found.events.map(({ id }) => id), hasMore: found.hasMore }).toEqual({
      query,
      ids: expected.events.map(({ id }) => id),
      hasMore: expected.hasMore,
    });
    expect(found.events).toEqual(expected.events);
    const summaries = findEventSummaries(db, query);
    expect(
      summaries.events.map(({ id, event, occurredUs, resourceId }) => ({ id, event, occurredUs, resourceId })),
    ).toEqual(
      expected.events.map((event) => ({
        id: event.id,
        event: event.event,
        occurredUs: usOf(event),
        resourceId: event.resource["prefect.resource.id"] ?? "",
      })),
    );
    for (const [index, { resourceName }] of summaries.events.entries()) {
      const own = expected.events[index]?.resource["prefect.resource.name"];
      if (own !== undefined) expect(resourceName).toBe(own);
    }
  }
  const sample = pick(random, events);
  expect(findEventById(db, sample.id)).toEqual(sample);
  const times = events.map(usOf);
  expect(findEventRange(db)).toEqual({ fromUs: Math.min(...times), toUs: Math.max(...times), count: events.length });
  const range = { fromUs: usOf(pick(random, events)), toUs: usOf(pick(random, events)) };
  const inRange = times.filter((at) => at >= range.fromUs && at <= range.toUs);
  expect(countEventsBetween(db, range)).toBe(inRange.length);
  const held = events.filter((event) => inRange.includes(usOf(event)));
  const groupsBy = (keyOf: (event: PrefectEvent) => string) =>
    [...Map.groupBy(held, keyOf)].map(([key, all]) => {
      const us = all.map(usOf);
      return { key, count: all.length, firstUs: Math.min(...us), lastUs: Math.max(...us) };
    });
  const byKey = (groups: readonly { key: string; count: number; firstUs: number; lastUs: number }[]) =>
    groups
      .map(({ key, count, firstUs, lastUs }) => ({ key, count, firstUs, lastUs }))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  expect(byKey(countEventsPerName(db, range))).toEqual(byKey(groupsBy((event) => event.event)));
  expect(byKey(countEventsPerResource(db, range))).toEqual(
    byKey(groupsBy((event) => event.resource["prefect.resource.id"] ?? "")),
  );
  const hours = {
    fromUs: Math.floor(range.fromUs / HOUR_US) * HOUR_US,
    endUs: Math.ceil(range.toUs / HOUR_US) * HOUR_US,
  };
  const perHour = (held: readonly number[]) =>
    [...Map.groupBy(held, (at) => Math.floor(at / HOUR_US) * HOUR_US)]
      .map(([hourUs, all]) => ({ hourUs, count: all.length }))
      .sort((a, b) => a.hourUs - b.hourUs);
  expect(countEventsPerHour(db, hours)).toEqual(perHour(times.filter((at) => at >= hours.fromUs && at < hours.endUs)));
  expect(countEventsPerHour(db, { fromUs: -3_000_000 * HOUR_US, endUs: 3_000_000 * HOUR_US })).toEqual(perHour(times));
}

for (let seed = 1; seed <= 12; seed += 1) {
  test(`queries return the same as a plain array after inserts, copies, equal times, rollbacks and deletions (seed ${seed})`, () => {
    const random = seededRandom(seed);
    const db = openRecord(":memory:", "write");
    const writer = createEventWriter(db);
    const model = new Model();
    for (let round = 0; round < 14; round += 1) {
      step(db, model, random, writer);
      expectSame(db, model, random);
    }
    db.close();
  });
}
