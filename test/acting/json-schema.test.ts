import { expect, test } from "bun:test";
import { schemaProblem } from "../../src/acting/json-schema.ts";
import { AUTOMATION_EXAMPLE, AUTOMATION_SCHEMA } from "../../src/tools/objects/automation-schema.ts";

const valid = { ...AUTOMATION_EXAMPLE, actions: [{ type: "do-nothing" }] };
const problemOf = (over: object) => schemaProblem(AUTOMATION_SCHEMA, { ...valid, ...over });

test("a value that fits has no problem", async () => {
  expect(await problemOf({})).toBeNull();
  expect(await problemOf({ actions: [{ type: "run-deployment", deployment_id: crypto.randomUUID() }] })).toBeNull();
});

test("the problem is named at its innermost place, of the alternative that is meant", async () => {
  expect(await problemOf({ trigger: { type: "event" } })).toBe(
    'trigger: Instance does not have required property "posture".',
  );
  expect(await problemOf(AUTOMATION_EXAMPLE)).toStartWith("actions/0/deployment_id: String does not match format");
  expect(await problemOf({ actions: [{ type: "nonsense" }] })).toMatch(/^actions\/0\/type: .*"run-deployment"/);
  const nested = { type: "compound", require: "any", within: 1, triggers: [{ type: "event" }] };
  expect(await problemOf({ trigger: nested })).toStartWith("trigger/triggers/0: Instance does not have");
  expect(await schemaProblem(AUTOMATION_SCHEMA, { name: "x" })).toContain("required property");
});

test("definitions of pydantic's schemas are followed", async () => {
  const schema = {
    type: "object",
    properties: { a: { anyOf: [{ type: "string" }, { type: "null" }] }, b: { $ref: "#/definitions/B" } },
    definitions: { B: { type: "object", properties: { x: { type: "integer" } }, required: ["x"] } },
  };
  expect(await schemaProblem(schema, { a: null, b: { x: 1 } })).toBeNull();
  expect(await schemaProblem(schema, { a: null, b: { x: "1" } })).toBe(
    'b/x: Instance type "string" is invalid. Expected "integer".',
  );
});
