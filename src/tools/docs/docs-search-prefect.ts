import { z } from "zod";
import { searchDocs } from "../../queries/docs/docs.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { defineTool } from "../definition/define-tool.ts";
import { limitArg, metaOutput, textArg } from "../definition/shared-schemas.ts";
import { docsAnswer, READS_ANOTHER_HOST } from "./docs-answer.ts";

export const docsSearchPrefectTool = defineTool({
  name: "docs_search_prefect",
  title: "Search Prefect's documentation",
  description:
    "Searches Prefect's documentation on the configured docs server; when that does not answer, a shipped list of its pages, marked as such.",
  input: z.strictObject({ query: z.string(), limit: limitArg(20) }),
  output: z.looseObject({ text: textArg, pages: z.array(z.looseObject({})).optional(), ...metaOutput }),
  annotations: READS_ANOTHER_HOST,
  aliases: { q: "query", question: "query", top_k: "limit" },
  async run({ query: ctx }, { query, limit = 8 }) {
    return docsAnswer(await searchDocs(ctx, query, limit), serverNowUs(ctx));
  },
});
