/** What both docs tools answer: the docs server's text, or pages of the shipped index, marked as such. */

import type { DocsAnswer } from "../../queries/docs/docs.ts";
import { fenced } from "../answer/fenced.ts";
import { freshnessFields, freshnessLines, withoutWindow } from "../answer/freshness.ts";
import { WIDE_TOKENS } from "../answer/token-budget.ts";
import type { ToolAnnotations, ToolAnswer } from "../definition/define-tool.ts";

/** They ask another host than Prefect. */
export const ASKS_ANOTHER_HOST: ToolAnnotations = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: true,
};

/** Characters that fit an answer with both its channels, whatever they are. */
const MAX_CHARS = WIDE_TOKENS * 2;

export function docsAnswer(answer: DocsAnswer, nowUs: number): ToolAnswer {
  const isServer = answer.from === "server";
  const notes = isServer ? [] : [`Answered from the shipped list of pages, which may be out of date: ${answer.why}.`];
  const freshness = {
    source: isServer ? "live" : "record",
    asOfUs: nowUs,
    coverage: withoutWindow(isServer, notes),
  } as const;
  const [head = "", ...rest] = freshnessLines(freshness, nowUs);
  const meta = freshnessFields(freshness);
  if (isServer) {
    const text = answer.text.length > MAX_CHARS ? `${answer.text.slice(0, MAX_CHARS)}…` : answer.text;
    return {
      structured: { from: "docs server", text, ...meta },
      text: [`docs server | ${head}`, fenced([text])].join("\n"),
      untrusted: ["text"],
    };
  }
  const lines = answer.pages.map(({ title, url, summary }) => `${title} | ${url} | ${summary}`);
  const none = "No page of the list fits these words.";
  return {
    structured: { from: "shipped index", pages: answer.pages, ...meta },
    text: [`${answer.pages.length} pages | ${head}`, ...rest, ...(lines.length > 0 ? lines : [none])].join("\n"),
  };
}
