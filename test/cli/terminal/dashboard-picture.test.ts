import { describe, expect, test } from "bun:test";
import { dashboardPicture } from "../../../src/cli/terminal/dashboard-picture.ts";
import { ASCII, UNICODE } from "../../../src/cli/terminal/drawing.ts";
import { painted } from "../../../src/cli/terminal/paint.ts";

const counts = { completed: 100, failed: 20, crashed: 1, late: 0, total: 121, "\u001b[2J": 7 };
const HOUR_MS = 3_600_000;
const iso = (hour: number) => new Date(Date.UTC(2026, 0, 31) + hour * HOUR_MS).toISOString();
const byHour = (state: string, hours: readonly number[], gaps: readonly object[] = []) => ({
  state,
  answer: {
    groups: hours.map((count, hour) => ({ start: iso(hour), count })),
    interval_seconds: 3600,
    coverage: { complete: true, gaps },
  },
});
const texts = (structured: object, ended: Parameters<typeof dashboardPicture>[1], columns = 80, glyphs = UNICODE) =>
  dashboardPicture({ ...structured }, ended, { columns, glyphs }).map((line) => painted(line, false));

describe("the dashboard on a terminal", () => {
  test("has bars as long as their share, the smallest one character, that fit the terminal", () => {
    expect(texts({ flow_runs: counts }, [])).toEqual([
      `failed      ${"█".repeat(10)} 20`,
      "crashed     █ 1",
      `completed   ${"█".repeat(50)} 100`,
    ]);
    for (const columns of [20, 30, 40])
      for (const line of texts({ flow_runs: counts }, [], columns)) expect(line.length).toBeLessThanOrEqual(columns);
  });

  test("without counts has no bars", () => {
    expect(texts({}, [])).toEqual([]);
    expect(texts({ flow_runs: "none" }, [])).toEqual([]);
  });

  test("has a line for each state that ended runs, in which a gap is no zero", () => {
    const gap = { from: iso(3), to: new Date(Date.parse(iso(3)) + 1000).toISOString() };
    const lines = texts({}, [byHour("failed", [0, 1, 8, 0, 0], [gap]), byHour("crashed", [0, 0, 0, 0, 0])]);
    expect(lines).toEqual(["ended by hour, the last 5, UTC (? is not covered)", "failed      ▁▂█?▁ max 8"]);
    const unknown = { ...byHour("failed", [1, 2]).answer, coverage: { complete: false } };
    expect(texts({}, [{ state: "failed", answer: unknown }])[1]).toBe("failed      ?? max 0");
  });

  test("has the newest hours where not all fit, and the slots of limits with their holders", () => {
    const hours = Array.from({ length: 24 }, (_, hour) => (hour === 23 ? 9 : 1));
    const slots = [
      { kind: "work_pool", name: "gpu", limit: 1, active_slots: 1, holders: [{ name: "clever\u001b[2J-skua" }] },
      { kind: "tag", name: "warehouse", limit: 5, active_slots: 2, holders: [] },
      { kind: "global", name: "off", limit: 0, active_slots: 0 },
    ];
    const lines = texts({ slots }, [byHour("failed", hours)], 40);
    expect(lines).toEqual([
      "ended by hour, the last 20, UTC",
      `failed      ${"▂".repeat(19)}█ max 9`,
      "slots taken",
      "█████ 1/1 work_pool gpu: clever-skua",
      "██░░░ 2/5 tag warehouse",
    ]);
  });

  test("is ASCII alone in a locale that has no more", () => {
    const slots = [{ kind: "tag", name: "warehouse", limit: 5, active_slots: 2, holders: [] }];
    const lines = texts({ flow_runs: counts, slots }, [byHour("failed", [0, 1, 2])], 40, ASCII);
    expect(lines.join("\n")).toMatch(/^[\n -~]+$/);
    expect(lines[0]).toBe("failed      #### 20");
  });
});
