/** The answer of both docs tools: the text of the docs server, or pages of the shipped index with a note that they are from there. */
import { asPlace, asReason, counted, own, sentence, verbatim } from "../../lib/shown-text.ts";
import type { ServerUs } from "../../lib/time.ts";
import type { DocsAnswer } from "../../queries/docs/docs.ts";
import { answerText, fenced } from "../answer/fenced.ts";
import { freshnessFields, freshnessLines, withoutWindow } from "../answer/freshness.ts";
import { MAX_TOKENS } from "../answer/token-budget.ts";
import { READ_ONLY, type ToolAnnotations, type ToolAnswer } from "../definition/define-tool.ts";

/** They send requests to another host than Prefect. */
export const READS_ANOTHER_HOST: ToolAnnotations = { ...READ_ONLY, openWorldHint: true };

/** Characters that fit the largest answer, even where each takes half a token. */
const MAX_CHARS = MAX_TOKENS * 2;

export function docsAnswer(answer: DocsAnswer, nowUs: ServerUs): ToolAnswer {
  const isServer = answer.from === "server";
  const notes = isServer
    ? []
    : [sentence`Answered from the shipped list of pages, which may be out of date: ${asReason(answer.why)}.`];
  const freshness = {
    source: isServer ? "live" : "record",
    asOfUs: nowUs,
    coverage: withoutWindow(isServer, notes),
  } as const;
  const [head = own(""), ...rest] = freshnessLines(freshness, nowUs);
  const meta = freshnessFields(freshness);
  if (isServer) {
    const text = answer.text.length > MAX_CHARS ? `${answer.text.slice(0, MAX_CHARS)}…` : answer.text;
    return {
      structured: { from: "docs server", text, ...meta },
      text: answerText([sentence`docs server | ${head}`, fenced(verbatim(text))]),
      untrusted: ["text"],
    };
  }
  // The list is part of this program.
  const lines = answer.pages.map(({ title, url, summary }) => sentence`${title} | ${asPlace(url)} | ${summary}`);
  const none = sentence`No page in the list matches these words.`;
  return {
    structured: { from: "shipped index", pages: answer.pages, ...meta },
    text: answerText([
      sentence`${counted(answer.pages.length, "page")} | ${head}`,
      ...rest,
      ...(lines.length > 0 ? lines : [none]),
    ]),
  };
}
