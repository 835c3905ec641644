import { describe, expect, test } from "bun:test";
import {
  overlappingPages,
  type ReadListPage,
  readRows,
  readWholeList,
} from "../../../src/prefect/paging/list-pages.ts";

interface Row {
  readonly id: string;
}

const rowsOf = (count: number): Row[] => Array.from({ length: count }, (_, index) => ({ id: `row ${index}` }));

/** A list that changes right before it answers the page of that number (from 1). */
function listOf(rows: Row[], change?: { readonly page: number; readonly apply: (rows: Row[]) => void }) {
  const asked: string[] = [];
  const read: ReadListPage<Row> = async ({ limit, offset }) => {
    asked.push(`${offset}+${limit}`);
    if (change?.page === asked.length) change.apply(rows);
    return rows.slice(offset, offset + limit);
  };
  return { read, asked };
}

describe("pages that overlap by one row", () => {
  test("give each row once and say which page is the last", async () => {
    const { read, asked } = listOf(rowsOf(8));
    const pages = await Array.fromAsync(overlappingPages(read, 4));
    expect(pages.flatMap((page) => page.rows)).toEqual(rowsOf(8));
    expect(pages.map(({ isContinuous, isLast }) => [isContinuous, isLast])).toEqual([
      [true, false],
      [true, false],
      [true, true],
    ]);
    expect(asked).toEqual(["0+4", "3+4", "6+4"]);
  });

  test("show when the list changed before a page was read", async () => {
    const { read } = listOf(rowsOf(8), { page: 2, apply: (rows) => rows.shift() });
    const pages = await Array.fromAsync(overlappingPages(read, 4));
    expect(pages.map((page) => page.isContinuous)).toEqual([true, false, true]);
    expect(pages[1]?.rows.map(({ id }) => id)).toEqual(["row 4", "row 5", "row 6", "row 7"]);
  });
});

describe("a whole list", () => {
  test("is not whole when rows of one name came in another order, so that one was left out", async () => {
    const swap = (rows: Row[]) => rows.splice(198, 3, rows[200] as Row, rows[199] as Row, rows[198] as Row);
    const { read } = listOf(rowsOf(300), { page: 2, apply: swap });
    const { rows, isWhole } = await readWholeList(read);
    expect([rows.length, isWhole]).toEqual([299, false]);
  });

  test("is whole when no row was added or deleted between its pages", async () => {
    const { read, asked } = listOf(rowsOf(450));
    expect(await readWholeList(read)).toEqual({ rows: rowsOf(450), isWhole: true });
    expect(asked).toEqual(["0+200", "199+200", "398+200"]);
  });

  test("is not whole after a change, and has each row once", async () => {
    const { read } = listOf(rowsOf(450), { page: 3, apply: (rows) => rows.unshift({ id: "new" }) });
    const { rows, isWhole } = await readWholeList(read);
    expect(isWhole).toBe(false);
    expect(rows).toEqual(rowsOf(450));
  });

  test("is read up to about 5,000 rows", async () => {
    const { read, asked } = listOf(rowsOf(9_000));
    const { rows, isWhole } = await readWholeList(read);
    expect([rows.length, isWhole, asked.length, asked.at(-1)]).toEqual([5_175, false, 26, "4975+200"]);
  });
});

describe("rows from an offset on", () => {
  test("are read in pages until as many as wanted are there", async () => {
    const { read, asked } = listOf(rowsOf(900));
    expect(await readRows(read, { wanted: 450, offset: 100 })).toEqual(rowsOf(900).slice(100, 550));
    expect(asked).toEqual(["100+200", "300+200", "500+50"]);
  });

  test("end with the list", async () => {
    const { read, asked } = listOf(rowsOf(5));
    expect(await readRows(read, { wanted: Number.POSITIVE_INFINITY, pageSize: 3 })).toEqual(rowsOf(5));
    expect(asked).toEqual(["0+3", "3+3"]);
  });
});
