import { expect, test } from "bun:test";
import { dashboardBars } from "../../../src/cli/terminal/dashboard-bars.ts";

const counts = { completed: 100, failed: 20, crashed: 1, late: 0, total: 121, "\u001b[2J": 7 };
const texts = (columns: number) => dashboardBars({ flow_runs: counts }, columns).map(String);

test("bars are as long as their share, the smallest one character, and fit the terminal", () => {
  expect(texts(80)).toEqual([`failed     ${"█".repeat(10)} 20`, "crashed    █ 1", `completed  ${"█".repeat(50)} 100`]);
  for (const columns of [20, 30, 40])
    for (const line of texts(columns)) expect(line.length).toBeLessThanOrEqual(Math.max(20, columns));
});

test("an answer without counts has no bars", () => {
  expect(dashboardBars({}, 80)).toEqual([]);
  expect(dashboardBars({ flow_runs: "none" }, 80)).toEqual([]);
});
