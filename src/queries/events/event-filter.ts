/** Prefect's EventFilter as an argument, and the typed arguments beside it. */

import { z } from "zod";
import { AppError } from "../../errors.ts";
import { isJsonNumber, isJsonObject } from "../../lib/exact-json.ts";
import { quote, sentence } from "../../lib/shown-text.ts";
import { formatIsoUs, SECOND_US } from "../../lib/time.ts";
import { isUuid } from "../../lib/uuid.ts";
import type { AnyResourceFilter, EventFilter } from "../../model/events/event-filter.ts";
import { ALL_KINDS, KINDS } from "../../model/kinds.ts";
import { parseFilter } from "../../store/filters/parse.ts";
import { timeSchema } from "../../store/filters/term.ts";

/** A single text is taken as a list of one. */
const texts = z.preprocess((value) => (typeof value === "string" ? [value] : value), z.array(z.string()));
const uuids = z.preprocess(
  (value) => (typeof value === "string" ? [value] : value),
  z.array(z.string().refine(isUuid, "must be a UUID").meta({ format: "uuid" })),
);
/** Prefect takes ISO 8601 with any offset, without one (UTC), dates alone and epoch seconds. */
const time = z.preprocess(
  (value) => (isJsonNumber(value) ? formatIsoUs(Math.round(Number(value) * SECOND_US)) : value),
  timeSchema.meta({ format: "date-time" }),
);
const labels = z.record(z.string(), z.union([z.string(), z.array(z.string())], "must be a text or a list of texts"));
const pair = z
  .array(z.string())
  .refine((texts) => texts.length === 2, "must be a pair [resource id, role]")
  .describe("[resource id, role]");

function oneOrMany<Shape extends z.ZodRawShape>(shape: Shape) {
  const one = z.strictObject(shape);
  return z
    .union([one, z.array(one)])
    .describe("or a list of the same")
    .nullish();
}

function object<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape).nullish();
}

/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/filters.py */
export const eventFilterSchema = z.strictObject({
  occurred: object({ since: time.nullish(), until: time.nullish() }),
  event: object({
    prefix: texts.nullish(),
    exclude_prefix: texts.nullish(),
    name: texts.nullish(),
    exclude_name: texts.nullish(),
  }),
  resource: object({
    id: texts.nullish(),
    id_prefix: texts.nullish(),
    labels: labels.nullish(),
    distinct: z.boolean().nullish(),
  }),
  related: oneOrMany({
    id: texts.nullish(),
    role: texts.nullish(),
    resources_in_roles: z.array(pair).nullish(),
    labels: labels.nullish(),
  }),
  any_resource: oneOrMany({ id: texts.nullish(), id_prefix: texts.nullish(), labels: labels.nullish() }),
  id: object({ id: uuids.nullish() }),
  text: object({ query: z.string().nullish() }),
  order: z.enum(["ASC", "DESC"]).nullish(),
});

const MAX_TEXT = 200;

/** Throws AppError `invalid_input` naming the field. */
export function parseEventFilter(value: unknown): EventFilter {
  if (value === undefined) return {};
  const filter = withoutNulls(parseFilter(eventFilterSchema, value, "EventFilter")) as EventFilter;
  if (filter.text && filter.text.query === undefined) throw new AppError("invalid_input", "filter.text needs query");
  if ((filter.text?.query.length ?? 0) > MAX_TEXT) {
    throw new AppError("invalid_input", `filter.text.query is longer than ${MAX_TEXT} characters`);
  }
  return filter;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isJsonObject(value)) return value;
  const given = Object.entries(value).filter(([, member]) => member !== null && member !== undefined);
  return Object.fromEntries(given.map(([name, member]) => [name, withoutNulls(member)]));
}

/** The filter with one more condition on event names. Throws AppError `invalid_input` when no name can meet both. */
export function withEventPrefix(filter: EventFilter, prefix: string): EventFilter {
  const given = filter.event?.prefix ?? [];
  if (given.length === 0) return { ...filter, event: { ...filter.event, prefix: [prefix] } };
  const both = given.flatMap((other) =>
    other.startsWith(prefix) ? [other] : prefix.startsWith(other) ? [prefix] : [],
  );
  if (both.length > 0) return { ...filter, event: { ...filter.event, prefix: both } };
  throw new AppError(
    "invalid_input",
    sentence`no event name begins with event_type_prefix ${quote(prefix)} and with filter.event.prefix`,
    {
      hint: "Give one of the two.",
    },
  );
}

/** The filter with one more condition that a resource of the event, primary or related, has to meet. */
export function withResource(filter: EventFilter, resource: AnyResourceFilter): EventFilter {
  const given = filter.any_resource;
  const all = given === undefined ? [] : isList(given) ? given : [given];
  return { ...filter, any_resource: all.length === 0 ? resource : [...all, resource] };
}

function isList(value: AnyResourceFilter | readonly AnyResourceFilter[]): value is readonly AnyResourceFilter[] {
  return Array.isArray(value);
}

/** Resources whose ids end with a UUID: recorded kinds and others. */
const RESOURCES_WITH_UUID: ReadonlySet<string> = new Set([
  ...ALL_KINDS.filter((kind) => KINDS[kind].isResourceOfId).map((kind) => KINDS[kind].resource),
  ...["prefect.variable", "prefect.block-document", "prefect.artifact", "prefect.event"],
]);

/** The argument `resource`: a whole resource id, a prefix (ending in `*` or `.`), a UUID of any kind, or a name. */
export function resourceCondition(text: string): AnyResourceFilter {
  if (text.endsWith("*")) return { id_prefix: [text.slice(0, -1)] };
  if (text.endsWith(".")) return { id_prefix: [text] };
  if (isUuid(text)) return { id: [...RESOURCES_WITH_UUID].map((resource) => `${resource}.${text.toLowerCase()}`) };
  if (/^[a-z][a-z0-9+-]*(\.|:\/\/)\S+$/i.test(text)) return { id: [text] };
  return { labels: { "prefect.resource.name": text.replace(/[*?]/g, "?") } };
}
