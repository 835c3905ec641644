import { z } from "zod";
import { getReleaseNotes } from "../../queries/docs/docs.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { defineTool } from "../definition/define-tool.ts";
import { metaOutput, textArg } from "../definition/shared-schemas.ts";
import { docsAnswer, READS_ANOTHER_HOST } from "./docs-answer.ts";

export const docsGetReleaseNotesTool = defineTool({
  name: "docs_get_release_notes",
  title: "Prefect's release notes",
  description:
    "Release notes of Prefect, the newest or those of a version, from the configured docs server; when that does not answer, where to read them.",
  input: z.strictObject({ version: textArg.describe("3.4, 3.4.20") }),
  output: z.looseObject({ text: textArg, pages: z.array(z.looseObject({})).optional(), ...metaOutput }),
  annotations: READS_ANOTHER_HOST,
  async run({ query: ctx }, { version }) {
    return docsAnswer(await getReleaseNotes(ctx, version), serverNowUs(ctx));
  },
});
