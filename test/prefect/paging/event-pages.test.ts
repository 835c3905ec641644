import { describe, expect, test } from "bun:test";
import { parseIsoUs } from "../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import { type EventPagesQuestion, eventPages, partFrom } from "../../../src/prefect/paging/event-pages.ts";
import { T0_US } from "../../support/builders.ts";
import { anEventAt, SECOND } from "../../sync/engine-harness.ts";

const range = { fromUs: T0_US, toUs: T0_US + 100 * SECOND };
const question: EventPagesQuestion = { range, order: "asc", filter: {}, firstPage: 2 };

/** Pages of fixed events: the first page of each question in `answers`, the later ones by tokens `question:page`. */
function server(answers: readonly (readonly (readonly PrefectEvent[])[])[], totals: readonly number[]) {
  const asked: string[] = [];
  let questions = 0;
  const page = (question: number, index: number) => {
    const pages = answers[question] ?? [];
    const nextToken = index + 1 < pages.length ? `${question}:${index + 1}` : null;
    return { events: pages[index] ?? [], total: totals[question] ?? 0, nextToken };
  };
  return {
    asked,
    api: {
      filterEvents: async (filter: { occurred?: { since?: string } }, limit: number) => {
        asked.push(`since ${((parseIsoUs(filter.occurred?.since ?? "") ?? 0) - T0_US) / SECOND}, ${limit}`);
        questions += 1;
        return page(questions - 1, 0);
      },
      nextEvents: async (token: string) => {
        asked.push(token);
        const [question = 0, index = 0] = token.split(":").map(Number);
        return page(question, index);
      },
      countEvents: async () => [],
    },
  };
}

const events = [0, 10, 20, 30].map((seconds) => anEventAt(seconds));
const [a, b, c, d] = events as [PrefectEvent, PrefectEvent, PrefectEvent, PrefectEvent];

describe("pages of events", () => {
  test("follow the tokens; only the last page of all events reads the whole range", async () => {
    const { api, asked } = server(
      [
        [
          [a, b],
          [c, d],
        ],
      ],
      [4],
    );
    const steps = await Array.fromAsync(eventPages(api, question, () => ({})));
    expect(steps).toEqual([
      { events: [a, b], read: { fromUs: range.fromUs, toUs: T0_US + 10 * SECOND - 1 }, isLast: false, unlisted: [] },
      { events: [c, d], read: range, isLast: true, unlisted: [] },
    ]);
    expect(asked).toEqual(["since 0, 2", "0:1"]);
  });

  test("ask for the rest when the last page ends before the total", async () => {
    const { api, asked } = server(
      [
        [
          [a, b],
          [b, c],
        ],
        [[]],
        [[c, d]],
      ],
      [4, 1, 2],
    );
    const steps = await Array.fromAsync(eventPages(api, question, () => ({})));
    expect(steps.map((step) => step.events)).toEqual([[a, b], [c], [d]]);
    expect(steps.at(-1)).toMatchObject({ read: range, isLast: true });
    // The time of an event on two pages is counted: others of the same time may have been left out.
    expect(asked).toEqual(["since 0, 2", "0:1", "since 10, 0", "since 20, 50"]);
  });

  test("end without a proof when asking for the rest gives nothing new", async () => {
    const { api, asked } = server([[[a, b]], [[b]]], [3, 1, 3]);
    const steps = await Array.fromAsync(eventPages(api, question, () => ({})));
    expect(steps.at(-1)).toEqual({
      events: [],
      read: { fromUs: range.fromUs, toUs: T0_US + 10 * SECOND - 1 },
      isLast: true,
      unlisted: [{ fromUs: T0_US + 10 * SECOND, toUs: range.toUs }],
    });
    expect(asked).toEqual(["since 0, 2", "since 10, 50", "since 0, 0"]);
  });

  test("are complete when the missing event was deleted meanwhile", async () => {
    const { api } = server([[[a, b]], [[b]]], [3, 1, 2]);
    const steps = await Array.fromAsync(eventPages(api, question, () => ({})));
    expect(steps.at(-1)).toEqual({ events: [], read: range, isLast: true, unlisted: [] });
  });

  test("have read the later part of the range when the order is descending", async () => {
    const { api } = server([[[d, c], [b]]], [3]);
    const [first] = await Array.fromAsync(eventPages(api, { ...question, order: "desc" }, () => ({})));
    expect(first?.read).toEqual({ fromUs: T0_US + 20 * SECOND + 1, toUs: range.toUs });
  });
});

test("a part of a range begins at its position in reading order", () => {
  expect(partFrom(range, "asc", T0_US + SECOND)).toEqual({ fromUs: T0_US + SECOND, toUs: range.toUs });
  expect(partFrom(range, "desc", T0_US + SECOND)).toEqual({ fromUs: range.fromUs, toUs: T0_US + SECOND });
  expect(partFrom(range, "asc", undefined)).toEqual(range);
});
