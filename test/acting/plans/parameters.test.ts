/** The verdicts on the same parameters by `validate` of Prefect 3.8.8 (`utilities/schema_tools/validation.py`), after `hydrate`. */
import { describe, expect, test } from "bun:test";
import { checkParameters } from "../../../src/acting/plans/parameters.ts";
import type { JsonObject } from "../../../src/model/objects.ts";

const B = { type: "object", properties: { x: { type: "integer" } }, required: ["x"] };
const ofN = (n: unknown, definitions?: object) => ({
  type: "object",
  properties: { n },
  ...(definitions ? { definitions } : {}),
});
const check = (schema: object, parameters: object, more: object = {}) =>
  checkParameters(
    { parameter_openapi_schema: schema as JsonObject, enforce_parameter_schema: true, ...more },
    {},
    parameters as JsonObject,
  );
const variable = { __prefect_kind: "workspace_variable", variable_name: "v" };
const withType = (name: string, more: object = {}) => ({
  type: "object",
  properties: { type: { const: name, default: name }, x: { type: "integer" } },
  ...more,
});

describe("parameters that Prefect takes are not refused", () => {
  test.each<[string, object, unknown]>([
    ["null without a default", ofN({ type: "integer" }), null],
    [
      "null inside of an object",
      ofN({ $ref: "#/definitions/B" }, { B: { properties: { x: { type: "integer" } } } }),
      { x: null },
    ],
    ["a duration as a clock", ofN({ type: "string", format: "duration" }), "00:05:00"],
    ["a time without zone", ofN({ type: "string", format: "date-time" }), "2026-01-01T00:00:00"],
    ["a UUID without dashes", ofN({ type: "string", format: "uuid" }), "123e4567e89b12d3a456426614174000"],
    ["a template as a URI", ofN({ type: "string", format: "uri" }), "s3://bucket/{day}"],
    ["what a pattern of Python matches", ofN({ type: "string", pattern: "^(?P<y>\\d{4})\\Z" }), "2026"],
    ["what only an escape of Python allows", ofN({ type: "string", pattern: "^\\d{4}\\-\\d{2}$" }), "2026-01"],
    ["letters beyond ASCII", ofN({ type: "string", pattern: "^\\w+$" }), "größe"],
    ["a template inside of an object", ofN(B), { x: variable }],
    ["a template inside of a list", ofN({ type: "array", items: { type: "integer" } }), [variable]],
    [
      "a name that a pattern allows",
      ofN({ additionalProperties: false, patternProperties: { "^(a|b)$": {} } }),
      { a: 1 },
    ],
    [
      "a block by its id",
      ofN({ $ref: "#/definitions/Aws" }, { Aws: { ...B, title: "Aws", block_type_slug: "aws" } }),
      { $ref: crypto.randomUUID() },
    ],
    ["an alternative whose type has a default", ofN({ anyOf: [withType("a"), withType("b")] }), { x: 1 }],
  ])("%s", async (_, schema, n) => {
    expect(await check(schema, { n }).catch((error: unknown) => String(error))).toBeUndefined();
  });

  test("other names that the schema allows", async () => {
    const schema = { ...ofN({ type: "integer" }), additionalProperties: { type: "integer" } };
    await check(schema, { m: 2 });
    expect(check(schema, { m: "x" })).rejects.toThrow('m: Instance type "string" is invalid. Expected "integer".');
  });

  test("any at all where the schema is not enforced", async () => {
    await check(ofN(B), { m: 1 }, { enforce_parameter_schema: false });
  });
});

describe("parameters that Prefect refuses are refused, and the sentence says where", () => {
  const nothing = "the schema of the deployment's parameters cannot be followed";
  test.each<[string, object, unknown, string]>([
    ["null with a default", ofN({ type: "integer", default: 1 }), null, 'n: Instance type "null" is invalid'],
    [
      "null that no alternative allows",
      ofN({ anyOf: [{ type: "integer" }, { type: "string" }] }),
      null,
      'n: Instance type "null"',
    ],
    ["null for an object", ofN({ $ref: "#/definitions/B" }, { B }), null, 'n: Instance type "null" is invalid'],
    ["a missing member", ofN({ allOf: [{ $ref: "#/definitions/B" }], default: {} }, { B }), {}, 'property "x"'],
    [
      "another type",
      ofN({ type: "integer" }),
      "1",
      'n: Instance type "string" is invalid. Expected "integer", "null".',
    ],
    ["what a plain pattern does not match", ofN({ type: "string", pattern: "^[\\w-]+$" }), "a b", "n: String does not"],
    [
      "what stands beside the alternatives",
      ofN({ required: ["z"], anyOf: [withType("a"), withType("b")] }),
      { type: "a", x: 1 },
      'n: Instance does not have required property "z".',
    ],
    ["a reference to nothing", ofN({ $ref: "#/definitions/Z" }), 1, nothing],
    ["a reference to itself", ofN({ $ref: "#/definitions/A" }, { A: { $ref: "#/definitions/A" } }), 1, nothing],
    [
      "an alternative that is itself",
      ofN({ $ref: "#/definitions/A" }, { A: { ...withType("a"), anyOf: [{ $ref: "#/definitions/A" }] } }),
      { type: "a" },
      nothing,
    ],
  ])("%s", async (_, schema, n, message) => {
    expect(check(schema, { n })).rejects.toThrow(message);
  });
});

test("a pattern of the workspace that takes very many steps is left to Prefect", async () => {
  const schema = ofN({ type: "string", pattern: "^(a+)+$" });
  await check(schema, { n: `${"a".repeat(60)}!` });
});
