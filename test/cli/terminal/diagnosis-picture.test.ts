import { expect, test } from "bun:test";
import { diagnosisPicture } from "../../../src/cli/terminal/diagnosis-picture.ts";
import { UNICODE } from "../../../src/cli/terminal/drawing.ts";
import { painted } from "../../../src/cli/terminal/paint.ts";

const answer = {
  verdict: "problem",
  subject: { kind: "deployment", name: "train/gpu" },
  causes: [
    {
      code: "work_pool_limit",
      severity: "problem",
      summary: "Work pool gpu is full",
      because: [
        { kind: "flow_run", name: "clever-skua", state: "Running", why: "its last heartbeat was 43 min ago" },
        { kind: "work_pool", name: "gpu\u001b[2J", state: "READY" },
      ],
    },
    { code: "no_schedule", severity: "note", summary: "It has no schedule" },
  ],
};

test("a diagnosis is its verdict, its causes and the chain below each, cut to the terminal", () => {
  const lines = (columns: number, hasColours = false) =>
    diagnosisPicture(answer, { columns, glyphs: UNICODE }).map((line) => painted(line, hasColours));
  expect(lines(80)).toEqual([
    "problem train/gpu",
    "1 work_pool_limit Work pool gpu is full",
    "  └ flow run clever-skua Running: its last heartbeat was 43 min ago",
    "    └ work pool gpu READY",
    "2 no_schedule It has no schedule",
  ]);
  expect(lines(40)[2]).toBe("  └ flow run clever-skua Running: its l…");
  expect(lines(80, true)[0]).toBe("\u001b[31mproblem\u001b[0m\u001b[1m train/gpu\u001b[0m");
  expect(diagnosisPicture({}, { columns: 80, glyphs: UNICODE })).toEqual([]);
});
