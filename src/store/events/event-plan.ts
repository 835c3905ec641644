import {
  type AnyResourceFilter,
  asList,
  type EventFilter,
  type RelatedFilter,
} from "../../model/events/event-filter.ts";
import type { RecordDb } from "../database.ts";
import { findMatchingNames, findResourceNumber } from "./dictionaries.ts";
import type { EventRow } from "./event-rows.ts";
import { type Branch, countBranches } from "./event-streams.ts";
import { findResourceNumbers, resourcePrefixTest } from "./resource-prefix.ts";

/** How a filter is evaluated: through an index, by tests of narrow rows, and what remains for the whole event. */
export interface EventPlan {
  /** Index ranges that together contain all matches. null: no index helps. Empty: nothing can match. */
  readonly branches: readonly Branch[] | null;
  readonly accept: (row: EventRow) => boolean;
  /** Parts of the filter that neither `branches` nor `accept` test. */
  readonly unanswered: EventFilter;
}

/** With more branches than this a scan of the time key is cheaper. */
const MAX_BRANCHES = 4_000;
/** Counting the rows of a branch stops here: longer branches count as equally long. */
const COUNT_CAP = 1_000;
/** A part with at most this many rows is taken without counting the others. */
const FEW = 100;
/** Postings are filtered by at most this many event names. */
const MAX_NAMES = 500;
/** Rows are tested for a related resource by looking up their postings for at most this many ids. */
const MAX_PROBES = 8;

type Test = (row: EventRow) => boolean;

/**
 * One condition of the filter: branches that find its rows (null: none), a test for rows found otherwise (null: it
 * needs the whole event), and whether branches and test cover the condition completely.
 */
interface Part {
  readonly branches: readonly Branch[] | null;
  readonly test: Test | null;
  readonly isWhole: boolean;
}

const UNNARROWED: Part = { branches: null, test: null, isWhole: false };

/**
 * Plans a search over the keys `lo` to `hi`. Without `mayScan` the rows come from a list of ids or from blocks, so no
 * branches are chosen, and `accept` and `unanswered` test the whole filter.
 */
export function planEvents(db: RecordDb, filter: EventFilter, lo: number, hi: number, mayScan: boolean): EventPlan {
  const names = findMatchingNames(db, filter.event);
  const related = asList(filter.related).map((one) => ({ one, part: relatedPart(db, one, names) }));
  const any = asList(filter.any_resource).map((one) => ({ one, part: anyPart(db, one, names) }));
  const { id, id_prefix: prefixes, labels } = filter.resource ?? {};
  const parts: Part[] = [...related, ...any].map(({ part }) => part);
  if (id?.length) parts.push(primaryPart(numbersOf(db, id)));
  if (prefixes?.length) parts.push(primaryPrefixPart(db, prefixes));
  if (names) parts.push(namePart(names));

  const driver = mayScan ? chooseDriver(db, parts, lo, hi) : null;
  const tests = parts.flatMap((part) => (part === driver || !part.test ? [] : [part.test]));
  const isLeft = ({ part }: { part: Part }) => !part.isWhole || (part !== driver && !part.test);
  const unanswered: EventFilter = {
    ...(labels ? { resource: { labels } } : {}),
    related: related.filter(isLeft).map(({ one }) => one),
    any_resource: any.filter(isLeft).map(({ one }) => one),
    ...(filter.text ? { text: filter.text } : {}),
  };
  return { branches: driver?.branches ?? null, accept: (row) => tests.every((test) => test(row)), unanswered };
}

function namePart(names: ReadonlySet<number>): Part {
  const branches: Branch[] = [...names].map((nameId) => ({ by: "name", nameId }));
  return { branches, test: (row) => names.has(row.name_id), isWhole: true };
}

function primaryPart(resIds: readonly number[]): Part {
  const set = new Set(resIds);
  const branches: Branch[] = resIds.map((resId) => ({ by: "primary", resId }));
  return { branches, test: (row) => set.has(row.res_id), isWhole: true };
}

function primaryPrefixPart(db: RecordDb, prefixes: readonly string[]): Part {
  const numbers = findResourceNumbers(db, prefixes);
  return numbers ? primaryPart(numbers) : { branches: null, test: resourcePrefixTest(db, prefixes), isWhole: true };
}

function relatedPart(db: RecordDb, filter: RelatedFilter, names: ReadonlySet<number> | null): Part {
  const { id, role, resources_in_roles: pairs, labels } = filter;
  const ids = id?.length ? id : pairs?.map(([one]) => one);
  // The role "" means the primary resource, which has no postings.
  if (!ids?.length || role?.includes("")) return UNNARROWED;
  const resIds = numbersOf(db, ids);
  const isWhole = Boolean(id?.length) && !role?.length && !pairs?.length && Object.keys(labels ?? {}).length === 0;
  return { branches: postings(resIds, names), test: postingTest(db, resIds), isWhole };
}

function anyPart(db: RecordDb, filter: AnyResourceFilter, names: ReadonlySet<number> | null): Part {
  const { id, id_prefix: prefixes, labels } = filter;
  const resIds = id?.length ? numbersOf(db, id) : prefixes?.length ? findResourceNumbers(db, prefixes) : null;
  if (!resIds) return UNNARROWED;
  const isWhole = Object.keys(labels ?? {}).length === 0 && !(id?.length && prefixes?.length);
  const set = new Set(resIds);
  const isRelated = postingTest(db, resIds);
  const primary: Branch[] = resIds.map((resId) => ({ by: "primary", resId }));
  return {
    branches: [...primary, ...postings(resIds, names)],
    test: isRelated && ((row) => set.has(row.res_id) || isRelated(row)),
    isWhole,
  };
}

function numbersOf(db: RecordDb, ids: readonly string[]): number[] {
  return [...new Set(ids)].flatMap((id) => findResourceNumber(db, id) ?? []);
}

function postings(resIds: readonly number[], names: ReadonlySet<number> | null): Branch[] {
  const wanted = names && names.size <= MAX_NAMES ? JSON.stringify([...names]) : null;
  return resIds.map((resId) => ({ by: "related", resId, names: wanted }));
}

/** A test of the postings of a row; null for many resources, where reading the event is cheaper. */
function postingTest(db: RecordDb, resIds: readonly number[]): Test | null {
  if (resIds.length > MAX_PROBES) return null;
  const find = db.prepare<{ t: number }, [number, number]>("SELECT t FROM related WHERE res_id = ? AND t = ?");
  return (row) => resIds.some((resId) => find.get(resId, row.t) !== null);
}

/** The part with the fewest rows, counted only if there is a choice. Parts with postings come first, so they win ties. */
function chooseDriver(db: RecordDb, parts: readonly Part[], lo: number, hi: number): Part | null {
  const able = parts.filter((part) => part.branches !== null && part.branches.length <= MAX_BRANCHES);
  const empty = able.find((part) => part.branches?.length === 0);
  if (empty || able.length < 2) return empty ?? able[0] ?? null;
  let best: Part | null = null;
  let fewest = Number.POSITIVE_INFINITY;
  for (const part of able) {
    const count = countBranches(db, part.branches ?? [], lo, hi, COUNT_CAP);
    if (count < fewest) [best, fewest] = [part, count];
    if (count <= FEW) break;
  }
  return best;
}
