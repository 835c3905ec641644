import { describe, expect, test } from "bun:test";
import { estimateTokens } from "../../../src/tools/answer/token-budget.ts";
import { countTokens } from "../../support/tokens.ts";
import { answer, samples } from "../list-samples.ts";

describe("token estimates", () => {
  test.each(samples)("are equal to the true count or a little above: %s", (_, items) => {
    expect(items.length).toBeGreaterThan(0);
    const ratios: number[] = [];
    for (const layout of ["table", "json"] as const) {
      const { text, structured } = answer(items, 8_000, layout);
      const json = JSON.stringify(structured);
      ratios.push(estimateTokens(text) / countTokens(text), estimateTokens(json) / countTokens(json));
    }
    for (const ratio of ratios) expect(ratio).toBeGreaterThanOrEqual(1);
    expect(ratios.reduce((sum, ratio) => sum + ratio) / ratios.length).toBeLessThanOrEqual(1.15);
  });

  test("are at least 70 % of the true count for text without blanks, for other scripts and for emoji", () => {
    for (const text of [
      "prüfe größere Mengen überall, weil es nötig ist",
      "データベースに接続できません",
      "данные не найдены",
      "🚀🚀🚀",
      "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
    ]) {
      expect(estimateTokens(text)).toBeGreaterThanOrEqual(countTokens(text) * 0.7);
    }
  });
});
