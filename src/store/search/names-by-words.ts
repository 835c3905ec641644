/** Runs by the words of their names, objects by those of their names and of some of their fields. */

import { AppError } from "../../errors.ts";
import { counted, sentence } from "../../lib/shown-text.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { factsOf, KINDS, nameOf, SNAPSHOT_KINDS, searchedTexts } from "../../model/kinds.ts";
import { fullName } from "../../model/objects/full-name.ts";
import type { SnapshotKind } from "../../model/objects.ts";
import { matchesSearch, type SearchTerms, searchWords, shownParts } from "../../model/text/search-terms.ts";
import { wordsOfAll } from "../../model/text/words.ts";
import type { RecordDb } from "../database.ts";
import { queryOfTerms } from "../events/word-index.ts";
import { idText } from "../runs/run-columns.ts";

export interface FoundRun {
  readonly type: "flow_run" | "task_run";
  readonly id: string;
  readonly name: string;
  readonly state: string | null;
  /** Start, else expected start, else time of the state; microseconds. */
  readonly beginUs: number;
}

interface Page {
  readonly offset: number;
  readonly limit: number;
}

/** The expression of the indexes `flow_run_newest` and `task_run_newest`. */
const BEGIN = "coalesce(start_us, expected_us, state_us, 0)";

type Table = "flow_run" | "task_run";
type RunRow = Omit<FoundRun, "id"> & { readonly id: Uint8Array };

/** With more different names than this the words are so frequent that enough runs are found by reading from the newest one on. */
const MAX_NAMES = 500;

/** Runs whose name has all the terms, newest first: those of the names that the word index finds, or all of them from the newest on. */
export function findRunsByWords(
  db: RecordDb,
  tables: readonly Table[],
  terms: SearchTerms,
  range: TimeRange | null,
  page: Page,
): FoundRun[] {
  const bounds = range ?? { fromUs: Number.MIN_SAFE_INTEGER, toUs: Number.MAX_SAFE_INTEGER };
  const names = namesWithWords(db, terms);
  const rows = tables.map((table) =>
    names ? runsOfNames(db, table, names, bounds) : newestRuns(db, table, terms, bounds),
  );
  return take(newestFirst(rows), terms, page).map((row) => ({ ...row, id: idText(row.id) }));
}

/** Names that can have the terms; null when there are too many of them, or no word narrows them. */
function namesWithWords(db: RecordDb, terms: SearchTerms): readonly string[] | null {
  const query = queryOfTerms(db, "run_name_word", terms);
  if (query === null) return null;
  // Names beyond ASCII have other words in the index (`model/text/words.ts`).
  const find = db.prepare<{ name: string }, [string, number]>(
    `SELECT name FROM run_name WHERE id IN (
       SELECT rowid FROM run_name_fts WHERE run_name_fts MATCH ?
       UNION SELECT id FROM run_name WHERE name GLOB '*[^ -~]*') LIMIT ?`,
  );
  const names = find.all(query.match, MAX_NAMES + 1).map(({ name }) => name);
  return names.length > MAX_NAMES ? null : names;
}

function runsOfNames(
  db: RecordDb,
  table: Table,
  names: readonly string[],
  { fromUs, toUs }: TimeRange,
): Iterable<RunRow> {
  return db
    .prepare<RunRow, [string, number, number]>(
      `SELECT '${table}' AS type, id, name, state_name AS state, ${BEGIN} AS beginUs FROM ${table} INDEXED BY ${table}_name
       WHERE name IN (SELECT value FROM json_each(?)) AND deleted_us IS NULL AND ${BEGIN} BETWEEN ? AND ?
       ORDER BY beginUs DESC, id`,
    )
    .iterate(JSON.stringify(names), fromUs, toUs);
}

function newestRuns(db: RecordDb, table: Table, terms: SearchTerms, { fromUs, toUs }: TimeRange): Iterable<RunRow> {
  const { where, words } = textCondition(terms, "name");
  return db
    .prepare<RunRow, (string | number)[]>(
      `SELECT '${table}' AS type, id, name, state_name AS state, ${BEGIN} AS beginUs FROM ${table} INDEXED BY ${table}_newest
       WHERE ${BEGIN} BETWEEN ? AND ? AND deleted_us IS NULL AND ${where} ORDER BY ${BEGIN} DESC, id`,
    )
    .iterate(fromUs, toUs, ...words);
}

/** Merges lists that are in this order, as far as they are read. */
function* newestFirst(lists: readonly Iterable<RunRow>[]): Generator<RunRow> {
  const open = lists.map((list) => list[Symbol.iterator]());
  const heads = open.map((one) => one.next().value as RunRow | undefined);
  try {
    for (;;) {
      const at = heads.reduce((best, row, index) => (isBefore(row, heads[best]) ? index : best), 0);
      const row = heads[at];
      if (row === undefined) return;
      yield row;
      heads[at] = open[at]?.next().value;
    }
  } finally {
    for (const one of open) one.return?.();
  }
}

function isBefore(row: RunRow | undefined, other: RunRow | undefined): boolean {
  if (row === undefined || other === undefined) return row !== undefined;
  return row.beginUs > other.beginUs || (row.beginUs === other.beginUs && Buffer.compare(row.id, other.id) < 0);
}

export interface FoundObject {
  readonly type: SnapshotKind;
  readonly id: string;
  readonly name: string;
  /** The other texts that were searched. */
  readonly texts: readonly string[];
}

interface ObjectText {
  readonly type: SnapshotKind;
  readonly id: string;
  readonly name: string;
  /** Of a deployment its flow's name, of a queue or worker its pool's; null where there is none, or it is not recorded. */
  readonly parent: string | null;
  /** Null for kinds that are found by their name alone. */
  readonly doc: string | null;
}

const WITH_FIELDS = JSON.stringify(SNAPSHOT_KINDS.filter((kind) => factsOf(kind).searchedFields.length > 0));
const PARENT_KINDS = JSON.stringify([...new Set(SNAPSHOT_KINDS.flatMap((kind) => KINDS[kind].parent?.kind ?? []))]);

/** Objects whose full name (`flow/deployment`, `pool/queue`) and searched fields have all the terms, by name. */
export function findObjectsByWords(
  db: RecordDb,
  kinds: readonly SnapshotKind[],
  terms: SearchTerms,
  page: Page,
): FoundObject[] {
  const { where, words } = textCondition(terms, "coalesce(parent || '/', '') || name || coalesce(doc, '')");
  const rows = db
    .prepare<ObjectText, string[]>(
      `SELECT type, id, name, parent, doc FROM (
         SELECT kind AS type, id, name, iif(kind IN (SELECT value FROM json_each(?)), doc, NULL) AS doc,
           (SELECT p.name FROM object p WHERE p.id = o.parent_id AND p.kind IN (SELECT value FROM json_each(?))) AS parent
         FROM object o WHERE deleted_us IS NULL AND kind IN (SELECT value FROM json_each(?))
       ) WHERE ${where} ORDER BY name, type, id`,
    )
    .iterate(WITH_FIELDS, PARENT_KINDS, JSON.stringify(kinds), ...words);
  return take(withTexts(rows), terms, page).map(({ type, id, name, texts }) => ({ type, id, name, texts }));
}

function* withTexts(rows: Iterable<ObjectText>): Generator<FoundObject & { readonly fullName: string }> {
  for (const { type, id, name, parent, doc } of rows) {
    const texts = doc === null ? [] : searchedTexts(type, JSON.parse(doc));
    yield { type, id, name, fullName: fullName(parent, name), texts };
  }
}

/** Those of the objects, as Prefect lists them, whose name and searched fields have all the terms. */
export function matchObjects(
  kind: SnapshotKind,
  docs: readonly { readonly id: string }[],
  terms: SearchTerms,
): FoundObject[] {
  const all = docs.map((doc) => ({
    type: kind,
    id: doc.id,
    name: nameOf(kind, doc),
    texts: searchedTexts(kind, doc),
  }));
  return take(all, terms, { offset: 0, limit: all.length });
}

/** Limits well below those of SQLite: a condition for each word, and a pattern of at most 50,000 bytes. */
const MAX_WORDS = 200;
const MAX_WORD_CHARS = 1_000;

/** Throws AppError `invalid_input` when the terms, excluded ones too, have more or longer words than a search accepts. */
export function checkSearchTerms({ all, none }: SearchTerms): void {
  const words = shownParts({ all: [...all, ...none], none: [] });
  const isLong = words.some((word) => word.length > MAX_WORD_CHARS);
  if (!isLong && words.length <= MAX_WORDS) return;
  const what = isLong
    ? sentence`a word has more than ${MAX_WORD_CHARS} characters`
    : sentence`there are ${counted(words.length, "word")}`;
  throw new AppError("invalid_input", sentence`argument "query": ${what}`, {
    hint: sentence`A search takes at most ${MAX_WORDS} words of ${MAX_WORD_CHARS} characters.`,
  });
}

/** Selects texts by substrings. Those beyond ASCII, whose words are case-folded and stripped of accents, are all selected. */
function textCondition(terms: SearchTerms, text: string): { where: string; words: string[] } {
  const words = searchWords(terms).flatMap(({ word }) => (/[^ -~]/.test(word) ? [] : [word]));
  const one = `(${text} LIKE '%' || ? || '%' OR ${text} GLOB '*[^ -~]*')`;
  return { where: words.length === 0 ? "1" : words.map(() => one).join(" AND "), words };
}

function take<T extends { readonly name: string; readonly fullName?: string; readonly texts?: readonly string[] }>(
  rows: Iterable<T>,
  terms: SearchTerms,
  page: Page,
): T[] {
  const found: T[] = [];
  let left = page.offset;
  for (const row of rows) {
    if (!matchesSearch(terms, wordsOfAll([row.fullName ?? row.name, ...(row.texts ?? [])]))) continue;
    if (left > 0) left -= 1;
    else found.push(row);
    if (found.length === page.limit) break;
  }
  return found;
}
