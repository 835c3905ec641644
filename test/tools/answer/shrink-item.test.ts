import { describe, expect, test } from "bun:test";
import { shrinkItem } from "../../../src/tools/answer/shrink-item.ts";
import { estimateJsonTokens, MAX_TOKENS } from "../../../src/tools/answer/token-budget.ts";
import { getFlowRunLogsTool } from "../../../src/tools/runs/get-flow-run-logs.ts";
import { aFlowRun, aLog, anId, at } from "../../support/builders.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

const repeated = (part: string, length: number) => part.repeat(Math.ceil(length / part.length)).slice(0, length);
const TEXTS = {
  words: repeated("the nightly load of orders has stopped at partition seven ", 60_000),
  json: JSON.stringify(Array.from({ length: 3_000 }, (_, n) => ({ id: anId(n), ok: n % 2 === 0, at: at(n) }))),
  lines: repeated('  File "/opt/app/flows.py", line 12, in load\n\traise ValueError(x)\n', 60_000),
  "one long word": "x".repeat(200_000),
  emoji: "🦆".repeat(30_000),
  "few characters of many tokens": "漢字".repeat(4_500),
  digits: repeated("0123456789", 300_000),
  "fifty million characters": "a b c d ".repeat(6_250_000),
};

describe("shrinkItem", () => {
  test.each(Object.entries(TEXTS))("cuts an item close to the budget and never above: %s", (_, message) => {
    for (const budget of [500, 2_000, 7_900]) {
      const small = shrinkItem({ id: "a", level: "ERROR", message }, budget);
      const tokens = estimateJsonTokens(small);
      expect(tokens).toBeLessThanOrEqual(budget);
      expect(tokens).toBeGreaterThan(budget * 0.85);
      expect(small).toMatchObject({ id: "a", level: "ERROR", cut: ["message"] });
      expect(small.message).toMatch(/ …\[[\d,]+ characters cut\]… /);
      expect(String(small.message).isWellFormed()).toBe(true);
    }
  });

  test("keeps short members whole and cuts long ones to one length", () => {
    const item = { id: "a", name: "load", one: TEXTS.words, two: { deep: TEXTS.json }, note: "n".repeat(300) };
    const small = shrinkItem(item, 6_000);
    expect(small).toMatchObject({ name: "load", note: item.note, cut: ["one", "two"] });
    expect(estimateJsonTokens(small)).toBeLessThanOrEqual(6_000);
    expect(estimateJsonTokens(small)).toBeGreaterThan(5_100);
    expect(shrinkItem({ id: "a", name: "load" }, 6_000)).toEqual({ id: "a", name: "load" });
  });

  const WIDE: [string, Record<string, unknown>][] = [
    ["20,000 members", Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`field_${n}`, `漢字 ${n}`]))],
    ["members with names of 10,000 characters", Object.fromEntries([1, 2, 3].map((n) => ["n".repeat(10_000) + n, n]))],
    ["100 members of many tokens", Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`f${n}`, TEXTS.emoji]))],
    ["an id of a megabyte", { id: "i".repeat(1_000_000) }],
  ];
  test.each(WIDE)("leaves members out where cutting them is not enough, and says how many: %s", (_, members) => {
    const small = shrinkItem({ name: "load", id: "a", ...members }, 2_000);
    expect(estimateJsonTokens(small)).toBeLessThanOrEqual(2_000);
    expect(Object.keys(small)).toContain("id");
    const whole = Object.keys(members).length + (members.id === undefined ? 2 : 1);
    const leftOut = whole - (Object.keys(small).length - 1);
    const said = (small.cut as string[]).filter((one) => one.endsWith(" more members"));
    expect(said).toEqual(leftOut > 0 ? [`${leftOut.toLocaleString("en-US")} more members`] : []);
  });

  test("lets a log line of 60,000 characters fill the answer", async () => {
    await using harness = await openToolHarness();
    const run = aFlowRun({ id: anId(1) });
    harness.flowRuns([run]);
    harness.logs([aLog({ flow_run_id: run.id, message: TEXTS.lines, timestamp: at(1) })]);
    harness.cover("log", { scope: run.id });
    const { structured, tokens } = await harness.call(getFlowRunLogsTool, { flow_run_id: run.id, limit: 1 });
    const [{ message }] = structured.logs;
    expect(message.length).toBeGreaterThan(12_000);
    expect(Math.max(tokens.text, tokens.structured)).toBeLessThanOrEqual(MAX_TOKENS);
    expect(tokens.structured).toBeGreaterThan(MAX_TOKENS * 0.7);
  });
});
