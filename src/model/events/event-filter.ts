/**
 * Prefect's EventFilter, as sent to `POST /events/filter`, and its meaning over REST, where the server translates it to SQL.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/filters.py
 */

import { append } from "../../lib/lists.ts";
import { formatIsoUs } from "../../lib/time.ts";
import { StepBudget } from "../../lib/wildcards.ts";
import type { TimeRange } from "../freshness.ts";
import { lowerAscii, sqlLike, sqlLikePrefix } from "../text/sql-like.ts";
import { type PrefectEvent, RESOURCE_ID, RESOURCE_ROLE } from "./event.ts";
import { compileTextQuery, isBlankQuery } from "./text-query.ts";

export type LabelSpec = Readonly<Record<string, string | readonly string[]>>;

export interface RelatedFilter {
  readonly id?: readonly string[];
  readonly role?: readonly string[];
  readonly resources_in_roles?: readonly (readonly [string, string])[];
  readonly labels?: LabelSpec;
}

export interface AnyResourceFilter {
  readonly id?: readonly string[];
  readonly id_prefix?: readonly string[];
  readonly labels?: LabelSpec;
}

export interface EventFilter {
  readonly occurred?: { readonly since?: string; readonly until?: string };
  readonly event?: {
    readonly prefix?: readonly string[];
    readonly exclude_prefix?: readonly string[];
    readonly name?: readonly string[];
    readonly exclude_name?: readonly string[];
  };
  readonly resource?: {
    readonly id?: readonly string[];
    readonly id_prefix?: readonly string[];
    readonly labels?: LabelSpec;
    readonly distinct?: boolean;
  };
  readonly related?: RelatedFilter | readonly RelatedFilter[];
  readonly any_resource?: AnyResourceFilter | readonly AnyResourceFilter[];
  readonly id?: { readonly id?: readonly string[] };
  readonly text?: { readonly query: string };
  readonly order?: "ASC" | "DESC";
}

/** The condition that `occurred` lies in this closed range. */
export function occurredWithin(range: TimeRange): { since: string; until: string } {
  return { since: formatIsoUs(range.fromUs), until: formatIsoUs(range.toUs) };
}

export type EventPredicate = (event: PrefectEvent) => boolean;

/**
 * Whether the event matches, by the rules of REST, without `occurred`, `order` and `resource.distinct`, which concern windows and
 * lists. As in the server's SQL, prefixes and label globs ignore the case of ASCII letters, and `_` and `%` in a prefix are wildcards
 * (the websocket has other rules). Text also matches words that are not ASCII, as on PostgreSQL.
 */
export function matchesEventFilter(filter: EventFilter, event: PrefectEvent): boolean {
  return compileEventFilter(filter)(event);
}

/** The same as a function for many events, with patterns compiled once. */
export function compileEventFilter(filter: EventFilter): EventPredicate {
  const parts: EventPredicate[] = [];
  const budget = new StepBudget();
  const { event: names, resource, id, text } = filter;
  if (restrictsNames(names)) {
    const matchesName = compileNameFilter(names, budget);
    parts.push((event) => matchesName(event.event));
  }
  if (resource) parts.push(compilePrimary(resource, budget));
  for (const related of asList(filter.related)) parts.push(compileRelated(related, budget));
  for (const any of asList(filter.any_resource)) parts.push(compileAny(any, budget));
  if (id?.id?.length) {
    const ids = new Set(id.id.map((one) => one.toLowerCase()));
    parts.push((event) => ids.has(event.id.toLowerCase()));
  }
  if (text && !isBlankQuery(text.query)) parts.push(compileTextQuery(text.query));
  return (event) => parts.every((part) => part(event));
}

/** Whether the part restricts anything: absent and empty lists do not. */
export function restrictsNames(names: EventFilter["event"]): names is NonNullable<EventFilter["event"]> {
  return [names?.prefix, names?.exclude_prefix, names?.name, names?.exclude_name].some((list) => list?.length);
}

export function compileNameFilter(
  names: NonNullable<EventFilter["event"]>,
  budget = new StepBudget(),
): (name: string) => boolean {
  const prefixes = (names.prefix ?? []).map((prefix) => sqlLikePrefix(prefix, budget));
  const excluded = (names.exclude_prefix ?? []).map((prefix) => sqlLikePrefix(prefix, budget));
  const exact = names.name?.length ? new Set(names.name) : null;
  const excludedNames = new Set(names.exclude_name ?? []);
  return (name) =>
    (prefixes.length === 0 || prefixes.some((matches) => matches(name))) &&
    !excluded.some((matches) => matches(name)) &&
    (exact === null || exact.has(name)) &&
    !excludedNames.has(name);
}

/** A filter that may be given as one object or as a list of them, all of which must match; empty when absent. */
export function asList<T extends object>(filters: T | readonly T[] | null | undefined): readonly T[] {
  if (!filters) return [];
  return Array.isArray(filters) ? (filters as readonly T[]) : [filters as T];
}

/** A resource as the server stores it: id and role separate from the labels. The primary resource has the role "". */
interface ResourceRow {
  readonly id: string;
  readonly role: string;
  readonly labels: Readonly<Record<string, string>>;
}

type RowPredicate = (row: ResourceRow) => boolean;

const primaryRow = (event: PrefectEvent): ResourceRow => toRow(event.resource, "");
const relatedRows = (event: PrefectEvent): ResourceRow[] =>
  event.related.map((one) => toRow(one, one[RESOURCE_ROLE] ?? ""));

function toRow(labels: Readonly<Record<string, string>>, role: string): ResourceRow {
  return { id: labels[RESOURCE_ID] ?? "", role, labels };
}

function compilePrimary(filter: NonNullable<EventFilter["resource"]>, budget: StepBudget): EventPredicate {
  const parts = [...idParts(filter.id, filter.id_prefix, budget)];
  if (filter.labels) append(parts, labelParts(filter.labels, null, budget));
  return (event) => parts.length === 0 || parts.every((part) => part(primaryRow(event)));
}

function compileAny(filter: AnyResourceFilter, budget: StepBudget): EventPredicate {
  const parts = [...idParts(filter.id, filter.id_prefix, budget)];
  if (filter.labels) append(parts, labelParts(filter.labels, hasRole, budget));
  if (parts.length === 0) return () => true;
  const matches: RowPredicate = (row) => parts.every((part) => part(row));
  return (event) => matches(primaryRow(event)) || relatedRows(event).some(matches);
}

function compileRelated(filter: RelatedFilter, budget: StepBudget): EventPredicate {
  const parts = [...idParts(filter.id, undefined, budget)];
  const { role, resources_in_roles: pairs, labels } = filter;
  if (role?.length) parts.push(hasRole(role));
  if (pairs?.length) parts.push((row) => pairs.some(([id, inRole]) => row.id === id && row.role === inRole));
  const restrictsLabels = labels !== undefined && labels !== null && Object.keys(labels).length > 0;
  if (restrictsLabels) append(parts, labelParts(labels, hasRole, budget));
  if (parts.length === 0 && !restrictsLabels) return () => true;
  if (!role?.length) parts.push((row) => row.role !== "");
  const matches: RowPredicate = (row) => parts.every((part) => part(row));
  return (event) => relatedRows(event).some(matches) || matches(primaryRow(event));
}

const hasRole =
  (roles: readonly string[]): RowPredicate =>
  (row) =>
    roles.includes(row.role);

function idParts(
  ids: readonly string[] | undefined,
  prefixes: readonly string[] | undefined,
  budget: StepBudget,
): RowPredicate[] {
  const parts: RowPredicate[] = [];
  if (ids?.length) {
    const set = new Set(ids);
    parts.push((row) => set.has(row.id));
  }
  if (prefixes?.length) {
    const matchers = prefixes.map((prefix) => sqlLikePrefix(prefix, budget));
    parts.push((row) => matchers.some((matches) => matches(row.id)));
  }
  return parts;
}

/**
 * An empty list matches nothing, except for id and role, for which it is no restriction on the server. `roleIs` is null for the
 * primary resource: its stored labels contain no role, so a condition on the role never matches.
 */
function labelParts(
  labels: LabelSpec,
  roleIs: ((roles: readonly string[]) => RowPredicate) | null,
  budget: StepBudget,
): RowPredicate[] {
  return Object.entries(labels).flatMap(([label, value]): RowPredicate[] => {
    const values = typeof value === "string" ? [value] : value;
    if (label === RESOURCE_ROLE && !roleIs) return [() => false];
    const isOwnColumn = label === RESOURCE_ID || label === RESOURCE_ROLE;
    if (isOwnColumn && (value === "" || values.length === 0)) return [];
    if (label === RESOURCE_ROLE && roleIs) return [roleIs(values)];
    const globs = values.map((glob) => compileGlob(glob, budget));
    if (label === RESOURCE_ID) return [(row) => globs.some((matches) => matches(row.id))];
    return [
      (row) => {
        const own = row.labels[label];
        return own !== undefined && globs.some((matches) => matches(own));
      },
    ];
  });
}

/** `*` matches any characters, `?` one, a leading `!` negates; all others are literal. */
function compileGlob(glob: string, budget: StepBudget): (value: string) => boolean {
  const isNegated = glob.startsWith("!");
  const pattern = isNegated ? glob.slice(1) : glob;
  if (!/[*?]/.test(pattern)) {
    const plain = lowerAscii(pattern);
    return (value) => (lowerAscii(value) === plain) !== isNegated;
  }
  const matches = sqlLike(pattern, { any: "*", one: "?" }, budget);
  return (value) => matches(value) !== isNegated;
}
