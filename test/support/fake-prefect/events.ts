/**
 * POST /events/filter, its pages and /events/count-by as a 3.8.8 server on SQLite answers them. Independent of the product's own
 * filter, so that tests can compare the two.
 */
import { DAY_US, formatIsoUs, parseIsoUs } from "../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import { asDict, asList, type Dict, detail, extraForbidden, invalid, isDict, type Problem } from "./problems.ts";
import { matchesText } from "./text.ts";
import type { FakeEvents, StoredEvent } from "./workspace.ts";

export interface EventRules {
  readonly nowUs: number;
  readonly textSearch: boolean;
  /** As before 3.4.25: text filters and lists of resource filters are refused. */
  readonly isOlder?: boolean;
  /** As before 3.2: labels whose names have a dot match nothing. */
  readonly losesLabels?: boolean;
}

const KEYS: Record<string, readonly string[]> = {
  "": ["occurred", "event", "resource", "related", "any_resource", "id", "text", "order"],
  occurred: ["since", "until"],
  event: ["prefix", "exclude_prefix", "name", "exclude_name"],
  resource: ["id", "id_prefix", "labels", "distinct"],
  related: ["id", "role", "resources_in_roles", "labels"],
  any_resource: ["id", "id_prefix", "labels"],
  id: ["id"],
  text: ["query"],
};
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

/** The problems of a filter; empty when the server accepts it. */
export function filterProblems(
  filter: unknown,
  loc: readonly (string | number)[] = ["body", "filter"],
  isOlder = false,
): Problem[] {
  if (filter === null || filter === undefined) return [];
  if (!isDict(filter)) return [notAnObject(loc, filter)];
  const problems: Problem[] = unknownKeys(filter, "", loc);
  for (const [key, value] of Object.entries(filter)) {
    const here = [...loc, key];
    if (key === "order") {
      if (value !== "ASC" && value !== "DESC") {
        problems.push({ type: "enum", loc: here, msg: "Input should be 'ASC' or 'DESC'", input: value });
      }
      continue;
    }
    if (!(key in KEYS)) continue;
    if (isOlder && key === "text") problems.push(extraForbidden(here, value));
    if (isOlder && Array.isArray(value)) problems.push(notAnObject(here, value));
    if (value === null && key !== "occurred" && key !== "id") continue;
    const parts = Array.isArray(value) && (key === "related" || key === "any_resource") ? value : [value];
    for (const part of parts) {
      if (!isDict(part)) problems.push(notAnObject(here, part));
      else problems.push(...unknownKeys(part, key, here), ...valueProblems(key, part, here));
    }
  }
  return problems;
}

function valueProblems(key: string, part: Dict, loc: readonly (string | number)[]): Problem[] {
  const problems: Problem[] = [];
  if (key === "occurred") {
    for (const name of ["since", "until"]) {
      const value = part[name];
      if (typeof value !== "string" || parseIsoUs(value) === undefined) {
        if (value === undefined) continue;
        problems.push({
          type: "datetime_parsing",
          loc: [...loc, name],
          msg: "Input should be a valid datetime",
          input: value,
        });
      }
    }
  }
  if (key === "id") {
    asList(part.id).forEach((id, index) => {
      if (UUID.test(String(id))) return;
      problems.push({
        type: "uuid_parsing",
        loc: [...loc, "id", index],
        msg: "Input should be a valid UUID",
        input: id,
      });
    });
  }
  if (key === "text" && String(part.query ?? "").length > 200) {
    const msg = "String should have at most 200 characters";
    problems.push({
      type: "string_too_long",
      loc: [...loc, "query"],
      msg,
      input: part.query,
      ctx: { max_length: 200 },
    });
  }
  return problems;
}

function unknownKeys(value: Dict, of: string, loc: readonly (string | number)[]): Problem[] {
  return Object.keys(value)
    .filter((key) => !KEYS[of]?.includes(key))
    .map((key) => extraForbidden([...loc, key], value[key]));
}

function notAnObject(loc: readonly (string | number)[], input: unknown): Problem {
  const msg = "Input should be a valid dictionary or object to extract fields from";
  return { type: "model_attributes_type", loc, msg, input };
}

/** The filter with its defaults, as page tokens contain it. */
export function materialise(filter: unknown, nowUs: number): Dict {
  const given = asDict(filter);
  const occurred = asDict(given.occurred);
  const midnightUs = nowUs - (nowUs % DAY_US);
  return {
    event: null,
    resource: null,
    related: null,
    any_resource: null,
    text: null,
    ...given,
    occurred: {
      since: occurred.since ?? formatIsoUs(midnightUs - 180 * DAY_US),
      until: occurred.until ?? formatIsoUs(nowUs),
    },
    id: given.id ?? { id: null },
    order: given.order ?? "DESC",
  };
}

/** The rows of a materialised filter in the server's order. */
export function selectEvents(events: FakeEvents, filter: Dict, rules: EventRules): readonly StoredEvent[] {
  const occurred = asDict(filter.occurred);
  const rows = events.between(us(occurred.since), us(occurred.until));
  const matching = isPlain(filter) ? [...rows] : rows.filter((row) => matches(row.event, filter, rules));
  const byId = filter.any_resource !== null || asDict(filter.event).name !== undefined;
  if (byId) {
    matching.sort((a, b) => a.occurredUs - b.occurredUs || (a.event.id < b.event.id ? -1 : 1));
  }
  if (filter.order === "DESC") matching.reverse();
  return asDict(filter.resource).distinct === true ? distinct(matching) : matching;
}

function us(iso: unknown): number {
  return parseIsoUs(String(iso)) ?? 0;
}

function isPlain(filter: Dict): boolean {
  const noIds = asDict(filter.id).id === null || asDict(filter.id).id === undefined;
  return noIds && !filter.event && !filter.resource && !filter.related && !filter.any_resource && !filter.text;
}

function distinct(rows: readonly StoredEvent[]): StoredEvent[] {
  const seen = new Set<unknown>();
  return rows.filter(({ event }) => {
    const id = event.resource["prefect.resource.id"];
    return seen.has(id) ? false : seen.add(id);
  });
}

/** Whether an event matches all of the filter except `occurred`, as SQLite compares (LIKE ignores case; `_` and `%` in prefixes). */
export function matches(event: PrefectEvent, filter: Dict, rules: EventRules): boolean {
  const { prefix, exclude_prefix, name, exclude_name } = asDict(filter.event);
  const like = (prefixes: unknown) => asList(prefixes).some((p) => sqlPrefix(String(p)).test(event.event));
  if (asList(prefix).length > 0 && !like(prefix)) return false;
  if (like(exclude_prefix)) return false;
  const filters = [asDict(filter.resource), ...parts(filter.related), ...parts(filter.any_resource)];
  const labels = filters.flatMap((part) => Object.keys(asDict(part.labels)));
  if (rules.losesLabels && labels.some((label) => label.includes(".") && label !== "prefect.resource.id")) return false;
  if (asList(name).length > 0 && !asList(name).includes(event.event)) return false;
  if (asList(exclude_name).includes(event.event)) return false;
  const ids = asList(asDict(filter.id).id);
  if (ids.length > 0 && !ids.some((id) => String(id).toLowerCase() === event.id)) return false;
  if (filter.resource && !resourceMatches(event.resource, asDict(filter.resource))) return false;
  for (const part of parts(filter.related)) if (!event.related.some((r) => relatedMatches(r, part))) return false;
  const all = [event.resource, ...event.related];
  for (const part of parts(filter.any_resource)) if (!all.some((r) => resourceMatches(r, part))) return false;
  const query = asDict(filter.text).query;
  if (typeof query === "string" && query.trim() !== "") {
    if (!rules.textSearch) throw internalError();
    const { event: text, resource, related, payload } = event;
    return matchesText(
      [text, JSON.stringify(resource), JSON.stringify(related), JSON.stringify(payload)].join(" "),
      query,
    );
  }
  return true;
}

function internalError(): Error {
  return new Error("no such function: concat");
}

function parts(value: unknown): readonly Dict[] {
  if (value === null || value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map(asDict);
}

type Labels = Readonly<Record<string, string>>;

function resourceMatches(resource: Labels, wanted: Dict): boolean {
  const id = resource["prefect.resource.id"] ?? "";
  const { id: exact, id_prefix, labels } = wanted;
  if (asList(exact).length > 0 && !asList(exact).includes(id)) return false;
  const prefixes = asList(id_prefix);
  if (prefixes.length > 0 && !prefixes.some((p) => sqlPrefix(String(p)).test(id))) return false;
  return labelsMatch(resource, labels);
}

function relatedMatches(resource: Labels, wanted: Dict): boolean {
  const id = resource["prefect.resource.id"] ?? "";
  const role = resource["prefect.resource.role"] ?? "";
  const { id: ids, role: roles, resources_in_roles, labels } = wanted;
  if (asList(ids).length > 0 && !asList(ids).includes(id)) return false;
  if (asList(roles).length > 0 && !asList(roles).includes(role)) return false;
  const pairs = asList(resources_in_roles).map(asList);
  if (pairs.length > 0 && !pairs.some(([i, r]) => i === id && r === role)) return false;
  return labelsMatch(resource, labels);
}

/** OR inside a list, AND across labels; `*` and `?` are globs, `!` negates, a missing label never matches. */
export function labelsMatch(resource: Labels, labels: unknown, flags = "is"): boolean {
  return Object.entries(asDict(labels)).every(([label, wanted]) => {
    const value = resource[label];
    if (value === undefined) return false;
    return (Array.isArray(wanted) ? wanted : [wanted]).some((raw) => {
      const text = String(raw);
      if (label === "prefect.resource.role") return text === value;
      const negated = text.startsWith("!");
      return glob(negated ? text.slice(1) : text, flags).test(value) !== negated;
    });
  });
}

function glob(pattern: string, flags: string): RegExp {
  return new RegExp(`^${escapePattern(pattern).replaceAll("\\*", ".*").replaceAll("\\?", ".")}$`, flags);
}

function sqlPrefix(prefix: string): RegExp {
  return new RegExp(`^${escapePattern(prefix).replaceAll("%", ".*").replaceAll("_", ".")}`, "is");
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

interface PageToken {
  readonly filter: Dict;
  readonly count: number;
  readonly page_size: number;
  readonly offset: number;
}

export interface FakePage {
  readonly events: readonly PrefectEvent[];
  readonly total: number;
  readonly token: string | null;
  readonly offset: number;
}

export function firstPage(events: FakeEvents, body: Dict, rules: EventRules): FakePage {
  const limit = typeof body.limit === "number" ? body.limit : 50;
  const problems: Problem[] = filterProblems(body.filter, undefined, rules.isOlder);
  if (limit > 50) {
    problems.push({
      type: "less_than_equal",
      loc: ["body", "limit"],
      msg: "Input should be less than or equal to 50",
      input: limit,
      ctx: { le: 50 },
    });
  }
  if (limit < 0) {
    problems.push({
      type: "greater_than_equal",
      loc: ["body", "limit"],
      msg: "Input should be greater than or equal to 0",
      input: limit,
      ctx: { ge: 0 },
    });
  }
  if (problems.length > 0) throw invalid(problems, body);
  const filter = materialise(body.filter, rules.nowUs);
  const rows = selectEvents(events, filter, rules);
  return page(rows, { filter, count: rows.length, page_size: limit, offset: 0 });
}

/** Throws a 403 for a text that is no token, an Error (500) for a token with other content. */
export function nextPage(events: FakeEvents, token: string, rules: EventRules): FakePage {
  let text: string;
  try {
    text = atob(atob(token));
  } catch {
    throw detail(403, "Forbidden");
  }
  if (!text.startsWith("{")) throw detail(403, "Forbidden");
  const state = JSON.parse(text) as PageToken;
  if (!isDict(state.filter)) throw new Error("page token with wrong content");
  return page(selectEvents(events, state.filter, rules), state);
}

function page(rows: readonly StoredEvent[], state: PageToken): FakePage {
  const { count, page_size, offset } = state;
  const token =
    offset + page_size >= count ? null : btoa(btoa(JSON.stringify({ ...state, offset: offset + page_size })));
  return { events: rows.slice(offset, offset + page_size).map((row) => row.event), total: count, token, offset };
}
