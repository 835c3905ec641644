import { describe, expect, test } from "bun:test";
import { type RowWalkOptions, type RowWalkStep, walkRows } from "../../../src/prefect/paging/row-walk.ts";
import { failureOf } from "../../support/failure-of.ts";
import { shuffle } from "../../support/fake-prefect/sorts.ts";
import { seededRandom } from "../../support/random.ts";

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

  test("finds every row of an instant that comes in another order at each request, or throws", async () => {
    const random = seededRandom(3);
    const rows = rowsAt(...Array.from({ length: 8 }, () => 10));
    const { options } = routeOf([], "asc");
    const read = async (_: unknown, offset: number) => shuffle(rows, random).slice(offset, offset + 3);
    for (let round = 0; round < 50; round += 1) {
      const steps = await Array.fromAsync(walkRows({ ...options, range: { fromUs: 10, toUs: 10 }, read }));
      expect(new Set(idsOf(steps).flat())).toEqual(new Set(rows.map(({ id }) => id)));
    }
    // A page that always lacks the same row can never be complete.
    const lacking = async (_: unknown, offset: number) =>
      offset === 0 ? rows.slice(0, 3) : [...rows.slice(0, 3), rows[4] as Row].slice(offset - 3, offset);
    const error = await failureOf(
      Array.fromAsync(walkRows({ ...options, range: { fromUs: 10, toUs: 10 }, read: lacking })),
    );
    expect(error.code).toBe("unavailable");
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
