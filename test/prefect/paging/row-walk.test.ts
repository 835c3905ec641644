import { describe, expect, test } from "bun:test";
import { type RowWalkOptions, type RowWalkStep, walkRows } from "../../../src/prefect/paging/row-walk.ts";
import { failureOf } from "../../support/failure-of.ts";

interface Row {
  readonly id: string;
  readonly atUs: number | null;
}

const range = { fromUs: 0, toUs: 100 };

/** A route over fixed rows, sorted by time, and the questions that it got as `from..to offset`. */
function routeOf(rows: readonly Row[], order: "asc" | "desc") {
  const asked: string[] = [];
  const sign = order === "asc" ? 1 : -1;
  const sorted = rows.toSorted((a, b) => sign * ((a.atUs ?? 0) - (b.atUs ?? 0)));
  const options: RowWalkOptions<Row> = {
    range,
    order,
    pageSize: 3,
    read: async ({ fromUs, toUs }, offset) => {
      asked.push(`${fromUs}..${toUs} ${offset}`);
      const inside = sorted.filter(({ atUs }) => atUs === null || (atUs >= fromUs && atUs <= toUs));
      return inside.slice(offset, offset + 3);
    },
    at: ({ atUs }) => atUs,
    id: ({ id }) => id,
  };
  return { options, asked };
}

const rowsAt = (...times: (number | null)[]): Row[] => times.map((atUs, index) => ({ id: `row ${index}`, atUs }));
const idsOf = (steps: readonly RowWalkStep<Row>[]) => steps.map(({ rows }) => rows.map(({ id }) => id));

describe("walking over rows", () => {
  test("gives every row once, and states what is proven so far", async () => {
    const { options, asked } = routeOf(rowsAt(10, 20, 30, 40, 50), "asc");
    const steps = await Array.fromAsync(walkRows(options));
    expect(idsOf(steps)).toEqual([["row 0", "row 1", "row 2"], ["row 3", "row 4"], []]);
    expect(steps.map(({ provenUs }) => provenUs)).toEqual([29, 49, 100]);
    expect(asked).toEqual(["0..100 0", "30..100 0", "50..100 0"]);
  });

  test("goes backwards in descending order", async () => {
    const { options, asked } = routeOf(rowsAt(10, 20, 30, 40), "desc");
    const steps = await Array.fromAsync(walkRows(options));
    expect(idsOf(steps)).toEqual([["row 3", "row 2", "row 1"], ["row 0"]]);
    expect(steps.map(({ provenUs }) => provenUs)).toEqual([21, 0]);
    expect(asked).toEqual(["0..100 0", "0..20 0"]);
  });

  test("reads an instant that fills a page by offset until a reading gives nothing new", async () => {
    const { options, asked } = routeOf(rowsAt(10, 10, 10, 10, 20), "asc");
    const steps = await Array.fromAsync(walkRows(options));
    expect(idsOf(steps).flat()).toEqual(["row 0", "row 1", "row 2", "row 3", "row 4"]);
    expect(steps.map(({ provenUs }) => provenUs)).toEqual([9, 10, 100]);
    expect(asked).toEqual(["0..100 0", "10..100 0", "10..10 0", "10..10 3", "10..10 0", "10..10 3", "11..100 0"]);
  });

  test("ends at a row without time", async () => {
    const { options } = routeOf(rowsAt(null, null, null), "asc");
    expect(await Array.fromAsync(walkRows(options))).toEqual([{ rows: rowsAt(null, null, null), provenUs: 100 }]);
  });

  test("throws when the server gives rows outside of the range", async () => {
    const { options } = routeOf([], "asc");
    const read = async () => rowsAt(10, 20, 300);
    const error = await failureOf(Array.fromAsync(walkRows({ ...options, read })));
    expect([error.code, error.message]).toEqual([
      "unavailable",
      "Prefect's pages contradict each other: rows outside of what was asked.",
    ]);
  });
});
