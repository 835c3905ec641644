import { expect, test } from "bun:test";
import { formatIsoUs, HOUR_US } from "../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import { inTransaction, openRecord, type RecordDb } from "../../../src/store/database.ts";
import { countEventsPerHour } from "../../../src/store/events/event-groups.ts";
import {
  countEventsBetween,
  createEventWriter,
  type EventCursor,
  findEventById,
  findEventIdsBetween,
  findEventRange,
  findEventSummaries,
  findEvents,
} from "../../../src/store/events/events.ts";
import { anEvent, anId, at, T0_US } from "../../support/builders.ts";
import { tempRecordFile } from "../temp-record.ts";

const ALL = { fromUs: Number.MIN_SAFE_INTEGER, toUs: Number.MAX_SAFE_INTEGER, order: "desc", limit: 500 } as const;

const ALL_HOURS = { fromUs: -3_000_000 * HOUR_US, endUs: 3_000_000 * HOUR_US };

function aRecord() {
  const db = openRecord(":memory:", "write");
  const writer = createEventWriter(db);
  const insert = (events: readonly PrefectEvent[], source: Parameters<typeof writer.insert>[1] = "catch-up") =>
    inTransaction(db, () => writer.insert(events, source, T0_US));
  return { db, insert };
}

const ids = (events: readonly { id: string }[]) => events.map(({ id }) => id);

function allIds(db: RecordDb, order: "asc" | "desc", limit: number): string[] {
  const found: string[] = [];
  let after: EventCursor | undefined;
  for (;;) {
    const page = findEventSummaries(db, { ...ALL, order, limit, ...(after ? { after } : {}) });
    found.push(...ids(page.events));
    const last = page.events.at(-1);
    if (!page.hasMore || !last) return found;
    after = { occurredUs: last.occurredUs, id: last.id };
  }
}

test("an event is returned with every field and key as given, also by its id", () => {
  const { db, insert } = aRecord();
  const event = anEvent({
    id: anId(1),
    occurred: at(1.000001),
    follows: anId(2),
    related: [{ "prefect.resource.id": "a", "prefect.resource.role": "b", "2": "x", "1": "y" }],
    payload: {
      z: 1,
      a: [{ 'ü\n"': null }],
      big: 1e21,
      text: "line\u2028 \ud83d\ude00",
      nested: { empty: {}, list: [] },
    },
  });
  const { inserted, duplicates, replaced } = insert([event]);
  expect({ inserted, duplicates, replaced }).toEqual({ inserted: [event], duplicates: 0, replaced: 0 });
  expect(JSON.stringify(findEventById(db, event.id))).toBe(JSON.stringify(event));
  expect(findEventById(db, event.id.toUpperCase())).toEqual(event);
  expect(findEventById(db, anId(99))).toBeNull();
  expect(findEventById(db, "no id")).toBeNull();
});

test("an empty record has no events", () => {
  const { db } = aRecord();
  expect(findEvents(db, ALL)).toEqual({ events: [], hasMore: false });
  expect(findEventRange(db)).toBeNull();
  expect(countEventsBetween(db, ALL)).toBe(0);
});

test("5,000 events with one time are all stored and returned in order of their ids, for any pages and batches", () => {
  const { db, insert } = aRecord();
  const events = Array.from({ length: 5000 }, (_, n) => anEvent({ id: anId(n), occurred: at(0) }));
  const shuffled = [...events].sort((a, b) => (a.id.slice(5) < b.id.slice(5) ? -1 : 1));
  for (let from = 0; from < 2500; from += 50) insert(shuffled.slice(from, from + 50));
  db.invalidate();
  insert(shuffled.slice(2500));
  const near = anEvent({ id: anId(9000), occurred: formatIsoUs(T0_US + 100) });
  insert([near]);
  const sorted = ids(events).sort();
  expect(allIds(db, "asc", 400)).toEqual([...sorted, near.id]);
  expect(allIds(db, "desc", 500)).toEqual([near.id, ...sorted.reverse()]);
  expect(countEventsBetween(db, { fromUs: T0_US, toUs: T0_US })).toBe(5000);
  expect(countEventsBetween(db, { fromUs: T0_US + 1, toUs: T0_US + HOUR_US })).toBe(1);
});

test("storing events again changes nothing and assigns no new keys", () => {
  const { db, insert } = aRecord();
  const events = Array.from({ length: 120 }, (_, n) => anEvent({ id: anId(n), occurred: at(n / 4) }));
  insert(events);
  const before = db.sqlite.query("SELECT * FROM event").all();
  expect(insert(events.slice(20))).toEqual({ inserted: [], keys: [], duplicates: 100, replaced: 0 });
  expect(insert(events, "stream").duplicates).toBe(120);
  expect(db.sqlite.query("SELECT * FROM event").all()).toEqual(before);
});

test("a copy from REST replaces one from the websocket, never the reverse", () => {
  const { db, insert } = aRecord();
  const first = anEvent({
    id: anId(1),
    occurred: at(1),
    related: [{ "prefect.resource.id": "old", "prefect.resource.role": "x" }],
  });
  const again = {
    ...first,
    received: at(9),
    payload: { version: 2 },
    related: [{ "prefect.resource.id": "new", "prefect.resource.role": "x" }],
  };
  expect(insert([again], "stream").inserted).toEqual([again]);
  expect(insert([first], "catch-up")).toMatchObject({ inserted: [first], replaced: 1, duplicates: 0 });
  expect(insert([again], "stream")).toMatchObject({ inserted: [], replaced: 0, duplicates: 1 });
  expect(findEvents(db, ALL).events).toEqual([first]);
  const related = (id: string) => ids(findEventSummaries(db, { ...ALL, filter: { related: { id: [id] } } }).events);
  expect([related("old"), related("new")]).toEqual([[first.id], []]);
  const moved = { ...first, occurred: at(7200) };
  insert([moved], "audit");
  expect(findEvents(db, ALL).events).toEqual([moved]);
  expect(countEventsPerHour(db, ALL_HOURS)).toEqual([
    { hourUs: Math.floor((T0_US + 7200e6) / HOUR_US) * HOUR_US, count: 1 },
  ]);
});

/** Prefect 3.9.3 replaces them when it stores an event, after the websocket has sent it. */
test("an event with NUL characters becomes the one that Prefect has stored", () => {
  const { db, insert } = aRecord();
  const sent = anEvent({ payload: { note: "a\u0000b" } });
  const kept = { ...sent, payload: { note: "a\ufffdb" } };
  expect(insert([sent], "stream").inserted).toEqual([sent]);
  expect(insert([kept], "catch-up")).toMatchObject({ inserted: [kept], replaced: 1 });
  expect(findEventById(db, sent.id)).toEqual(kept);
});

test("of two copies in one batch from REST the last is stored, and nothing of the first remains", () => {
  const { db, insert } = aRecord();
  const first = anEvent({ id: anId(1), related: [{ "prefect.resource.id": "old", "prefect.resource.role": "x" }] });
  const last = { ...first, received: at(3), related: [] };
  expect(insert([first, last])).toMatchObject({ inserted: [first, last], replaced: 1 });
  expect(findEvents(db, ALL).events).toEqual([last]);
  expect(findEventSummaries(db, { ...ALL, filter: { related: { id: ["old"] } } }).events).toEqual([]);
});

test("rows deleted by another program can be stored again, and their keys are reused", () => {
  const { db, insert } = aRecord();
  const role = { "prefect.resource.role": "x" };
  const [a, b] = ["first", "second"].map((id, n) =>
    anEvent({ id: anId(n), occurred: at(0), related: [{ "prefect.resource.id": id, ...role }] }),
  );
  if (!a || !b) throw new Error("two events");
  insert([a]);
  db.sqlite.run("DELETE FROM event");
  expect(findEventSummaries(db, { ...ALL, filter: { related: { id: ["first"] } } }).events).toEqual([]);
  insert([b]);
  expect(findEventSummaries(db, { ...ALL, filter: { related: { id: ["first"] } } }).events).toEqual([]);
  insert([a]);
  expect(ids(findEventSummaries(db, { ...ALL, filter: { related: { id: ["first"] } } }).events)).toEqual([a.id]);
  expect(findEvents(db, ALL).events).toEqual([b, a].sort((x, y) => (x.id < y.id ? 1 : -1)));
  db.sqlite.run("DELETE FROM block");
  db.invalidate();
  expect(findEvents(db, ALL).events).toEqual([]);
});

test("a rollback leaves neither rows nor cached numbers", () => {
  const { db, insert } = aRecord();
  const some = (n: number) =>
    anEvent({ id: anId(n), event: `name.${n}`, resource: { "prefect.resource.id": `res.${n}` }, occurred: at(n) });
  insert([some(1)]);
  const writer = createEventWriter(db);
  expect(() =>
    inTransaction(db, () => {
      writer.insert(
        Array.from({ length: 70 }, (_, n) => some(100 + n)),
        "live",
        1,
      );
      throw new RangeError("no");
    }),
  ).toThrow("no");
  inTransaction(db, () => writer.insert([some(2), some(3)], "live", 1));
  insert([some(4)]);
  expect(findEvents(db, { ...ALL, order: "asc" }).events).toEqual([1, 2, 3, 4].map(some));
  expect(
    findEventSummaries(db, { ...ALL, order: "asc" }).events.map(({ event, resourceId }) => [event, resourceId]),
  ).toEqual([1, 2, 3, 4].map((n) => [`name.${n}`, `res.${n}`]));
});

test("two writers on one file see each other's names, resources and blocks", () => {
  const file = tempRecordFile();
  const records = [openRecord(file, "write"), openRecord(file, "write")];
  const writers = records.map((db) => createEventWriter(db));
  const events = Array.from({ length: 150 }, (_, n) =>
    anEvent({
      id: anId(n),
      event: `name.${n % 7}`,
      occurred: at(n),
      resource: { "prefect.resource.id": `res.${n % 11}` },
    }),
  );
  for (const [n, event] of events.entries()) {
    const [db, writer] = [records[n % 2], writers[n % 2]];
    if (db && writer) inTransaction(db, () => writer.insert([event], "stream", 1));
  }
  for (const db of records) {
    expect(findEvents(db, { ...ALL, order: "asc" }).events).toEqual(events);
    db.close();
  }
});

test("an event is parsed once while its block grows, and again after it was replaced", () => {
  const file = tempRecordFile();
  const writer = openRecord(file, "write");
  const events = createEventWriter(writer);
  const insert = (event: PrefectEvent, source: "stream" | "catch-up") =>
    inTransaction(writer, () => events.insert([event], source, 1));
  insert(anEvent({ id: anId(1), occurred: at(1), payload: { said: "socket" } }), "stream");
  const reader = openRecord(file, "read");
  const first = () => findEvents(reader, { ...ALL, order: "asc" }).events[0];
  const before = first();
  insert(anEvent({ id: anId(2), occurred: at(2) }), "stream");
  expect(findEvents(reader, ALL).events).toHaveLength(2);
  expect(first()).toBe(before as PrefectEvent);
  insert(anEvent({ id: anId(1), occurred: at(1), received: at(9), payload: { said: "REST" } }), "catch-up");
  expect(first()?.payload).toEqual({ said: "REST" });
  expect(before?.payload).toEqual({ said: "socket" });
  reader.close();
  writer.close();
});

test("each event has its own name of a resource, or the newest name if it has none", () => {
  const { db, insert } = aRecord();
  const named = (n: number, name: string | null) =>
    anEvent({
      id: anId(n),
      occurred: at(n),
      resource: { "prefect.resource.id": "run", ...(name ? { "prefect.resource.name": name } : {}) },
    });
  insert([named(5, "new")]);
  insert([named(1, "old"), named(2, null)]);
  const names = () => findEventSummaries(db, { ...ALL, order: "asc" }).events.map((event) => event.resourceName);
  expect(names()).toEqual(["old", "new", "new"]);
  insert([named(9, "newest")]);
  expect(names()).toEqual(["old", "newest", "new", "newest"]);
});

test("times outside the range of keys keep their text and are ordered first or last", () => {
  const { db, insert } = aRecord();
  const far = anEvent({ id: anId(1), occurred: "9999-12-31T23:59:59.999999Z" });
  const farther = anEvent({ id: anId(2), occurred: "9999-12-31T23:59:59.999999Z" });
  const near = anEvent({ id: anId(3), occurred: "1969-12-31T23:30:00Z", received: "1969-12-31T23:30:00Z" });
  insert([far, near, farther]);
  expect(findEvents(db, { ...ALL, order: "asc" }).events).toEqual([near, far, farther]);
  expect(countEventsPerHour(db, { fromUs: -HOUR_US, endUs: HOUR_US })).toEqual([{ hourUs: -HOUR_US, count: 1 }]);
  expect(db.sqlite.query("SELECT hour, n FROM event_hour WHERE hour < 0").all()).toEqual([{ hour: -1, n: 1 }]);
});

test("ids of a range leave out events whose key, but not `occurred`, lies in it", () => {
  const { db, insert } = aRecord();
  const tied = [1, 2, 3].map((n) => anEvent({ id: anId(n), occurred: at(0) }));
  const next = anEvent({ id: anId(4), occurred: formatIsoUs(T0_US + 1) });
  insert([...tied, next]);
  expect(findEventIdsBetween(db, { fromUs: T0_US, toUs: T0_US }).sort()).toEqual(ids(tied).sort());
  expect(findEventIdsBetween(db, { fromUs: T0_US + 1, toUs: T0_US + 1 })).toEqual([next.id]);
  expect(findEventRange(db)).toEqual({ fromUs: T0_US, toUs: T0_US + 1, count: 4 });
});

test("hundreds of names and resources are merged in order, more than one statement can join", () => {
  const { db, insert } = aRecord();
  const events = Array.from({ length: 1300 }, (_, n) =>
    anEvent({
      id: anId(n),
      event: `many.${n % 650}`,
      occurred: at(n),
      resource: { "prefect.resource.id": `res.${n % 900}` },
    }),
  );
  insert(events);
  const page = { ...ALL, order: "asc", limit: 70 } as const;
  expect(
    findEvents(db, { ...page, filter: { event: { prefix: ["many."], exclude_name: ["many.3"] } } }).events,
  ).toEqual(events.filter(({ event }) => event !== "many.3").slice(0, 70));
  const wanted = Array.from({ length: 600 }, (_, n) => `res.${n}`);
  expect(findEvents(db, { ...page, filter: { any_resource: { id: wanted } } }).events).toEqual(
    events.filter(({ resource }) => wanted.includes(resource["prefect.resource.id"] ?? "")).slice(0, 70),
  );
});
