/** Runs by the words of their names, objects by those of their names and of some of their fields. */

import { AppError } from "../../errors.ts";
import { sentence } from "../../lib/shown-text.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { factsOf, nameOf, SNAPSHOT_KINDS, searchedTexts } from "../../model/kinds.ts";
import type { SnapshotKind } from "../../model/objects.ts";
import { matchesSearch, type SearchTerms, searchWords, shownParts } from "../../model/text/search-terms.ts";
import { wordsOfAll } from "../../model/text/words.ts";
import type { RecordDb } from "../database.ts";
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

const BEGIN = "coalesce(start_us, expected_us, state_us, 0)";

/** Runs whose name has all the terms, newest first. All names are read, which takes about 10 ms for 100,000 of them. */
export function findRunsByWords(
  db: RecordDb,
  tables: readonly ("flow_run" | "task_run")[],
  terms: SearchTerms,
  range: TimeRange | null,
  page: Page,
): FoundRun[] {
  const { where, words } = textCondition(terms, "name");
  const parts = tables.map(
    (table) =>
      `SELECT '${table}' AS type, id, name, state_name AS state, ${BEGIN} AS beginUs FROM ${table}
       WHERE deleted_us IS NULL AND ${where} AND ${BEGIN} BETWEEN ? AND ?`,
  );
  const bounds = range ? [range.fromUs, range.toUs] : [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
  const rows = db
    .prepare<Omit<FoundRun, "id"> & { readonly id: Uint8Array }, (string | number)[]>(
      `${parts.join(" UNION ALL ")} ORDER BY beginUs DESC, id`,
    )
    .iterate(...tables.flatMap(() => [...words, ...bounds]));
  return take(rows, terms, page).map((row) => ({ ...row, id: idText(row.id) }));
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
  /** Null for kinds that are found by their name alone. */
  readonly doc: string | null;
}

const WITH_FIELDS = JSON.stringify(SNAPSHOT_KINDS.filter((kind) => factsOf(kind).searchedFields.length > 0));

/** Objects whose name and searched fields have all the terms, by name. */
export function findObjectsByWords(
  db: RecordDb,
  kinds: readonly SnapshotKind[],
  terms: SearchTerms,
  page: Page,
): FoundObject[] {
  const { where, words } = textCondition(terms, "name || coalesce(doc, '')");
  const rows = db
    .prepare<ObjectText, string[]>(
      `SELECT type, id, name, doc FROM (
         SELECT kind AS type, id, name, iif(kind IN (SELECT value FROM json_each(?)), doc, NULL) AS doc FROM object
         WHERE deleted_us IS NULL AND kind IN (SELECT value FROM json_each(?))
       ) WHERE ${where} ORDER BY name, type, id`,
    )
    .iterate(WITH_FIELDS, JSON.stringify(kinds), ...words);
  return take(withTexts(rows), terms, page);
}

function* withTexts(rows: Iterable<ObjectText>): Generator<FoundObject> {
  for (const { type, id, name, doc } of rows)
    yield { type, id, name, texts: doc === null ? [] : searchedTexts(type, JSON.parse(doc)) };
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
    : sentence`there are ${words.length} words`;
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

function take<T extends { readonly name: string; readonly texts?: readonly string[] }>(
  rows: Iterable<T>,
  terms: SearchTerms,
  page: Page,
): T[] {
  const found: T[] = [];
  let left = page.offset;
  for (const row of rows) {
    if (!matchesSearch(terms, wordsOfAll([row.name, ...(row.texts ?? [])]))) continue;
    if (left > 0) left -= 1;
    else found.push(row);
    if (found.length === page.limit) break;
  }
  return found;
}
