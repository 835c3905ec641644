/** Prefect's EventFilter as an argument, and the shorthands that stand beside it. */
import { AppError } from "../../errors.ts";
import { isUuid } from "../../lib/uuid.ts";
import type { AnyResourceFilter, EventFilter } from "../../model/events/event-filter.ts";
import { ALL_KINDS, KINDS } from "../../model/kinds.ts";
import type { FilterSpec } from "../source/check-filter.ts";
import { checkFilter } from "../source/check-filter.ts";

/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/filters.py */
export const EVENT_FILTER_SPEC: FilterSpec = {
  occurred: { fields: { since: "time", until: "time" } },
  event: { fields: { prefix: "texts", exclude_prefix: "texts", name: "texts", exclude_name: "texts" } },
  resource: { fields: { id: "texts", id_prefix: "texts", labels: "labels", distinct: "flag" } },
  related: { oneOrMany: { id: "texts", role: "texts", resources_in_roles: "pairs", labels: "labels" } },
  any_resource: { oneOrMany: { id: "texts", id_prefix: "texts", labels: "labels" } },
  id: { fields: { id: "uuids" } },
  text: { fields: { query: "text" } },
  order: { oneOf: ["ASC", "DESC"] },
};

const MAX_TEXT = 200;

/** Throws AppError `invalid_input` naming the field. */
export function parseEventFilter(value: unknown): EventFilter {
  if (value === undefined) return {};
  const filter = checkFilter(value, EVENT_FILTER_SPEC) as EventFilter;
  if (filter.text && filter.text.query === undefined) throw new AppError("invalid_input", "filter.text needs query");
  if ((filter.text?.query.length ?? 0) > MAX_TEXT) {
    throw new AppError("invalid_input", `filter.text.query is longer than ${MAX_TEXT} characters`);
  }
  return filter;
}

/** The filter with one more condition on the event's name. Throws when both name prefixes exclude each other. */
export function withEventPrefix(filter: EventFilter, prefix: string): EventFilter {
  const given = filter.event?.prefix ?? [];
  if (given.length === 0) return { ...filter, event: { ...filter.event, prefix: [prefix] } };
  const both = given.flatMap((other) =>
    other.startsWith(prefix) ? [other] : prefix.startsWith(other) ? [prefix] : [],
  );
  if (both.length > 0) return { ...filter, event: { ...filter.event, prefix: both } };
  throw new AppError("invalid_input", `event_type_prefix "${prefix}" and filter.event.prefix exclude each other`, {
    hint: "Give one of the two.",
  });
}

/** The filter with one more condition that some resource of the event, primary or related, must meet. */
export function withResource(filter: EventFilter, resource: AnyResourceFilter): EventFilter {
  const given = filter.any_resource;
  const all = given === undefined ? [] : isList(given) ? given : [given];
  return { ...filter, any_resource: all.length === 0 ? resource : [...all, resource] };
}

function isList(value: AnyResourceFilter | readonly AnyResourceFilter[]): value is readonly AnyResourceFilter[] {
  return Array.isArray(value);
}

/** Resources whose ids end with a UUID: the kinds of the record, and others. */
const RESOURCES_WITH_UUID: ReadonlySet<string> = new Set([
  ...ALL_KINDS.filter((kind) => KINDS[kind].isResourceOfId).map((kind) => KINDS[kind].resource),
  ...["prefect.variable", "prefect.block-document", "prefect.artifact", "prefect.event"],
]);

/**
 * What `resource` may be: a whole resource id, a prefix (ending in `*` or `.`), a bare UUID of any kind, or a name.
 */
export function resourceCondition(text: string): AnyResourceFilter {
  if (text.endsWith("*")) return { id_prefix: [text.slice(0, -1)] };
  if (text.endsWith(".")) return { id_prefix: [text] };
  if (isUuid(text)) return { id: [...RESOURCES_WITH_UUID].map((resource) => `${resource}.${text.toLowerCase()}`) };
  if (/^[a-z][a-z0-9+-]*(\.|:\/\/)\S+$/i.test(text)) return { id: [text] };
  return { labels: { "prefect.resource.name": text.replace(/[*?]/g, "?") } };
}
