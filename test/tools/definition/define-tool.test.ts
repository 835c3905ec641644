import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { AppError } from "../../../src/errors.ts";
import { defineTool } from "../../../src/tools/definition/define-tool.ts";
import { toolListing } from "../../../src/tools/definition/listing.ts";
import { filterArg, flagArg, listArgs, listOutput, textArg } from "../../../src/tools/definition/shared-schemas.ts";
import { callWith } from "../../support/call-tool.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

const echo = defineTool({
  name: "get_echo",
  title: "Echo",
  description: "Says what it was given.",
  input: z.strictObject({
    flow_run: textArg,
    since: textArg,
    active: flagArg,
    filter: filterArg,
    order: z.enum(["asc", "desc"]).optional(),
    ...listArgs(200),
  }),
  output: listOutput("echoes"),
  aliases: { run: "flow_run" },
  run: (_, input) => Promise.resolve({ structured: { input }, text: JSON.stringify(input) }),
});

const failing = defineTool({
  ...echo,
  input: z.strictObject({}),
  run: () => {
    throw new AppError("rate_limited", "too many requests", { hint: "Wait.", retryAfterMs: 1_500 });
  },
});

async function call(tool: typeof echo, args: unknown) {
  await using harness = await openToolHarness({ record: false });
  return callWith(harness.query, tool, args);
}

describe("arguments", () => {
  const understood: [string, unknown, object][] = [
    ["none at all", undefined, {}],
    ["null for absent", { flow_run: null, limit: null }, {}],
    ["a number as text", { limit: "5" }, { limit: 5 }],
    ["a flag as text", { active: "True" }, { active: true }],
    ["an object as text", { filter: '{"name": {"any_": ["a"]}}' }, { filter: { name: { any_: ["a"] } } }],
    ["a list as text", { fields: '["id","name"]' }, { fields: ["id", "name"] }],
    ["a list with commas", { fields: "id, name" }, { fields: ["id", "name"] }],
    ["a choice in capitals", { order: "ASC" }, { order: "asc" }],
    ["a number for a text", { flow_run: 12 }, { flow_run: "12" }],
    ["camel case", { flowRun: "a" }, { flow_run: "a" }],
    ["a known misnaming", { run: "a" }, { flow_run: "a" }],
    ["a long cursor", { cursor: "a".repeat(20_000) }, { cursor: "a".repeat(20_000) }],
    [
      "a long filter",
      { filter: JSON.stringify({ name: { any_: Array(5_000).fill("a") } }) },
      { filter: { name: { any_: Array(5_000).fill("a") } } },
    ],
    ["everything as text", '{"limit": 7}', { limit: 7 }],
  ];
  test.each(understood)("understands %s", async (_, args, expected) => {
    expect((await call(echo, args)).structuredContent).toEqual({ input: expected });
  });

  const refused: [string, unknown, string][] = [
    ["an unknown name", { flowrun_id: "a" }, 'unknown argument "flowrun_id"; did you mean "flow_run"?'],
    ["a name nobody can guess", { zzz: 1 }, 'unknown argument "zzz"'],
    ["a name given twice", { flow_run: "a", run: "b" }, 'argument "flow_run" is given twice (also as "run")'],
    ["too large a limit", { limit: 201 }, 'argument "limit": Too big: expected number to be <=200'],
    ["a limit of none", { limit: 0 }, 'argument "limit": Too small: expected number to be >=1'],
    ["a text for an object", { filter: "name" }, 'argument "filter": Invalid input: expected object, received string'],
    ["broken JSON", { filter: "{name}" }, "not valid JSON: {name}"],
    ["a name of a million characters", { ["aZ".repeat(500_000)]: 1 }, `unknown argument "${"aZ".repeat(50)}…"`],
    ["too long a text", { flow_run: "a".repeat(10_001) }, 'argument "flow_run" has a text of 10001 characters'],
    ["too many entries", { fields: "a,".repeat(500) }, 'argument "fields" has 501 entries'],
    ["too long an entry", { fields: ["a".repeat(20_000)] }, 'argument "fields" has a text of 20000 characters'],
    ["a list of arguments", [1], "arguments must be a JSON object"],
  ];
  test.each(refused)("refuses %s", async (_, args, message) => {
    const result = await call(echo, args);
    expect(result).toMatchObject({
      isError: true,
      structuredContent: { code: "invalid_input", message, retryable: false },
    });
    expect(result.content[0]?.text).toContain(message);
  });
});

describe("a failure", () => {
  test("says the same in both channels", async () => {
    expect(await call(failing, {})).toEqual({
      content: [{ type: "text", text: "Error rate_limited: too many requests\nHint: Wait.\nRetryable: yes after 2 s" }],
      structuredContent: {
        code: "rate_limited",
        message: "too many requests",
        hint: "Wait.",
        retryable: true,
        retry_after_seconds: 2,
      },
      isError: true,
    });
  });
});

describe("a listing", () => {
  test("has plain optional members and no alternatives with null", () => {
    const { inputSchema, outputSchema } = toolListing(echo);
    expect(inputSchema).toEqual({
      type: "object",
      properties: {
        flow_run: { type: "string" },
        since: { type: "string" },
        active: { type: "boolean" },
        filter: { type: "object" },
        order: { type: "string", enum: ["asc", "desc"] },
        limit: { type: "integer", minimum: 1, maximum: 200 },
        cursor: { type: "string" },
        fresh: { type: "boolean" },
        detail: { type: "string", enum: ["brief", "full"] },
        fields: { type: "array", items: { type: "string" } },
        workspace_id: { type: "string" },
      },
      additionalProperties: false,
    });
    expect(outputSchema).toEqual({
      type: "object",
      properties: {
        echoes: { type: "array", items: { type: "object" } },
        source: { type: "string" },
        as_of: { type: "string" },
        coverage: { type: "object" },
        next_cursor: { type: "string" },
      },
    });
    expect(toolListing(failing).inputSchema).toEqual({ type: "object", properties: {}, additionalProperties: false });
  });
});
