import { AppError } from "../../errors.ts";
import { type Checked, own, sentence } from "../../lib/shown-text.ts";
import { addUs, type ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";

export interface RowWalkOptions<T> {
  readonly range: TimeRange;
  readonly order: "asc" | "desc";
  readonly pageSize: number;
  /** One page of a closed range, in `order`. Throws AppError. */
  read(range: TimeRange, offset: number): Promise<readonly T[]>;
  /** The time by which the route sorts and filters; null where a row has none. */
  at(row: T): ServerUs | null;
  id(row: T): string;
}

export interface RowWalkStep<T> {
  /** Rows that no earlier step had. */
  readonly rows: readonly T[];
  /** From the start of the walk to here, inclusive, the steps so far have all rows. */
  readonly provenUs: ServerUs;
}

/** Most readings of an instant that fills a page. */
const MAX_READINGS = 10;
/** Most rows that the pages of a reading have for each row that was found. */
const MAX_REPEATS = 3;

/**
 * Reads every row of a closed range from a `/filter` route whose sort has no tie-break. Each page begins at the last time seen,
 * inclusive; only an instant that fills a page is read by offset, until as many rows are found as its pages have. Throws AppError.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/sorting.py
 */
export async function* walkRows<T>(options: RowWalkOptions<T>): AsyncGenerator<RowWalkStep<T>, void, undefined> {
  const { range, order, pageSize } = options;
  const isAscending = order === "asc";
  let left = range;
  let known: ReadonlySet<string> = new Set();
  while (left.fromUs <= left.toUs) {
    const page = await options.read(left, 0);
    const edgeUs = isAscending ? left.fromUs : left.toUs;
    const endUs = isAscending ? range.toUs : range.fromUs;
    const last = page.at(-1);
    const lastUs = last === undefined ? null : options.at(last);
    const fresh = page.filter((row) => !known.has(options.id(row)));
    if (page.length < pageSize || lastUs === null) {
      yield { rows: fresh, provenUs: endUs };
      return;
    }
    if (lastUs < left.fromUs || lastUs > left.toUs) throw outside();
    if (lastUs !== edgeUs) {
      yield { rows: fresh, provenUs: addUs(lastUs, isAscending ? -1 : 1) };
      known = new Set(page.filter((row) => options.at(row) === lastUs).map(options.id));
      left = isAscending ? { ...left, fromUs: lastUs } : { ...left, toUs: lastUs };
      continue;
    }
    const instant = await readInstant(options, lastUs);
    yield { rows: instant.filter((row) => !known.has(options.id(row))), provenUs: lastUs };
    known = new Set();
    left = isAscending ? { ...left, fromUs: addUs(lastUs, 1) } : { ...left, toUs: addUs(lastUs, -1) };
  }
}

async function readInstant<T>(options: RowWalkOptions<T>, atUs: ServerUs): Promise<T[]> {
  const found = new Map<string, T>();
  for (let reading = 1; reading <= MAX_READINGS; reading += 1) {
    const before = found.size;
    let count = 0;
    for (let offset = 0; ; offset += options.pageSize) {
      const page = await options.read({ fromUs: atUs, toUs: atUs }, offset);
      count += page.length;
      for (const row of page) found.set(options.id(row), row);
      if (page.length < options.pageSize) break;
      // A server that ignores the offset would give the first page again and again.
      if (count > MAX_REPEATS * found.size) throw outside();
    }
    // In another order the pages repeat some rows and leave out others, so fewer rows are found than the pages have.
    if (found.size === before && found.size >= count) return [...found.values()];
  }
  throw contradiction("another order at each request");
}

function outside(): AppError {
  return contradiction("rows outside of what was asked");
}

function contradiction<const Text extends string>(what: Text & Checked<Text>): AppError {
  return new AppError("unavailable", sentence`Prefect's pages contradict each other: ${own<Text>(what)}.`, {
    hint: "Nothing was recorded as complete, and the range will be read again.",
  });
}
