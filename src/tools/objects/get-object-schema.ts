import { z } from "zod";
import { AppError } from "../../errors.ts";
import { asName, asNames, quoteJson, sentence } from "../../lib/shown-text.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { answerText } from "../answer/fenced.ts";
import { builtInFields } from "../answer/freshness.ts";
import { defineTool } from "../definition/define-tool.ts";
import { metaOutput } from "../definition/shared-schemas.ts";
import { withNearest } from "../definition/suggestions.ts";
import { OBJECT_SCHEMAS } from "./object-schemas.ts";

const TYPES = Object.keys(OBJECT_SCHEMAS);

export const getObjectSchemaTool = defineTool({
  name: "get_object_schema",
  title: "Object schema",
  description:
    "JSON Schema, rules and an example of an object that the prefect CLI takes as JSON (automation, deployment_schedule, work_pool, variable, concurrency_limit, block_document, event) or of a tool's filter (event_filter, flow_run_filter, …). No request to Prefect.",
  input: z.strictObject({ object_type: z.string() }),
  output: z.looseObject({ schema: z.looseObject({}).optional(), ...metaOutput }),
  aliases: { type: "object_type", object: "object_type", name: "object_type", kind: "object_type" },
  run({ query: ctx }, { object_type }) {
    const type = typeName(object_type);
    const make = Object.hasOwn(OBJECT_SCHEMAS, type) ? OBJECT_SCHEMAS[type] : undefined;
    if (!make) {
      throw new AppError("invalid_input", sentence`no schema of ${withNearest(object_type, TYPES)}`, {
        hint: sentence`object_type is one of: ${asNames(TYPES)}.`,
      });
    }
    const { schema, rules, example } = make();
    const found = { object_type: type, schema, rules, ...(example ? { example } : {}) };
    const text = answerText([
      sentence`schema of ${asName(type)}:`,
      quoteJson(schema, Number.POSITIVE_INFINITY),
      ...rules,
      ...(example ? [sentence`example: ${quoteJson(example, Number.POSITIVE_INFINITY)}`] : []),
    ]);
    return Promise.resolve({ structured: { ...found, ...builtInFields(serverNowUs(ctx)) }, text });
  },
});

/** `read_events`, `get_flow_runs` and `flow_runs` stand for the filter of that tool, `work-pool` for `work_pool`. */
function typeName(given: string): string {
  const name = given.trim().toLowerCase().replaceAll("-", "_");
  if (Object.hasOwn(OBJECT_SCHEMAS, name)) return name;
  const filter = `${name.replace(/^(get|read)_/, "").replace(/s$/, "")}_filter`;
  return Object.hasOwn(OBJECT_SCHEMAS, filter) ? filter : name;
}
