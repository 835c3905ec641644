import { z } from "zod";
import { quoteJson } from "../../../src/lib/shown-text.ts";
import { answerText } from "../../../src/tools/answer/fenced.ts";
import { defineTool } from "../../../src/tools/definition/define-tool.ts";
import { filterArg, flagArg, listArgs, listOutput, textArg } from "../../../src/tools/definition/shared-schemas.ts";

/** Answers with its parsed arguments. */
export const echoTool = defineTool({
  name: "get_echo",
  title: "Echo",
  description: "Returns its arguments.",
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
  run: (_, input) =>
    Promise.resolve({ structured: { input }, text: answerText([quoteJson(input, Number.POSITIVE_INFINITY)]) }),
});
