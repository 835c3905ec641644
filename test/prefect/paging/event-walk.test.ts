import { describe, expect, test } from "bun:test";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import { type EventFilter, matchesEventFilter } from "../../../src/model/events/event-filter.ts";
import type { EventPage } from "../../../src/prefect/api.ts";
import { type EventReader, type WalkStep, walkEvents } from "../../../src/prefect/paging/event-walk.ts";
import { T0_US } from "../../support/builders.ts";
import { failureOf } from "../../support/failure-of.ts";
import { anEventAt, SECOND, TinyPrefect } from "../../sync/engine-harness.ts";

const range = { fromUs: T0_US, toUs: T0_US + 100 * SECOND };
const options = { pageSize: 5, hasExactTotals: true };

function prefectWith(events: PrefectEvent[]): { prefect: TinyPrefect; reader: EventReader } {
  const prefect = new TinyPrefect();
  prefect.events = events;
  return { prefect, reader: { filter: prefect.filterEvents, next: prefect.nextEvents, count: async () => [] } };
}

async function walk(reader: EventReader, given = options): Promise<WalkStep[]> {
  const steps: WalkStep[] = [];
  for await (const step of walkEvents(reader, range, given)) steps.push(step);
  return steps;
}

const idsOf = (steps: readonly WalkStep[]) => steps.flatMap((step) => step.events.map((event) => event.id));
const provenOf = (steps: readonly WalkStep[]) => steps.map((step) => (step.provenToUs - T0_US) / SECOND);

describe("walking over events", () => {
  test("gives every event once, page by page, and states what is proven so far", async () => {
    const events = Array.from({ length: 12 }, (_, i) => anEventAt(i));
    const { prefect, reader } = prefectWith(events);
    const steps = await walk(reader);
    expect(idsOf(steps)).toEqual(events.map((event) => event.id));
    // A full page proves everything before its last time: more events may have that time.
    expect(provenOf(steps)).toEqual([3.999999, 7.999999, 100]);
    expect(prefect.asked).toEqual(["events 0..100 5", "events 4..100 5", "events 8..100 5"]);
  });

  test("refuses a page of another database, which lacks the events that the page before ended with", async () => {
    const { prefect, reader } = prefectWith(Array.from({ length: 7 }, (_, i) => anEventAt(i)));
    prefect.before = (asked) => {
      if (asked === "events 4..100 5") prefect.events = Array.from({ length: 8 }, (_, i) => anEventAt(i));
    };
    const steps: WalkStep[] = [];
    const reading = (async () => {
      for await (const step of walkEvents(reader, range, options)) steps.push(step);
    })();
    expect((await failureOf(reading)).message).toContain("a page without the events that the page before ended with");
    expect(provenOf(steps)).toEqual([3.999999]);
  });

  test("refuses an empty page after a full one: the server has another database now", async () => {
    const { prefect, reader } = prefectWith(Array.from({ length: 7 }, (_, i) => anEventAt(i)));
    prefect.before = (asked) => {
      if (asked === "events 4..100 5") prefect.events = [];
    };
    expect((await failureOf(walk(reader))).code).toBe("unavailable");
  });

  test("asks once for an empty range and proves all of it", async () => {
    const { prefect, reader } = prefectWith([]);
    expect(await walk(reader)).toEqual([{ events: [], provenToUs: range.toUs }]);
    expect(prefect.asked).toEqual(["events 0..100 5"]);
  });

  test("gives events with the same time once each when a page ends between them", async () => {
    const events = [anEventAt(1), anEventAt(2), anEventAt(3), anEventAt(4), anEventAt(4), anEventAt(4), anEventAt(5)];
    const { reader } = prefectWith(events);
    expect(idsOf(await walk(reader))).toEqual(events.map((event) => event.id));
  });

  test("follows the token only inside an instant that fills a page, and compares a fresh total", async () => {
    const events = [anEventAt(1), ...Array.from({ length: 11 }, () => anEventAt(2)), anEventAt(3)];
    const { prefect, reader } = prefectWith(events);
    expect(idsOf(await walk(reader))).toEqual(events.map((event) => event.id));
    expect(prefect.asked).toEqual([
      "events 0..100 5",
      "events 2..100 5",
      "events 2..2 5",
      "next 5",
      "next 10",
      "events 2..2 0",
      "events 2..100 5",
    ]);
  });

  test("reads an instant again until it has as many events as its total", async () => {
    const events = Array.from({ length: 12 }, () => anEventAt(2));
    const { prefect, reader } = prefectWith(events);
    let turns = 0;
    // Events with the same time come in another order with each page.
    prefect.before = (asked) => {
      turns += 1;
      if (asked.startsWith("next") && turns < 8)
        prefect.events = [...prefect.events.slice(7), ...prefect.events.slice(0, 7)];
    };
    expect(idsOf(await walk(reader)).sort()).toEqual(events.map((event) => event.id).sort());
  });

  test("gives an event that is stored while an instant is read", async () => {
    const events = Array.from({ length: 10 }, () => anEventAt(2));
    const late = anEventAt(2);
    const { prefect, reader } = prefectWith(events);
    prefect.before = (asked) => {
      if (asked === "events 2..2 0" && !prefect.events.includes(late)) prefect.events.push(late);
    };
    expect(idsOf(await walk(reader))).toContain(late.id);
  });

  /** A server with one fixed order, in which pages by offset repeat an event and leave out another one. */
  function leavingOut(events: PrefectEvent[]) {
    const { prefect, reader } = prefectWith(events);
    prefect.alterPage = (page, limit) =>
      page.total > limit && limit > 0 && page.nextToken === null
        ? { ...page, events: [events[1] as PrefectEvent, ...page.events.slice(1)] }
        : page;
    const ofOne = (by: "event" | "resource", filter: EventFilter) => {
      const names = Map.groupBy(
        events.filter((event) => matchesEventFilter(filter, event)),
        (event) => (by === "event" ? event.event : (event.resource["prefect.resource.id"] ?? "")),
      );
      return [...names].map(([value, rows]) => ({
        value,
        label: value,
        count: rows.length,
        start_time: "",
        end_time: "",
      }));
    };
    return {
      prefect,
      reader: { ...reader, count: async (by: "event" | "resource", filter: EventFilter) => ofOne(by, filter) },
    };
  }

  test("an instant whose pages leave out events is read name by name, and resource by resource", async () => {
    const events = [
      ...["a", "b", "c"].map((name) => anEventAt(2, { event: name })),
      ...[1, 2, 3, 4, 5, 6].map((n) => anEventAt(2, { event: "many", resource: { "prefect.resource.id": `r${n}` } })),
      anEventAt(3),
    ];
    const { prefect, reader } = leavingOut(events);
    const steps = await walk(reader);
    expect(idsOf(steps).toSorted()).toEqual(events.map((event) => event.id).toSorted());
    expect(steps.every((step) => step.unlisted === undefined)).toBe(true);
    expect(steps.at(-1)?.provenToUs).toBe(range.toUs);
    expect(prefect.asked.length).toBeLessThan(30);
  });

  test("what the server cannot list of an instant is stated, and the walk continues after it", async () => {
    const same = Array.from({ length: 12 }, () =>
      anEventAt(2, { event: "many", resource: { "prefect.resource.id": "r" } }),
    );
    const events = [anEventAt(1), ...same, anEventAt(3)];
    const { reader } = leavingOut(events);
    const steps = await walk(reader);
    expect(idsOf(steps).length).toBe(events.length - 1);
    expect(steps.map((step) => [(step.provenToUs - T0_US) / SECOND, step.unlisted ?? null])).toEqual([
      [1.999999, null],
      [1.999999, { atUs: T0_US + 2 * SECOND, total: 12, listed: 11 }],
      [100, null],
    ]);
  });

  const ties = Array.from({ length: 20 }, () => anEventAt(2));

  test.each<[string, (page: EventPage, limit: number) => EventPage]>([
    [
      "the same page for ever",
      (page, limit) =>
        limit === 0 || page.total <= 5
          ? page
          : {
              ...page,
              events: ties.slice(0, 5),
              nextToken: page.nextToken ?? JSON.stringify({ filter: { occurred: {} }, limit: 5, offset: 0 }),
            },
    ],
    ["no last page", (page, limit) => (limit === 0 || page.total <= 5 ? page : { ...page, nextToken: null })],
  ])("an instant of which the server gives %s proves nothing of it", async (_, bend) => {
    const { prefect, reader } = prefectWith(ties);
    prefect.alterPage = bend;
    const steps = await walk(reader);
    expect(steps.filter((step) => step.unlisted !== undefined).map((step) => step.unlisted?.atUs)).toEqual([
      T0_US + 2 * SECOND,
    ]);
  });

  describe("throws when the pages of the server contradict each other, and proves nothing more", () => {
    const twenty = () => Array.from({ length: 20 }, (_, i) => anEventAt(i));
    const lies: [string, PrefectEvent[], (page: EventPage, limit: number) => EventPage, RegExp][] = [
      [
        "a short page with a next one",
        twenty(),
        (page) => ({ ...page, events: page.events.slice(0, 2) }),
        /should hold more/,
      ],
      ["an empty page with a next one", twenty(), (page) => ({ ...page, events: [] }), /should hold more/],
      ["rows out of order", twenty(), (page) => ({ ...page, events: [...page.events].reverse() }), /out of order/],
      [
        "rows before the range",
        twenty(),
        (page) => ({ ...page, events: [anEventAt(-5), ...page.events.slice(1)] }),
        /outside/,
      ],
      [
        "rows after the range",
        twenty(),
        (page) => ({ ...page, events: [...page.events.slice(1), anEventAt(500)] }),
        /outside/,
      ],
      ["more rows than asked for", twenty(), (page) => ({ ...page, events: twenty() }), /where 5 were asked/],
      [
        "no readable time",
        twenty(),
        (page) => ({ ...page, events: [anEventAt(1, { occurred: "soon" })] }),
        /not a time/,
      ],
    ];
    for (const [name, events, bend, message] of lies) {
      test(name, async () => {
        const { prefect, reader } = prefectWith(events);
        prefect.alterPage = bend;
        const error = await failureOf(walk(reader));
        expect(error.code).toBe("unavailable");
        expect(error.message).toMatch(message);
        expect(prefect.requests).toBeLessThan(60);
      });
    }
  });

  test("reads a page again when an event was deleted after it was counted", async () => {
    const { prefect, reader } = prefectWith([anEventAt(1), anEventAt(2)]);
    let first = true;
    prefect.alterPage = (page) => {
      if (!first) return page;
      first = false;
      return { ...page, total: 3 };
    };
    expect(idsOf(await walk(reader))).toHaveLength(2);
  });

  test("ignores totals that are not exact and follows the links", async () => {
    const { prefect, reader } = prefectWith([anEventAt(1), anEventAt(2)]);
    prefect.alterPage = (page) => ({ ...page, total: 1_000 });
    expect(idsOf(await walk(reader, { pageSize: 5, hasExactTotals: false }))).toHaveLength(2);
    expect(prefect.requests).toBe(1);
  });
});
