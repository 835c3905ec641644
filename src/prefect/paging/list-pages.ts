/**
 * Lists that are read by offset while they may change. Prefect applies the offset to the list as it is at each request, so a row that
 * is added or deleted between two pages shifts all rows behind it.
 */
import { append } from "../../lib/lists.ts";
import { ROWS_PER_PAGE } from "../transport/page-sizes.ts";

/** One page of a `/filter` route. Throws AppError. */
export type ReadListPage<T> = (page: { readonly limit: number; readonly offset: number }) => Promise<readonly T[]>;

export interface OverlappingPage<T> {
  /** Rows of the page, without the one that repeats the last row of the page before. */
  readonly rows: readonly T[];
  /**
   * The page begins with the last row of the one before and repeats no other. Otherwise rows were added or deleted in between, or rows
   * that are equal in the sort came in another order: then others may have been left out.
   */
  readonly isContinuous: boolean;
  readonly isLast: boolean;
}

/** The pages of a list, each overlapping the one before by one row. */
export async function* overlappingPages<T extends { readonly id: string }>(
  read: ReadListPage<T>,
  pageSize: number,
): AsyncGenerator<OverlappingPage<T>, void, undefined> {
  let last: T | undefined;
  const seen = new Set<string>();
  for (let offset = 0; ; offset += pageSize - 1) {
    const page = await read({ limit: pageSize, offset });
    const isJoined = last === undefined || page[0]?.id === last.id;
    const rows = last !== undefined && isJoined ? page.slice(1) : page;
    const isContinuous = isJoined && !rows.some(({ id }) => seen.has(id));
    for (const { id } of rows) seen.add(id);
    const isLast = page.length < pageSize;
    yield { rows, isContinuous, isLast };
    if (isLast) return;
    last = page.at(-1);
  }
}

/** A list that is longer than about 5,000 rows is not read to its end. */
const MAX_PAGES = 26;

/**
 * Every row of a list, each once. `isWhole`: these are exactly the rows that the list had at one moment, so an object that is not
 * among them has been deleted.
 */
export async function readWholeList<T extends { readonly id: string }>(
  read: ReadListPage<T>,
): Promise<{ readonly rows: readonly T[]; readonly isWhole: boolean }> {
  const rows = new Map<string, T>();
  let isUnchanged = true;
  let pages = 0;
  for await (const page of overlappingPages(read, ROWS_PER_PAGE)) {
    if (!page.isContinuous) isUnchanged = false;
    for (const row of page.rows) rows.set(row.id, row);
    if (page.isLast) return { rows: [...rows.values()], isWhole: isUnchanged };
    pages += 1;
    if (pages === MAX_PAGES) break;
  }
  return { rows: [...rows.values()], isWhole: false };
}

/** Readings of a list that changes between its pages. */
const MAX_READINGS = 3;

/**
 * Every row of a list in the order of its pages. A list that changed between its pages is read again; `isWhole` is false when it
 * changed each time, and then rows may be missing.
 */
export async function readUnchangedList<T extends { readonly id: string }>(
  read: ReadListPage<T>,
  pageSize: number,
): Promise<{ readonly rows: readonly T[]; readonly isWhole: boolean }> {
  let rows: T[] = [];
  for (let reading = 1; reading <= MAX_READINGS; reading += 1) {
    rows = [];
    for await (const page of overlappingPages(read, pageSize)) {
      if (!page.isContinuous) break;
      append(rows, page.rows);
      if (page.isLast) return { rows, isWhole: true };
    }
  }
  return { rows, isWhole: false };
}

/** Rows from `offset` on, in pages of at most `pageSize`, until `wanted` are read or the list ends. */
export async function readRows<T>(
  read: ReadListPage<T>,
  { wanted, offset = 0, pageSize = ROWS_PER_PAGE }: { wanted: number; offset?: number; pageSize?: number },
): Promise<T[]> {
  const rows: T[] = [];
  while (rows.length < wanted) {
    const limit = Math.min(pageSize, wanted - rows.length);
    const page = await read({ limit, offset: offset + rows.length });
    append(rows, page);
    if (page.length < limit) break;
  }
  return rows;
}
