import { describe, expect, test } from "bun:test";
import { MINUTE_US } from "../../src/lib/time.ts";
import {
  addCoverage,
  type CoveredRange,
  coveredRanges,
  coveredScopes,
  removeCoverage,
} from "../../src/store/coverage.ts";
import { inTransaction, openRecord } from "../../src/store/database.ts";
import { seededRandom } from "../support/random.ts";

const claim = (fromUs: number, toUs: number, given: Partial<CoveredRange> = {}): CoveredRange => ({
  fromUs,
  toUs,
  source: "catch-up",
  verifiedUs: toUs,
  serverCount: null,
  recordCount: null,
  ...given,
});

function ledger() {
  const db = openRecord(":memory:", "write");
  return {
    db,
    add: (range: CoveredRange, scope = "") => inTransaction(db, () => addCoverage(db, "event", scope, range)),
    remove: (fromUs: number, toUs: number) =>
      inTransaction(db, () => removeCoverage(db, "event", "", { fromUs, toUs })),
    ranges: (within?: { fromUs: number; toUs: number }) => coveredRanges(db, "event", "", within),
  };
}

describe("the coverage ledger", () => {
  test("separates kinds and scopes, and cuts claims to a range", () => {
    const { db, add, ranges } = ledger();
    add(claim(0, 99, { serverCount: 4, recordCount: 5 }));
    inTransaction(db, () => addCoverage(db, "log", "run-1", claim(0, 10)));
    expect(ranges()).toEqual([claim(0, 99, { serverCount: 4, recordCount: 5 })]);
    expect(ranges({ fromUs: 0, toUs: 200 })).toEqual(ranges());
    expect(ranges({ fromUs: 50, toUs: 60 })).toEqual([claim(50, 60, { verifiedUs: 99 })]);
    expect(ranges({ fromUs: 100, toUs: 200 })).toEqual([]);
    expect([coveredScopes(db, "log"), coveredScopes(db, "event")]).toEqual([["run-1"], [""]]);
    expect(coveredRanges(db, "log", "run-2")).toEqual([]);
  });

  test("ignores an empty range", () => {
    const { add, ranges, remove } = ledger();
    add(claim(10, 9));
    add(claim(5, 5));
    remove(6, 4);
    expect(ranges()).toEqual([claim(5, 5)]);
  });

  test("keeps the later verification where two claims overlap; the cut one loses its counts", () => {
    const { add, ranges } = ledger();
    add(claim(0, 100, { verifiedUs: 1000, serverCount: 9, recordCount: 9 }));
    add(claim(40, 60, { verifiedUs: 2000, source: "audit", serverCount: 2, recordCount: 2 }));
    expect(ranges()).toEqual([
      claim(0, 39, { verifiedUs: 1000 }),
      claim(40, 60, { verifiedUs: 2000, source: "audit", serverCount: 2, recordCount: 2 }),
      claim(61, 100, { verifiedUs: 1000 }),
    ]);
    add(claim(50, 80, { verifiedUs: 1500, source: "backfill", serverCount: 5, recordCount: 5 }));
    expect(ranges()).toEqual([
      claim(0, 39, { verifiedUs: 1000 }),
      claim(40, 60, { verifiedUs: 2000, source: "audit", serverCount: 2, recordCount: 2 }),
      claim(61, 80, { verifiedUs: 1500, source: "backfill" }),
      claim(81, 100, { verifiedUs: 1000 }),
    ]);
  });

  test("joins older adjacent claims of one source and age, with the sum of their counts and the older verification", () => {
    const { add, ranges } = ledger();
    const newest = claim(30 * MINUTE_US, 31 * MINUTE_US);
    add(newest);
    add(claim(0, 9, { source: "backfill", verifiedUs: 20 * MINUTE_US, serverCount: 1, recordCount: 2 }));
    add(claim(10, 19, { source: "backfill", verifiedUs: 21 * MINUTE_US, serverCount: 3, recordCount: 4 }));
    add(claim(20, 29, { source: "backfill", verifiedUs: 22 * MINUTE_US, serverCount: null, recordCount: 4 }));
    add(claim(30, 39, { source: "audit", verifiedUs: 22 * MINUTE_US }));
    add(claim(41, 49, { source: "audit", verifiedUs: 22 * MINUTE_US }));
    add(claim(50, 59, { source: "audit", verifiedUs: 200 * MINUTE_US }));
    expect(ranges()).toEqual([
      claim(0, 29, { source: "backfill", verifiedUs: 20 * MINUTE_US, serverCount: null, recordCount: 10 }),
      claim(30, 39, { source: "audit", verifiedUs: 22 * MINUTE_US }),
      claim(41, 49, { source: "audit", verifiedUs: 22 * MINUTE_US }),
      claim(50, 59, { source: "audit", verifiedUs: 200 * MINUTE_US }),
      newest,
    ]);
  });

  test("stays small through hours of overlapping catch-ups, with the last minutes in detail", () => {
    const { add, ranges } = ledger();
    const every = MINUTE_US / 2;
    for (let now = 0; now < 8 * 60 * MINUTE_US; now += every) add(claim(now - 5 * every, now));
    const all = ranges();
    expect(all.length).toBeLessThan(100);
    expect(all.filter(({ toUs }) => toUs > 8 * 60 * MINUTE_US - 10 * MINUTE_US).length).toBeGreaterThan(10);
    for (const [n, range] of all.entries()) if (n > 0) expect(range.fromUs).toBe((all[n - 1]?.toUs ?? 0) + 1);
    expect(all.every(({ verifiedUs, toUs }) => toUs - verifiedUs <= 61 * MINUTE_US)).toBe(true);
  });

  test("gives the same answers as a plain table of moments after any additions and removals", () => {
    const SIZE = 60;
    const sources = ["catch-up", "backfill", "audit", "live"] as const;
    for (let seed = 1; seed <= 60; seed += 1) {
      const random = seededRandom(seed);
      const below = (n: number) => Math.floor(random() * n);
      const { add, remove, ranges } = ledger();
      const table: ({ verifiedUs: number; sources: string } | null)[] = Array(SIZE).fill(null);
      for (let step = 0; step < 40; step += 1) {
        const [fromUs, toUs] = [below(SIZE), below(SIZE)].sort((a, b) => a - b) as [number, number];
        if (random() < 0.25) {
          remove(fromUs, toUs);
          table.fill(null, fromUs, toUs + 1);
        } else {
          const verifiedUs = below(40) * 10 * MINUTE_US;
          const source = sources[below(sources.length)] ?? "audit";
          add(claim(fromUs, toUs, { verifiedUs, source, serverCount: below(3) ? below(9) : null, recordCount: 1 }));
          for (let at = fromUs; at <= toUs; at += 1)
            if ((table[at]?.verifiedUs ?? -1) <= verifiedUs) table[at] = { verifiedUs, sources: source };
        }
        const all = ranges();
        for (const [n, range] of all.entries()) {
          expect(range.fromUs).toBeLessThanOrEqual(range.toUs);
          if (n > 0) expect(range.fromUs).toBeGreaterThan(all[n - 1]?.toUs ?? Number.POSITIVE_INFINITY);
        }
        const found = table.map((_, at) => all.find(({ fromUs, toUs }) => fromUs <= at && at <= toUs) ?? null);
        expect({ seed, step, covered: found.map((one) => one !== null) }).toEqual({
          seed,
          step,
          covered: table.map((one) => one !== null),
        });
        for (const [at, one] of found.entries()) {
          const wanted = table[at];
          if (!one || !wanted) continue;
          // Joining only makes a claim older, by no more than an hour a step; it never changes its source or makes it newer.
          expect(one.source as string).toBe(wanted.sources);
          expect(one.verifiedUs).toBeLessThanOrEqual(wanted.verifiedUs);
          expect(wanted.verifiedUs - one.verifiedUs).toBeLessThanOrEqual(60 * MINUTE_US);
        }
      }
    }
  });
});
