import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { CAUSES } from "../../../../src/queries/diagnosis/causes/index.ts";
import { judge } from "../../../../src/queries/diagnosis/diagnose.ts";
import { factsOfRun, someFacts } from "../../../support/diagnosis/facts.ts";

test("codes are unique, and every cause names its subjects", () => {
  const codes = CAUSES.map((cause) => cause.code);
  expect(new Set(codes).size).toBe(codes.length);
  for (const cause of CAUSES) expect(cause.subjects.length).toBeGreaterThan(0);
});

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
  for (const kind of ["flow_run", "deployment", "work_pool", "automation", "workspace"] as const)
    expect(judge(someFacts(kind))).toEqual([]);
  expect(judge(factsOfRun({ state_type: "COMPLETED" }))).toEqual([]);
});
