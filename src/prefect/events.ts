/**
 * Events over REST. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/events.py
 */

import { AppError } from "../errors.ts";
import { sentence } from "../lib/shown-text.ts";
import type { PrefectEvent } from "../model/events/event.ts";
import type { CountBucket, EventPage, PrefectApi } from "./api.ts";
import type { Http } from "./transport/http.ts";
import { EVENTS_PER_PAGE } from "./transport/page-sizes.ts";
import { checkRows, type FieldKind, rowProblem } from "./transport/wire.ts";

/** The fields that the record relies on. Payload and labels may hold anything and are not checked. */
const EVENT_FIELDS: readonly (readonly [string, FieldKind])[] = [
  ["id", "uuid"],
  ["occurred", "text"],
  ["event", "text"],
  ["resource", "object"],
  ["related", "list"],
  ["payload", "object"],
  ["follows", "uuid?"],
  ["received", "text"],
];

/**
 * Why `value` is not an event, or null when it is one. Checked by hand and without a copy, because every synced event is checked
 * (a few microseconds for a page of 50).
 */
export function eventProblem(value: unknown): string | null {
  const problem = rowProblem(value, EVENT_FIELDS);
  if (problem !== null) return problem;
  const { resource, related } = value as PrefectEvent;
  if (typeof resource["prefect.resource.id"] !== "string") return ".resource should have prefect.resource.id";
  const odd = related.findIndex((entry) => typeof entry?.["prefect.resource.id"] !== "string");
  return odd < 0 ? null : `.related[${odd}] should have prefect.resource.id`;
}

/** The `page-token` of a `next_page` link. Its host and path are wrong where a proxy stands before the server. */
export function pageToken(nextPage: unknown): string | null {
  if (typeof nextPage !== "string") return null;
  const query = nextPage.slice(nextPage.indexOf("?") + 1);
  return new URLSearchParams(query).get("page-token");
}

type EventCalls = Pick<PrefectApi, "filterEvents" | "nextEvents" | "countEvents">;

export function createEventCalls(http: Http): EventCalls {
  function toPage(route: string, value: unknown): EventPage {
    const { events, total, next_page } = (value ?? {}) as { events?: unknown; total?: unknown; next_page?: unknown };
    if (!Array.isArray(events) || typeof total !== "number") {
      throw http.failures.unexpectedAnswer(route, "a page with events and total was expected");
    }
    for (let index = 0; index < events.length; index += 1) {
      const problem = eventProblem(events[index]);
      if (problem !== null) throw http.failures.unexpectedAnswer(route, `events[${index}]${problem}`);
    }
    return { events: events as PrefectEvent[], total, nextToken: pageToken(next_page) };
  }

  return {
    async filterEvents(filter, limit, options) {
      if (!(limit >= 0 && limit <= EVENTS_PER_PAGE)) {
        throw new AppError(
          "invalid_input",
          sentence`A page of events has 0 to ${EVENTS_PER_PAGE} events, not ${limit}.`,
        );
      }
      const page = toPage("POST /events/filter", await http.post("/events/filter", { filter, limit }, options));
      // With `limit: 0` the link never advances.
      return limit === 0 ? { ...page, nextToken: null } : page;
    },

    async nextEvents(token, options) {
      try {
        const path = `/events/filter/next?page-token=${encodeURIComponent(token.toWellFormed())}`;
        return toPage("GET /events/filter/next", await http.get(path, options));
      } catch (error) {
        // Prefect answers a token that it cannot decode with 403, as it does a missing permission.
        if (error instanceof AppError && error.status === 403 && /Forbidden/.test(error.message)) {
          throw new AppError("invalid_input", "Prefect does not accept this page token.", {
            hint: "Start again from the first page.",
            cause: error,
            status: 403,
          });
        }
        throw error;
      }
    },

    async countEvents(countable, body, options) {
      const route = `/events/count-by/${countable}`;
      const rows = await http.post(route, body, options);
      return checkRows<CountBucket>(http, `POST ${route}`, rows, {
        value: "text",
        label: "text",
        count: "number",
        start_time: "text",
        end_time: "text",
      });
    },
  };
}
