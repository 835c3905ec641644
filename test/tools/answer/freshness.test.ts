import { describe, expect, test } from "bun:test";
import { sentence } from "../../../src/lib/shown-text.ts";
import { formatIsoUs } from "../../../src/lib/time.ts";
import type { Freshness } from "../../../src/model/freshness.ts";
import { freshnessLines } from "../../../src/tools/answer/freshness.ts";
import { T0_US } from "../../support/builders.ts";

const coverage = { complete: true, fromUs: T0_US - 3_600e6, toUs: T0_US, gaps: [], verifiedUs: T0_US, notes: [] };
const freshness: Freshness = { source: "record", asOfUs: T0_US, coverage };

describe("the freshness lines", () => {
  test("state source, time, age and window, gaps and notes", () => {
    const gaps = Array.from({ length: 7 }, (_, n) => ({ fromUs: T0_US + n * 10e6, toUs: T0_US + n * 10e6 + 5e6 }));
    const partial = { ...coverage, complete: false, gaps, notes: [sentence`Prefect is away.`] };
    expect<readonly string[]>(
      freshnessLines({ source: "mixed", asOfUs: T0_US, coverage: partial }, T0_US + 65e6),
    ).toEqual([
      "mixed as of 2026-08-20T09:15:00Z (1 min 5 s ago), covers 2026-08-20T08:15:00Z to 2026-08-20T09:15:00Z, INCOMPLETE",
      "not covered: 2026-08-20T09:15:00Z to 2026-08-20T09:15:05Z; 2026-08-20T09:15:10Z to 2026-08-20T09:15:15Z; 2026-08-20T09:15:20Z to 2026-08-20T09:15:25Z; 2026-08-20T09:15:30Z to 2026-08-20T09:15:35Z; 2026-08-20T09:15:40Z to 2026-08-20T09:15:45Z and 2 more",
      "Prefect is away.",
    ]);
    expect<readonly string[]>(
      freshnessLines({ ...freshness, coverage: { ...coverage, fromUs: T0_US } }, T0_US),
    ).toEqual([`record as of ${formatIsoUs(T0_US)} (0 s ago)`]);
  });
});
