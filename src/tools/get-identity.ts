import { z } from "zod";
import { serverNowUs } from "../queries/freshness.ts";
import { getIdentity } from "../queries/identity.ts";
import { defineTool } from "./define.ts";
import { metaLines } from "./meta.ts";
import { answerMeta, flagArg, metaOutput, textArg } from "./shapes.ts";

export const getIdentityTool = defineTool({
  name: "get_identity",
  title: "Identity",
  description: "Which Prefect this is: API URL, version; on Cloud also account, workspace, user, plan and limits.",
  input: z.strictObject({ fresh: flagArg, workspace_id: textArg }),
  output: z.looseObject({ identity: z.looseObject({}).optional(), ...metaOutput }),
  async run({ query: ctx }, args) {
    const { identity, freshness } = await getIdentity(ctx, args.fresh);
    const facts = Object.entries(identity).map(
      ([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`,
    );
    return {
      structured: { identity, ...answerMeta(freshness) },
      text: [...facts, ...metaLines(freshness, serverNowUs(ctx))].join("\n"),
    };
  },
});
