import { z } from "zod";
import { ownLines } from "../../lib/shown-text.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { answerText } from "../answer/fenced.ts";
import { builtInFields } from "../answer/freshness.ts";
import { defineTool } from "../definition/define-tool.ts";
import { INSTRUCTIONS } from "../definition/instructions.ts";
import { metaOutput, textArg } from "../definition/shared-schemas.ts";

export const orientationTool = defineTool({
  name: "orientation",
  title: "Orientation",
  description:
    "How to use this server: what it can answer, where to start, how to read its answers. No request to Prefect.",
  input: z.strictObject({}),
  output: z.looseObject({ text: textArg, ...metaOutput }),
  run: ({ query: ctx }) =>
    Promise.resolve({
      structured: { text: INSTRUCTIONS, ...builtInFields(serverNowUs(ctx)) },
      text: answerText(ownLines(INSTRUCTIONS)),
    }),
});
