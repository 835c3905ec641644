import { describe, expect, test } from "bun:test";
import { UNICODE } from "../../../src/cli/terminal/drawing.ts";
import type { Output } from "../../../src/cli/terminal/output.ts";
import { createProgressView, duration, progressLine } from "../../../src/cli/terminal/progress.ts";
import { table } from "../../../src/cli/terminal/table.ts";

const halfway = {
  phase: "events",
  reading: "events",
  rows: 12_345,
  events: 12_345,
  pages: 250,
  requests: 260,
  eventsPerSecond: 1234.4,
  fraction: 0.5,
  etaMs: 200_000,
} as const;

function fakeOutput(isTerminal: boolean): { out: Output; text: () => string } {
  let text = "";
  const write = (more: string) => {
    text += more;
  };
  const out = {
    isTerminal,
    columns: 60,
    drawsPictures: false,
    glyphs: UNICODE,
    paint: () => {},
    line: (line = "") => write(`${line}\n`),
    lines: (lines: readonly string[]) => write(lines.map((line) => `${line}\n`).join("")),
    json: () => {},
    redraw: (text: string) => write(`\r${text}\u001b[K`),
    ask: () => {},
    note: () => {},
    flush: async () => {},
  };
  return { out, text: () => text };
}

describe("sync's progress", () => {
  test("names events, pages, requests, rate and the time left", () => {
    expect<string>(progressLine(halfway, null)).toBe(
      "50 % events: 12,345 events, 250 pages, 260 requests, 1,234 events/s, 3 min left",
    );
    expect<string>(progressLine(halfway, UNICODE)).toStartWith(`[${"█".repeat(12)}${"░".repeat(12)}] 50 % events`);
  });

  test("states what is read after the events, and how much of it, not that there were no events", () => {
    const later = { ...halfway, events: 0, fraction: 1, eventsPerSecond: 0, etaMs: null } as const;
    const line = (phase: "objects" | "runs" | "logs", reading: string, rows: number) =>
      progressLine({ ...later, phase, reading, rows }, UNICODE);
    expect<string>(line("objects", "work pools", 57)).toBe("work pools: 57 objects so far, 260 requests");
    expect<string>(line("runs", "flow runs and task runs", 1)).toBe(
      "flow runs and task runs: 1 run so far, 260 requests",
    );
    expect<string>(line("logs", "logs", 0)).toBe("logs of failed runs: 0 runs so far, 260 requests");
  });

  test("leaves out unknown figures", () => {
    expect<string>(
      progressLine({ ...halfway, phase: "done", fraction: 1, eventsPerSecond: 0, etaMs: null }, null),
    ).toBe("100 % done: 12,345 events, 250 pages, 260 requests");
  });

  test("redraws one line on a terminal, never wider than the terminal", () => {
    const { out, text } = fakeOutput(true);
    const view = createProgressView(out);
    view.show(halfway, 0);
    view.show(halfway, 10);
    view.end();
    const frames = text().split("\r").slice(1);
    expect(frames.length).toBe(2);
    expect(Math.max(...frames.map((frame) => frame.split("\u001b")[0]?.length ?? 0))).toBe(59);
  });

  test("writes plain lines without a terminal: one per phase, and one every few seconds", () => {
    const { out, text } = fakeOutput(false);
    const view = createProgressView(out);
    view.show({ ...halfway, phase: "objects", reading: "flows", rows: 3 }, 0);
    view.show(halfway, 100);
    view.show({ ...halfway, events: 13_000 }, 200);
    view.show({ ...halfway, events: 14_000 }, 6000);
    view.end();
    const lines = text().trimEnd().split("\n");
    expect(lines.map((line) => line.split(",").slice(0, 2).join(","))).toEqual([
      "flows: 3 objects so far, 260 requests",
      "50 % events: 12,345 events",
      "50 % events: 14,000 events",
    ]);
    expect(text()).not.toContain("\r");
  });

  test("shows durations in seconds, minutes or hours", () => {
    expect([999, 89_000, 120_000, 5_400_000].map(duration)).toEqual(["1 s", "89 s", "2 min", "1.5 h"]);
  });
});

test("a table aligns its columns by displayed width, not by code units", () => {
  expect<string[]>(table([["a", "b"], ["日本", "c"], ["x"]])).toEqual(["a     b", "日本  c", "x"]);
  expect(table([])).toEqual([]);
});
