import { describe, expect, test } from "bun:test";
import { MINUTE_US as MIN, SECOND_US as S } from "../../../src/lib/time.ts";
import type { SnapshotAsk, SyncView, WindowAsk } from "../../../src/queries/source/choose-source.ts";
import { chooseForSnapshot, chooseForWindow, NO_SYNC } from "../../../src/queries/source/choose-source.ts";

const NOW = 1_000 * MIN;
const FOLLOWING: SyncView = { isFollowing: true, unreachableSinceUs: null, lastContactUs: NOW - S };
const lost = (ago: number): SyncView => ({
  isFollowing: false,
  unreachableSinceUs: NOW - ago,
  lastContactUs: NOW - ago,
});
const part = (fromUs: number, toUs: number, verifiedUs = toUs) => ({ fromUs, toUs, verifiedUs });

function ask(given: Partial<WindowAsk>): WindowAsk {
  const plain = {
    covered: [],
    followedUs: Number.POSITIVE_INFINITY,
    nowUs: NOW,
    isNowKnown: true,
    skewUs: 0,
    freshMs: 60_000,
    wantsFresh: false,
    isAnswerable: true,
    sync: NO_SYNC,
  };
  return { window: { fromUs: NOW - 10 * MIN, toUs: NOW }, ...plain, ...given };
}

describe("a window", () => {
  const table: [string, Partial<WindowAsk>, string][] = [
    ["nothing covered", {}, "live"],
    ["covered, but a clock was set since", { covered: [part(NOW - 60 * MIN, NOW)], isNowKnown: false }, "live"],
    [
      "covered, but a clock was set since, unreachable",
      { covered: [part(NOW - 60 * MIN, NOW - MIN)], isNowKnown: false, sync: lost(MIN) },
      "record complete",
    ],
    ["covered beyond now: the server clock was set back", { covered: [part(NOW - 60 * MIN, NOW + 6 * S)] }, "live"],
    ["covered a little beyond now", { covered: [part(NOW - 60 * MIN, NOW + 4 * S)] }, "record complete"],
    ["covered up to 30 s ago", { covered: [part(NOW - 60 * MIN, NOW - 30 * S)] }, "record complete"],
    ["covered up to exactly 60 s ago", { covered: [part(NOW - 60 * MIN, NOW - 60 * S)] }, "record complete"],
    ["covered up to 61 s ago, no process follows", { covered: [part(NOW - 60 * MIN, NOW - 61 * S)] }, "mixed 1"],
    [
      "covered up to 5 min ago, a process follows",
      { covered: [part(NOW - 60 * MIN, NOW - 5 * MIN)], sync: FOLLOWING },
      "record complete",
    ],
    [
      "rows of rounds, covered up to 90 s ago, a process follows",
      { covered: [part(NOW - 60 * MIN, NOW - 90 * S)], sync: FOLLOWING, followedUs: 45 * S },
      "mixed 1",
    ],
    [
      "rows of rounds, covered up to 40 s ago, a process follows, 10 s count as fresh",
      { covered: [part(NOW - 60 * MIN, NOW - 40 * S)], sync: FOLLOWING, followedUs: 45 * S, freshMs: 10_000 },
      "record complete",
    ],
    [
      "covered up to 5 min ago, unreachable",
      { covered: [part(NOW - 60 * MIN, NOW - 5 * MIN)], sync: lost(5 * MIN) },
      "record complete",
    ],
    ["fresh asked for", { covered: [part(NOW - 60 * MIN, NOW)], wantsFresh: true }, "live"],
    ["columns cannot answer", { covered: [part(NOW - 60 * MIN, NOW)], isAnswerable: false }, "live"],
    ["the beginning is not covered", { covered: [part(NOW - 5 * MIN, NOW)] }, "mixed 1"],
    ["a gap in the middle", { covered: [part(NOW - 60 * MIN, NOW - 6 * MIN), part(NOW - 4 * MIN, NOW)] }, "mixed 1"],
    [
      "a gap, unreachable",
      { covered: [part(NOW - 60 * MIN, NOW - 6 * MIN), part(NOW - 4 * MIN, NOW)], sync: lost(S) },
      "record 1 gap",
    ],
    ["covered only before the window", { covered: [part(NOW - 60 * MIN, NOW - 20 * MIN)] }, "live"],
    [
      "covered only before the window, following",
      { covered: [part(NOW - 60 * MIN, NOW - 20 * MIN)], sync: FOLLOWING },
      "live",
    ],
    [
      "covered only before the window, unreachable",
      { covered: [part(NOW - 60 * MIN, NOW - 20 * MIN)], sync: lost(20 * MIN) },
      "record 1 gap",
    ],
    [
      "covered only after the window",
      { window: { fromUs: 0, toUs: 5 * MIN }, covered: [part(NOW - MIN, NOW)] },
      "live",
    ],
    [
      "a window of last week, covered",
      { window: { fromUs: 10 * MIN, toUs: 20 * MIN }, covered: [part(0, NOW - 60 * MIN)] },
      "record complete",
    ],
    [
      "a past window that ends after the coverage",
      { window: { fromUs: NOW - 90 * MIN, toUs: NOW - 30 * MIN }, covered: [part(0, NOW - 60 * MIN)], sync: FOLLOWING },
      "mixed 1",
    ],
    [
      "many gaps become one request",
      { covered: [1, 3, 5, 7, 9].map((n) => part(NOW - n * MIN, NOW - n * MIN + 30 * S)) },
      "mixed 1",
    ],
    [
      "adjacent ranges count as one",
      { covered: [part(NOW - 60 * MIN, NOW - 5 * MIN), part(NOW - 5 * MIN + 1, NOW)] },
      "record complete",
    ],
  ];
  test.each(table)("%s", (_, given, expected) => {
    const choice = chooseForWindow(ask(given));
    const { source } = choice;
    if (source === "live") expect(expected).toBe("live");
    else if (source === "mixed") expect(expected).toBe(`mixed ${choice.gaps.length}`);
    else {
      const { complete, gaps } = choice.coverage;
      expect(expected).toBe(complete ? "record complete" : `record ${gaps.length} gap`);
    }
  });

  test("states the covered window, the end of the coverage as as_of, and the oldest reading", () => {
    const covered = [
      part(NOW - 60 * MIN, NOW - 8 * MIN, NOW - 50 * MIN),
      part(NOW - 8 * MIN + 1, NOW - 10 * S, NOW - 9 * S),
    ];
    expect(chooseForWindow(ask({ covered }))).toEqual({
      source: "record",
      asOfUs: NOW - 10 * S,
      coverage: {
        complete: true,
        fromUs: NOW - 10 * MIN,
        toUs: NOW - 10 * S,
        gaps: [],
        verifiedUs: NOW - 50 * MIN,
        notes: [],
      },
    });
  });

  test("states the time of its verification on the server clock, like all its times", () => {
    const covered = [part(NOW - 60 * MIN, NOW - 10 * S, NOW - 5 * MIN - 9 * S)];
    const choice = chooseForWindow(ask({ covered, skewUs: 5 * MIN }));
    expect(choice.source === "record" && choice.coverage.verifiedUs).toBe(NOW - 9 * S);
  });

  test("has no as_of after the loss of the connection", () => {
    const choice = chooseForWindow(ask({ covered: [part(NOW - 60 * MIN, NOW - 10 * S)], sync: lost(15 * S) }));
    expect(choice.source === "record" && choice.asOfUs).toBe(NOW - 15 * S);
    expect(choice.source === "record" && choice.coverage.notes).toHaveLength(1);
  });

  test("states its gaps to the microsecond", () => {
    const covered = [part(NOW - 9 * MIN, NOW - 6 * MIN), part(NOW - 4 * MIN, NOW)];
    expect(chooseForWindow(ask({ covered }))).toEqual({
      source: "mixed",
      gaps: [
        { fromUs: NOW - 10 * MIN, toUs: NOW - 9 * MIN - 1 },
        { fromUs: NOW - 6 * MIN + 1, toUs: NOW - 4 * MIN - 1 },
      ],
    });
  });
});

describe("a list as a whole", () => {
  const plain = {
    nowUs: NOW,
    isNowKnown: true,
    skewUs: 0,
    freshMs: 60_000,
    wantsFresh: false,
    isAnswerable: true,
    sync: NO_SYNC,
  };
  const table: [string, Partial<SnapshotAsk>, string][] = [
    ["never read", { readUs: null }, "live"],
    ["read a minute ago", { readUs: NOW - 60 * S }, "record"],
    ["read longer ago", { readUs: NOW - 61 * S }, "live"],
    ["read longer ago, a process follows", { readUs: NOW - 61 * S, sync: FOLLOWING }, "live"],
    ["read long ago, unreachable", { readUs: NOW - 60 * MIN, sync: lost(50 * MIN) }, "record"],
    ["fresh asked for", { readUs: NOW, wantsFresh: true }, "live"],
    ["settled long ago", { readUs: NOW - 60 * MIN, isSettled: true }, "record"],
    ["known to be out of date", { readUs: NOW, isStale: true }, "live"],
    ["read in the future", { readUs: NOW + 6 * S }, "live"],
    ["read in the future, unreachable", { readUs: NOW + 6 * S, sync: lost(S) }, "record"],
    ["read just now, by a clock that was set since", { readUs: NOW, isNowKnown: false }, "live"],
    [
      "settled, by a clock that was set since",
      { readUs: NOW - 60 * MIN, isNowKnown: false, isSettled: true },
      "record",
    ],
    ["known to be out of date, unreachable", { readUs: NOW - S, isStale: true, sync: lost(S) }, "record"],
  ];
  test.each(table)("%s", (_, given, expected) => {
    expect(chooseForSnapshot({ ...plain, readUs: null, ...given }).source).toBe(expected as "live");
  });
});
