import { z } from "zod";
import { asName, asReason, jsonLine, sentence } from "../../lib/shown-text.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { getIdentity } from "../../queries/workspace/identity.ts";
import { answerText } from "../answer/fenced.ts";
import { freshnessFields, freshnessLines } from "../answer/freshness.ts";
import { defineTool } from "../definition/define-tool.ts";
import { flagArg, metaOutput } from "../definition/shared-schemas.ts";

export const getIdentityTool = defineTool({
  name: "get_identity",
  title: "Identity",
  description: "Which Prefect this is: API URL, version; on Cloud also account, workspace, user, plan and limits.",
  input: z.strictObject({ fresh: flagArg }),
  output: z.looseObject({ identity: z.looseObject({}).optional(), ...metaOutput }),
  async run({ query: ctx }, args) {
    const { identity, freshness } = await getIdentity(ctx, args.fresh);
    // Names of the workspace, the account and the user are from Prefect.
    const facts = Object.entries(identity).map(
      ([name, value]) =>
        sentence`${asName(name)}: ${typeof value === "string" ? asReason(value) : asReason(jsonLine(value))}`,
    );
    return {
      structured: { identity, ...freshnessFields(freshness) },
      text: answerText([...facts, ...freshnessLines(freshness, serverNowUs(ctx))]),
    };
  },
});
