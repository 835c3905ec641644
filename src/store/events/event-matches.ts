import type { ServerUs } from "../../lib/time.ts";
import { isUuid, uuidToBytes } from "../../lib/uuid.ts";
import { compileEventFilter, type EventFilter } from "../../model/events/event-filter.ts";
import { parseTextQuery } from "../../model/events/text-query.ts";
import type { RecordDb } from "../database.ts";
import { BLOCK_SIZE } from "./blocks.ts";
import { type BlockSearch, blockStream, findBlocksByWords } from "./event-blocks.ts";
import { type EventPlan, planEvents } from "./event-plan.ts";
import {
  type EventCursor,
  type EventRow,
  inExactOrder,
  keyRange,
  NARROW_COLUMNS,
  type Order,
  type OrderedRange,
  type RowStream,
} from "./event-rows.ts";
import { type Branch, branchStream, countBranches, scanStream } from "./event-streams.ts";
import { largestShift } from "./event-times.ts";
import { labelWordQuery } from "./label-blocks.ts";

/** A closed range of `occurred` in microseconds, its order, and the position to continue after. */
export interface RowQuery {
  readonly fromUs: ServerUs;
  readonly toUs: ServerUs;
  readonly order: Order;
  readonly after?: EventCursor;
}

export interface MatchingRows {
  /** In exact order (`occurred`, then id). */
  readonly rows: Iterable<EventRow>;
  /** The part of the filter that must be tested on the whole event, or null. Rows with `event` have passed it already. */
  readonly unanswered: EventFilter | null;
}

/** Rows that can match, found through the best index. `want`: number of rows that the caller will probably take. */
export function matchingRows(db: RecordDb, query: RowQuery, filter: EventFilter, want: number): MatchingRows {
  const range: OrderedRange = { ...query, after: query.after, shift: largestShift(db) };
  const { stream, plan } = chooseAccessPath(db, filter, range);
  return { rows: accepted(inExactOrder(stream, range, want), plan), unanswered: restOf(plan) };
}

function* accepted(rows: Iterable<EventRow>, plan: EventPlan): Generator<EventRow> {
  for (const row of rows) if (plan.accept(row)) yield row;
}

function restOf({ unanswered }: EventPlan): EventFilter | null {
  return Object.values(unanswered).every((part) => Array.isArray(part) && part.length === 0) ? null : unanswered;
}

interface AccessPath {
  readonly stream: RowStream;
  readonly plan: EventPlan;
}

/** Rows by their ids, else through an index; if whole events must be tested, from blocks where that reads fewer events. */
function chooseAccessPath(db: RecordDb, filter: EventFilter, range: OrderedRange): AccessPath {
  const { lo, hi } = keyRange(range);
  const ids = filter.id?.id;
  if (ids?.length) return { stream: idStream(db, ids, range), plan: planEvents(db, filter, lo, hi, false) };
  const plan = planEvents(db, filter, lo, hi, true);
  const rest = restOf(plan);
  const { branches } = plan;
  if (branches && !(rest && areBlocksFewer(db, rest, branches, lo, hi))) {
    return { stream: branchStream(db, branches, range.order, lo, hi), plan };
  }
  if (!rest) return { stream: scanStream(db, range.order, lo, hi), plan };
  const whole = planEvents(db, filter, lo, hi, false);
  const left = restOf(whole) ?? {};
  const blocksWorthReading = () => blocksWithLabels(db, left);
  const search: BlockSearch = { blocksWorthReading, mayMatch: quickTextTest(left), matches: compileEventFilter(left) };
  return { stream: blockStream(db, search, range.order, lo, hi), plan: whole };
}

function areBlocksFewer(db: RecordDb, rest: EventFilter, branches: readonly Branch[], lo: number, hi: number): boolean {
  if (countBranches(db, branches, lo, hi, FEW_EVENTS) < FEW_EVENTS) return false;
  const blocks = blocksWithLabels(db, rest);
  if (blocks === null || blocks.size > MAX_BLOCKS) return false;
  const events = blocks.size * BLOCK_SIZE;
  return countBranches(db, branches, lo, hi, events + 1) > events;
}

/** So few events are read one by one without a comparison with the blocks. */
const FEW_EVENTS = 200;
/** With more blocks than this the index is used without a comparison. */
const MAX_BLOCKS = 1_000;

function blocksWithLabels(db: RecordDb, rest: EventFilter): ReadonlySet<number> | null {
  const words = labelWordQuery(rest);
  return words === null ? null : findBlocksByWords(db, words);
}

/** A test of the stored JSON that every matching event passes: it must contain the plain words of the text query. */
function quickTextTest(rest: EventFilter): (json: string) => boolean {
  const query = parseTextQuery(rest.text?.query ?? "");
  const isPlain = (term: string) => /^[\w.-]+$/.test(term);
  const required = query.required.filter(isPlain).map((term) => term.toLowerCase());
  const include = query.include.every(isPlain) ? query.include.map((term) => term.toLowerCase()) : [];
  if (required.length === 0 && include.length === 0) return () => true;
  return (json) => {
    const lower = json.toLowerCase();
    return (
      required.every((term) => lower.includes(term)) &&
      (include.length === 0 || include.some((term) => lower.includes(term)))
    );
  };
}

function idStream(db: RecordDb, ids: readonly string[], range: OrderedRange): RowStream {
  const find = db.prepare<EventRow, [Uint8Array]>(`SELECT t, ${NARROW_COLUMNS} FROM event WHERE id = ?`);
  return {
    next() {
      const wanted = new Set(ids.map((id) => id.toLowerCase()).filter(isUuid));
      const rows = [...wanted].flatMap((id) => find.get(uuidToBytes(id)) ?? []);
      return { rows: rows.sort((a, b) => (range.order === "desc" ? b.t - a.t : a.t - b.t)), frontier: null };
    },
  };
}
