import { describe, expect, test } from "bun:test";
import { createRedactor } from "../../../src/model/secrets/redact.ts";
import { seededRandom } from "../../support/random.ts";
import { GITLEAKS_RULES, KEPT_RULES } from "./gitleaks-rules.ts";
import { tokenSample } from "./secret-samples.ts";

const redact = createRedactor({ credentials: [] });

describe("what the rules of gitleaks find is replaced", () => {
  test("all rules are tried or deliberately left out", () => {
    const rules = [...GITLEAKS_RULES, ...KEPT_RULES].map(([rule]) => rule);
    expect(new Set(rules).size).toBe(rules.length);
    expect(rules.length).toBe(222);
    expect(KEPT_RULES.length).toBeLessThan(20);
  });

  test.each(GITLEAKS_RULES)("%s", (rule, template) => {
    const random = seededRandom(rule.length * 1_000 + template.length);
    for (let round = 0; round < 20; round += 1) {
      const { text, secret } = tokenSample(["", template], random);
      for (const around of [text, `found ${text} here`, JSON.stringify({ text })])
        expect(redact.text(around)).not.toContain(JSON.stringify(secret).slice(1, -1));
    }
  });
});
