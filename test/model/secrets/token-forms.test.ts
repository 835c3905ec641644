import { describe, expect, test } from "bun:test";
import { INFRASTRUCTURE_TOKENS } from "../../../src/model/secrets/infrastructure-tokens.ts";
import { createRedactor } from "../../../src/model/secrets/redact.ts";
import { SERVICE_TOKENS } from "../../../src/model/secrets/service-tokens.ts";
import { seededRandom } from "../../support/random.ts";
import { TOKEN_TEMPLATES, tokenSample } from "./secret-samples.ts";

const redact = createRedactor({ credentials: [] });

/** Texts around a secret, as in logs, messages, JSON inside a string, Python's notation and URLs. */
const AROUND: readonly (readonly [before: string, after: string])[] = [
  ["", ""],
  ["the value is ", " as you see"],
  ["X=", "\nNEXT=1"],
  ['{"a":"', '"}'],
  ['{\\"a\\":\\"', '\\"}'],
  ["{'a': '", "', 'b': 1}"],
  ["line one\\n", "\\nline three"],
  ["a%3D", "%26b%3D1"],
  ["(", ")"],
  ["<v>", "</v>"],
  ["\u001b[32m", "\u001b[0m"],
];

describe("tokens are recognized by their form", () => {
  test("of at least 60 kinds, each of which has a sample here", () => {
    const sampled = new Set(TOKEN_TEMPLATES.map(([kind]) => kind));
    const kinds = new Set([...INFRASTRUCTURE_TOKENS, ...SERVICE_TOKENS].map(({ kind }) => kind));
    expect([...kinds].filter((kind) => !sampled.has(kind))).toEqual([]);
    expect(kinds.size).toBeGreaterThanOrEqual(60);
  });

  test.each(TOKEN_TEMPLATES)("%s: %s", (kind, template) => {
    const random = seededRandom(kind.length * 1_000 + template.length);
    for (let round = 0; round < 20; round += 1) {
      const { text, clean, secret } = tokenSample([kind, template], random);
      for (const [before, after] of AROUND) {
        const found = redact.text(`${before}${text}${after}`);
        expect(found).not.toContain(secret);
        expect(found).toBe(`${before}${clean}${after}`);
        expect(redact.text(found)).toBe(found);
      }
    }
  });

  test("not in other words: image digests, UUIDs, hashes, base64, ids of Prefect", () => {
    const random = seededRandom(99);
    const hex = (length: number) =>
      Array.from({ length }, () => "0123456789abcdef"[Math.floor(random() * 16)]).join("");
    const uuid = () => `${hex(8)}-${hex(4)}-7${hex(3)}-9${hex(3)}-${hex(12)}`;
    for (let round = 0; round < 500; round += 1) {
      const base64 = btoa(Array.from({ length: 60 }, () => String.fromCharCode(Math.floor(random() * 256))).join(""));
      for (const text of [
        uuid(),
        `prefect.flow-run.${uuid()}`,
        `prefect.task-run.${uuid()}`,
        `prefecthq/prefect:3.8.8-python3.12@sha256:${hex(64)}`,
        `docker://registry.local:5000/etl@sha256:${hex(64)}`,
        `commit ${hex(40)}`,
        `md5 ${hex(32)}`,
        `extract-${hex(8)}-${hex(3)}`,
        `{"payload": "${base64}"}`,
        `storage_key=${hex(32)}`,
        `cache_key: ${hex(64)}`,
        `idempotency_key="${uuid()}"`,
        `next_page=http://127.0.0.1:4200/api/events/filter/next?page-token=${btoa(`{"since": "${uuid()}"}`)}`,
        `http://127.0.0.1:4200/flow-runs/flow-run/${uuid()}?tab=logs#${hex(8)}`,
      ])
        expect(redact.text(text)).toBe(text);
    }
  });
});
