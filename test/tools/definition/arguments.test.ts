import { describe, expect, test } from "bun:test";
import { callWith } from "../../support/call-tool.ts";
import { openToolHarness } from "../../support/tool-harness.ts";
import { echoTool } from "./echo-tool.ts";

async function call(args: unknown) {
  await using harness = await openToolHarness({ record: false });
  return callWith(harness.query, echoTool, args);
}

const deepText = (levels: number) => `${'{"and":'.repeat(levels)}1${"}".repeat(levels)}`;
const nested = (levels: number): unknown => JSON.parse(deepText(levels));

describe("arguments of a tool", () => {
  const accepted: [string, unknown, object][] = [
    ["absent", undefined, {}],
    ["null", { flow_run: null, limit: null }, {}],
    ["empty, as forms of clients send it", { flow_run: "", limit: " ", active: "", filter: "", fields: [""] }, {}],
    [
      "a placeholder that the client did not replace",
      { flow_run: `\${user_config.run}`, limit: `\${input:limit}` },
      {},
    ],
    ["a number as text", { limit: "5" }, { limit: 5 }],
    ["a flag as text", { active: "True" }, { active: true }],
    ["an object as text", { filter: '{"name": {"any_": ["a"]}}' }, { filter: { name: { any_: ["a"] } } }],
    ["a list as text", { fields: '["id","name"]' }, { fields: ["id", "name"] }],
    ["a list with commas", { fields: "id, name" }, { fields: ["id", "name"] }],
    ["a choice in capitals", { order: "ASC" }, { order: "asc" }],
    ["a number for text", { flow_run: 12 }, { flow_run: "12" }],
    ["camel case", { flowRun: "a" }, { flow_run: "a" }],
    ["an alias", { run: "a" }, { flow_run: "a" }],
    ["a long cursor", { cursor: "a".repeat(20_000) }, { cursor: "a".repeat(20_000) }],
    [
      "a long filter",
      { filter: JSON.stringify({ name: { any_: Array(5_000).fill("a") } }) },
      { filter: { name: { any_: Array(5_000).fill("a") } } },
    ],
    ["one JSON text", '{"limit": 7}', { limit: 7 }],
  ];
  test.each(accepted)("may be %s", async (_, args, expected) => {
    expect((await call(args)).structuredContent).toEqual({ input: expected });
  });

  const refused: [string, unknown, string][] = [
    ["an unknown name", { flowrun_id: "a" }, 'unknown argument "flowrun_id"; did you mean "flow_run"?'],
    ["an unknown name without a near one", { zzz: 1 }, 'unknown argument "zzz"'],
    ["a name given twice", { flow_run: "a", run: "b" }, 'argument "flow_run" is given twice (also as "run")'],
    ["a limit that is too large", { limit: 201 }, 'argument "limit": 201 is not a whole number from 1 to 200'],
    ["a limit of 0", { limit: 0 }, 'argument "limit": 0 is not a whole number from 1 to 200'],
    ["text for an object", { filter: "name" }, 'argument "filter": "name" is not a JSON object'],
    ["broken JSON", { filter: "{name}" }, 'not valid JSON: "{name}"'],
    ["a name of a million characters", { ["aZ".repeat(500_000)]: 1 }, `unknown argument "${"aZ".repeat(50)}…"`],
    ["text that is too long", { flow_run: "a".repeat(10_001) }, 'argument "flow_run" has a text of 10,001 characters'],
    ["a list with too many entries", { fields: "a,".repeat(500) }, 'argument "fields" has 501 entries'],
    [
      "a list with an entry that is too long",
      { fields: ["a".repeat(20_000)] },
      'argument "fields" has a text of 20,000 characters',
    ],
    ["a name that all objects have", { toString: "a" }, 'unknown argument "toString"'],
    ["the name of the prototype", JSON.parse('{"__proto__":{"limit":5}}'), 'unknown argument "__proto__"'],
    ["a filter nested too deep", { filter: nested(40_000) }, 'argument "filter" is nested deeper than 60 levels'],
    [
      "a deep filter as text",
      { filter: deepText(40_000) },
      "the JSON in the arguments is nested deeper than 60 levels",
    ],
    ["deep arguments as text", deepText(40_000), "the JSON in the arguments is nested deeper than 60 levels"],
    [
      "a filter with too many values",
      { filter: { name: { any_: Array(50_000).fill("a") } } },
      'argument "filter" has more than 50000 values',
    ],
    ["a list of arguments", [1], "arguments must be a JSON object"],
  ];
  test.each(refused)("may not be %s", async (_, args, message) => {
    const result = await call(args);
    expect(result).toMatchObject({
      isError: true,
      structuredContent: { code: "invalid_input", message, retryable: false },
    });
    expect(result.content[0]?.text).toContain(message);
  });
});
