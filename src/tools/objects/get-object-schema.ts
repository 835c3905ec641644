import { z } from "zod";
import { AppError } from "../../errors.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
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
  aliases: { type: "object_type", object: "object_type", name: "object_type" },
  run({ query: ctx }, { object_type }) {
    const make = OBJECT_SCHEMAS[typeName(object_type)];
    if (!make) {
      throw new AppError("invalid_input", `no schema of ${withNearest(object_type, TYPES)}`, {
        hint: `object_type is one of: ${TYPES.join(", ")}.`,
      });
    }
    const { schema, rules, example } = make();
    const found = { object_type: typeName(object_type), schema, rules, ...(example ? { example } : {}) };
    const lines = [
      `schema of ${found.object_type}:`,
      JSON.stringify(schema),
      ...rules,
      ...(example ? [`example: ${JSON.stringify(example)}`] : []),
    ];
    return Promise.resolve({ structured: { ...found, ...builtInFields(serverNowUs(ctx)) }, text: lines.join("\n") });
  },
});

/** `read_events`, `get_flow_runs` and `flow_runs` stand for the filter of that tool, `work-pool` for `work_pool`. */
function typeName(given: string): string {
  const name = given.trim().toLowerCase().replaceAll("-", "_");
  if (name in OBJECT_SCHEMAS) return name;
  const filter = `${name.replace(/^(get|read)_/, "").replace(/s$/, "")}_filter`;
  return filter in OBJECT_SCHEMAS ? filter : name;
}
