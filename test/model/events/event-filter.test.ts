import { describe, expect, test } from "bun:test";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import { type EventFilter, matchesEventFilter } from "../../../src/model/events/event-filter.ts";
import { anEvent } from "../../support/builders.ts";

/** Recorded from the SQL of Prefect 3.8.8 by scripts/record-filter-answers/record.ts; `ids` are positions in `events`. */
const recorded = (await Bun.file(new URL("../../fixtures/event-filter-answers.json", import.meta.url)).json()) as {
  events: PrefectEvent[];
  answers: { filter: EventFilter; ids: number[] }[];
};

test("gives the recorded results of Prefect's SQL for random filters", () => {
  expect(recorded.answers.length).toBeGreaterThan(200);
  expect(
    recorded.answers.filter(({ ids }) => ids.length > 0 && ids.length < recorded.events.length).length,
  ).toBeGreaterThan(80);
  for (const { filter, ids } of recorded.answers) {
    const found = recorded.events.flatMap((event, n) => (matchesEventFilter(filter, event) ? [n] : []));
    expect({ filter, found }).toEqual({ filter, found: [...ids].sort((a, b) => a - b) });
  }
});

const event = anEvent({
  event: "prefect.flow-run.Running",
  resource: { "prefect.resource.id": "prefect.flow-run.a", "prefect.resource.name": "Amber Heron", colour: "red" },
  related: [
    { "prefect.resource.id": "prefect.flow.f", "prefect.resource.role": "flow", team: "data" },
    { "prefect.resource.id": "prefect.tag.t", "prefect.resource.role": "tag", team: "web" },
  ],
  payload: { note: 'a "quoted" word, 50% of ümläut', list: [1, { deep: "end" }] },
});

const matches = (filter: EventFilter) => matchesEventFilter(filter, event);

describe("an event matches", () => {
  const yes: EventFilter[] = [
    {},
    {
      event: { prefix: [], name: [] },
      related: [],
      any_resource: {},
      resource: { id: [], labels: {} },
      id: { id: [] },
      text: { query: "  " },
    },
    { event: { prefix: ["nope", "PREFECT.flow_run."] } },
    { event: { prefix: ["%Running"] } },
    { event: { name: ["x", "prefect.flow-run.Running"], exclude_name: ["prefect.flow-run.running"] } },
    {
      resource: { id_prefix: ["prefect.FLOW-run."], labels: { colour: ["blue", "R?d"], "prefect.resource.id": "*.a" } },
    },
    { resource: { labels: { colour: "!blue" } } },
    { related: { id: ["prefect.tag.t"], role: ["tag"], labels: { team: "WEB" } } },
    { related: [{ labels: { team: "web" } }, { labels: { team: "data" } }] },
    { related: { resources_in_roles: [["prefect.flow.f", "flow"]] } },
    { related: { role: [""] } },
    {
      any_resource: [
        { id: ["prefect.flow-run.a"] },
        { id_prefix: ["prefect.tag."], labels: { "prefect.resource.role": ["tag"] } },
      ],
    },
    { id: { id: [event.id.toUpperCase()] } },
    { text: { query: "nothing AMBER" } },
    { text: { query: '"quoted" -zebra' } },
    { text: { query: '"amber heron" +50% +deep !zebra' } },
    { text: { query: "ÜMLÄUT" } },
    { text: { query: '"colour\\": \\"red"' } },
    { text: { query: "- zebra amber" } },
  ];
  for (const filter of yes) test(JSON.stringify(filter), () => expect(matches(filter)).toBe(true));
});

describe("an event does not match", () => {
  const no: EventFilter[] = [
    { event: { prefix: ["flow-run"] } },
    { event: { exclude_prefix: ["PREFECT."] } },
    { event: { name: ["prefect.flow-run.running"] } },
    { resource: { id: ["PREFECT.flow-run.a"] } },
    { resource: { labels: { missing: "!x" } } },
    { resource: { labels: { colour: [] } } },
    { resource: { labels: { "prefect.resource.role": "!x" } } },
    { resource: { labels: { team: "data" } } },
    { related: { id: ["prefect.flow-run.a"] } },
    { related: { id: ["prefect.flow.f"], role: ["tag"] } },
    { related: { role: ["TAG"] } },
    { related: { labels: { team: ["data"], "prefect.resource.role": "tag" } } },
    { related: { resources_in_roles: [["prefect.flow.f", "tag"]] } },
    { any_resource: { id: ["prefect.tag.t"], id_prefix: ["prefect.flow."] } },
    { id: { id: ["00000000-0000-4000-8000-000000000000"] } },
    { text: { query: "amber -heron" } },
    { text: { query: "+amber +zebra" } },
    { text: { query: '"heron amber"' } },
    { text: { query: "5_%" } },
  ];
  for (const filter of no) test(JSON.stringify(filter), () => expect(matches(filter)).toBe(false));
});

test("occurred, order and distinct are ignored", () => {
  expect(matches({ occurred: { since: "2100-01-01" }, order: "ASC", resource: { distinct: true } })).toBe(true);
});
