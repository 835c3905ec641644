import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { CAUSES } from "../../../../src/queries/diagnosis/causes/index.ts";
import { judge } from "../../../../src/queries/diagnosis/diagnose.ts";
import { SUBJECT_KINDS } from "../../../../src/queries/diagnosis/findings/scopes.ts";
import { EXAMPLES } from "../../../support/diagnosis/examples.ts";
import { factsOfRun, someFacts } from "../../../support/diagnosis/facts.ts";

const UUID = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/gi;

test("codes are unique", () => {
  const codes = CAUSES.map((cause) => cause.code);
  expect(new Set(codes).size).toBe(codes.length);
  expect(Object.keys(EXAMPLES).toSorted()).toEqual(codes.toSorted());
});

describe("every cause and every kind of subject", () => {
  const pairs = CAUSES.flatMap((cause) => SUBJECT_KINDS.map((kind) => [cause, kind] as const));
  test.each(pairs.map(([cause, kind]) => [cause.code, kind, cause] as const))(
    "%s is judged for %s, or says why not",
    (code, kind, cause) => {
      const scope = cause.scopes[kind];
      if (scope !== true) return expect(scope).toMatch(/^\S.{25,}[.]$/);
      const found = cause.judge(EXAMPLES[code]?.(kind) ?? someFacts(kind));
      expect({ code, kind, findings: found.length }).toEqual({ code, kind, findings: 1 });
    },
  );

  test.each(pairs.map(([cause, kind]) => [cause.code, kind, cause] as const))(
    "%s for %s names every id that it shows, and its fix has no placeholder",
    (code, kind, cause) => {
      if (cause.scopes[kind] !== true) return;
      for (const { summary, evidence, fix } of cause.judge(EXAMPLES[code]?.(kind) ?? someFacts(kind))) {
        expect(summary).not.toMatch(UUID);
        expect(unnamedIds(evidence)).toEqual([]);
        expect(fix).not.toMatch(/<[a-z_/]+>|…/);
      }
    },
  );
});

/** Objects with an id and without a name beside it. Events and limits' schedules have no names. */
function unnamedIds(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((one, index) => unnamedIds(one, `${path}[${index}]`));
  if (typeof value !== "object" || value === null) return [];
  const members = Object.entries(value);
  const hasName = members.some(([key]) => key === "name" || key === "event" || key === "schedule");
  const own = "id" in value && !hasName ? [path] : [];
  return [...own, ...members.flatMap(([key, member]) => unnamedIds(member, `${path}.${key}`))];
}

test("every cause has its test file", () => {
  const filesOf = (folder: string) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => name.replaceAll("\\", "/"));
  const src = filesOf(join(import.meta.dir, "../../../../src/queries/diagnosis/causes"));
  const parts = new Set(["automations/automation-composite.ts"]);
  const missing = src.filter((file) => !parts.has(file)).map((file) => file.replace(/\.ts$/, ".test.ts"));
  expect(missing.length).toBeGreaterThan(20);
  expect(missing.filter((file) => !filesOf(import.meta.dir).includes(file))).toEqual([]);
});

test("empty facts give no finding, whatever the subject", () => {
  for (const kind of SUBJECT_KINDS) expect(judge(someFacts(kind))).toEqual([]);
  expect(judge(factsOfRun({ state_type: "COMPLETED" }))).toEqual([]);
});
