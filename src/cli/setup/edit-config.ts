/** Changes of one file's text, each proven: the new text parses to the old values with exactly the intended difference. Pure. */
import type { Entry } from "./client.ts";
import { type FileFormat, type Member, UneditableError } from "./formats/format.ts";
import { isPlainTable, valueIn, withValue } from "./formats/nested.ts";

const MARK = "\uFEFF";

interface Intent {
  /** What may change. */
  readonly path: readonly string[];
  readonly change: (text: string) => string;
  readonly expected: (before: unknown) => unknown;
  /** Levels a difference that is not one. */
  readonly comparable?: (root: unknown) => unknown;
}

function proven(format: FileFormat, text: string, intent: Intent): string {
  const { path, change, expected, comparable = (root: unknown) => root } = intent;
  const mark = text.startsWith(MARK) ? MARK : "";
  const bare = text.slice(mark.length);
  const before = parsed(format, bare);
  let after = bare;
  try {
    after = change(bare);
    const isMeant = Bun.deepEquals(comparable(format.parse(after)), comparable(expected(before)));
    const changed = changedPath(before, path);
    if (isMeant && outside(format, bare, changed) === outside(format, after, changed)) return mark + after;
  } catch (error) {
    if (error instanceof UneditableError) throw error;
    // Any other one is the same as a wrong result.
  }
  throw new UneditableError("its way of writing this table cannot be edited without touching something else");
}

/** The path, or the first table on it that does not exist yet and is made with it. */
function changedPath(root: unknown, path: readonly string[]): readonly string[] {
  const known = path.findIndex((_, index) => (valueIn(root, path.slice(0, index + 1)) ?? null) === null);
  return known === -1 ? path : path.slice(0, known + 1);
}

/**
 * The text without what may change, and without what joins it to its neighbours. Equal values are not enough: comments are no values, and
 * two numbers that differ in their digits can be the same one.
 */
function outside(format: FileFormat, text: string, path: readonly string[]): string {
  const ranges = format.ranges(text, path).toSorted(([a], [b]) => b - a);
  return ranges
    .reduce((rest, [from, to]) => rest.slice(0, from) + rest.slice(to), text)
    .replaceAll(/[\s,]|\{\s*\}/g, "");
}

function parsed(format: FileFormat, text: string): unknown {
  try {
    return format.parse(text.startsWith(MARK) ? text.slice(1) : text);
  } catch (error) {
    throw new UneditableError(error instanceof Error ? error.message : String(error));
  }
}

/** What is at the path. Throws UneditableError when the text cannot be parsed. */
export function readEntry(format: FileFormat, text: string, path: readonly string[]): unknown {
  return valueIn(parsed(format, text), path);
}

/** Members that say how the server is started. Of all others a person may have chosen another value, which stays. */
const START = new Set(["command", "cmd", "args", "type", "source", "name"]);
/** Lists that gain our values and keep theirs. */
const UNITED = new Set(["autoApprove"]);

/**
 * The text with an entry. Members that the entry has already stay: a timeout, more variables, a switch that is off. Only those that start
 * the server get our value. The same text when nothing differs.
 */
export function withEntry(format: FileFormat, text: string, path: readonly string[], entry: Entry): string {
  const known = readEntry(format, text, path);
  if (known === undefined) return setProven(format, text, path, entry);
  if (!isPlainTable(known)) throw new UneditableError("something else than a table has the name of the server");
  return Object.entries(entry).reduce((result, [key, value]) => {
    const at = [...path, key];
    const current = readEntry(format, result, at);
    if (UNITED.has(key) && Array.isArray(current)) return withListed(format, result, at, value as readonly string[]);
    if (isPlainTable(value) && isPlainTable(current)) return withMissing(format, result, at, value as Entry);
    if (current !== undefined && !START.has(key)) return result;
    return Bun.deepEquals(current, value) ? result : setProven(format, result, at, value);
  }, text);
}

/** The text with the members that a table lacks. */
function withMissing(format: FileFormat, text: string, path: readonly string[], table: Entry): string {
  return Object.entries(table).reduce((result, [key, value]) => {
    const at = [...path, key];
    const current = readEntry(format, result, at);
    if (isPlainTable(value) && isPlainTable(current)) return withMissing(format, result, at, value as Entry);
    return current === undefined ? setProven(format, result, at, value) : result;
  }, text);
}

/** The text with exactly this entry: members that it does not have are removed. */
export function withOnlyEntry(format: FileFormat, text: string, path: readonly string[], entry: Entry): string {
  return Bun.deepEquals(readEntry(format, text, path), entry) ? text : setProven(format, text, path, entry);
}

function setProven(format: FileFormat, text: string, path: readonly string[], value: Member): string {
  return proven(format, text, {
    path,
    change: (bare) => format.set(bare, path, value),
    expected: (before) => withValue(before, path, value),
  });
}

export function withoutEntry(format: FileFormat, text: string, path: readonly string[]): string {
  if (readEntry(format, text, path) === undefined) return text;
  return proven(format, text, {
    path,
    change: (bare) => format.remove(bare, path),
    expected: (before) => withValue(before, path, undefined),
    // In TOML a table is there only as long as something is in it.
    comparable: (root) => withoutEmpty(root, path.slice(0, -1)),
  });
}

/** Without the tables on the path that are empty. */
function withoutEmpty(root: unknown, path: readonly string[]): unknown {
  const table = valueIn(root, path);
  if (path.length === 0 || !isPlainTable(table) || Object.keys(table).length > 0) return root;
  return withoutEmpty(withValue(root, path, undefined), path.slice(0, -1));
}

/** The text with those values in a list that it lacks. */
export function withListed(
  format: FileFormat,
  text: string,
  path: readonly string[],
  values: readonly string[],
): string {
  const known = readEntry(format, text, path) ?? [];
  if (!Array.isArray(known)) throw new UneditableError("something else than a list is where the rules belong");
  const missing = values.filter((value) => !known.includes(value));
  if (missing.length === 0) return text;
  return proven(format, text, {
    path,
    change: (bare) => format.append(bare, path, missing),
    expected: (before) => withValue(before, path, [...known, ...missing]),
  });
}

/** The text without those values of a list. */
export function withoutListed(
  format: FileFormat,
  text: string,
  path: readonly string[],
  isOurs: (value: unknown) => boolean,
): string {
  const known = readEntry(format, text, path);
  if (!Array.isArray(known) || !known.some(isOurs)) return text;
  return setProven(format, text, path, known.filter((value) => !isOurs(value)) as string[]);
}
