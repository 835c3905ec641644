import { describe, expect, test } from "bun:test";
import {
  dueInMs,
  INITIAL_STREAM_STATE,
  nextStreamState,
  type StreamContext,
  type StreamEvent,
  type StreamState,
  shownState,
} from "../../../src/sync/events/stream-state.ts";

const context: StreamContext = { nowMs: 100_000, random: 0.5, dialMs: 5_000, rejectedMs: 60_000 };
const EVENTS: readonly StreamEvent[] = ["due", "accepted", "lost", "unreachable", "rejected", "stop"];

const waiting: StreamState = { name: "waiting", dialAtMs: 99_000, dialledMs: 90_000, refusals: 0 };
const waitingRefused: StreamState = { ...waiting, refusals: 1 };
const connecting: StreamState = { name: "connecting", dialledMs: 99_900, refusals: 0 };
const connectingAgain: StreamState = { ...connecting, refusals: 1 };
const open: StreamState = { name: "open", dialledMs: 50_000, sinceMs: 51_000 };
const refused: StreamState = { name: "refused", dialAtMs: 99_000, dialledMs: 90_000, refusals: 2 };
const rejected: StreamState = { name: "rejected", dialAtMs: 99_000, dialledMs: 40_000 };
const off: StreamState = { name: "off" };

/** State after each event, and its effects; "same" where nothing happens. */
const TABLE: readonly [string, StreamState, Record<StreamEvent, [StreamState | "same", ...string[]]>][] = [
  [
    "waiting",
    waiting,
    {
      due: [{ name: "connecting", dialledMs: 100_000, refusals: 0 }, "dial"],
      accepted: ["same"],
      lost: ["same"],
      unreachable: ["same"],
      rejected: ["same"],
      stop: [off],
    },
  ],
  [
    "waiting after a refusal",
    waitingRefused,
    {
      due: [{ name: "connecting", dialledMs: 100_000, refusals: 1 }, "dial"],
      accepted: ["same"],
      lost: ["same"],
      unreachable: ["same"],
      rejected: ["same"],
      stop: [off],
    },
  ],
  [
    "connecting",
    connecting,
    {
      due: ["same"],
      accepted: [{ name: "open", dialledMs: 99_900, sinceMs: 100_000 }, "catch-up"],
      lost: [{ name: "waiting", dialAtMs: 107_500, dialledMs: 99_900, refusals: 1 }],
      unreachable: [{ name: "waiting", dialAtMs: 107_500, dialledMs: 99_900, refusals: 0 }],
      rejected: [{ name: "rejected", dialAtMs: 160_000, dialledMs: 99_900 }],
      stop: [off],
    },
  ],
  [
    "connecting after a refusal",
    connectingAgain,
    {
      due: ["same"],
      accepted: [{ name: "open", dialledMs: 99_900, sinceMs: 100_000 }, "catch-up"],
      lost: [{ name: "refused", dialAtMs: 107_500, dialledMs: 99_900, refusals: 2 }],
      unreachable: [{ name: "waiting", dialAtMs: 107_500, dialledMs: 99_900, refusals: 0 }],
      rejected: [{ name: "rejected", dialAtMs: 160_000, dialledMs: 99_900 }],
      stop: [off],
    },
  ],
  [
    "open",
    open,
    {
      due: ["same"],
      accepted: ["same"],
      lost: [{ name: "waiting", dialAtMs: 100_000, dialledMs: 50_000, refusals: 0 }, "catch-up"],
      unreachable: [{ name: "waiting", dialAtMs: 100_000, dialledMs: 50_000, refusals: 0 }, "catch-up"],
      rejected: [{ name: "rejected", dialAtMs: 160_000, dialledMs: 50_000 }, "catch-up"],
      stop: [off],
    },
  ],
  [
    "refused",
    refused,
    {
      due: [{ name: "connecting", dialledMs: 100_000, refusals: 2 }, "dial"],
      accepted: ["same"],
      lost: ["same"],
      unreachable: ["same"],
      rejected: ["same"],
      stop: [off],
    },
  ],
  [
    "rejected",
    rejected,
    {
      due: [{ name: "connecting", dialledMs: 100_000, refusals: 0 }, "dial"],
      accepted: ["same"],
      lost: ["same"],
      unreachable: ["same"],
      rejected: ["same"],
      stop: [off],
    },
  ],
  [
    "off",
    off,
    { due: ["same"], accepted: ["same"], lost: ["same"], unreachable: ["same"], rejected: ["same"], stop: ["same"] },
  ],
];

describe("the state of the stream", () => {
  for (const [name, state, row] of TABLE) {
    for (const event of EVENTS) {
      const [next, ...effects] = row[event];
      test(`${name}, ${event}: ${next === "same" ? "nothing" : next.name}`, () => {
        expect(nextStreamState(state, event, context)).toEqual({
          state: next === "same" ? state : next,
          effects: effects as never,
        });
      });
    }
  }

  test("connects at once at the start", () => {
    expect(dueInMs(INITIAL_STREAM_STATE, 1_795_348_800_000)).toBe(0);
  });

  test("keeps attempts five seconds apart when a fresh connection is lost", () => {
    const fresh: StreamState = { name: "open", dialledMs: 98_000, sinceMs: 98_300 };
    const { state } = nextStreamState(fresh, "lost", context);
    expect(dueInMs(state, context.nowMs)).toBe(3_000);
  });

  test("never waits longer than ten seconds after a failed attempt", () => {
    for (const random of [0, 0.999]) {
      const { state } = nextStreamState(connecting, "unreachable", { ...context, random });
      expect(dueInMs(state, context.nowMs)).toBeGreaterThanOrEqual(5_000);
      expect(dueInMs(state, context.nowMs)).toBeLessThanOrEqual(10_000);
    }
  });

  test("is written for readers as one of four words", () => {
    expect([waiting, connecting, open, refused, rejected, off].map(shownState)).toEqual([
      "connecting",
      "connecting",
      "open",
      "refused",
      "refused",
      "off",
    ]);
  });
});
