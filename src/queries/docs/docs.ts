/**
 * Answers questions about Prefect's documentation: from the configured docs server, otherwise from an index of its pages in the
 * code.
 */

import { AppError, toAppError } from "../../errors.ts";
import { quote, type Sentence, sentence } from "../../lib/shown-text.ts";
import { callDocsServer } from "../../prefect/docs-server.ts";
import type { QueryContext } from "../source/context.ts";
import { DOC_PAGES, DOCS_BASE, type DocPage, RELEASE_NOTES } from "./docs-index.ts";

export interface FoundPage {
  readonly title: Sentence;
  readonly url: string;
  /** One line, written for the index. */
  readonly summary: Sentence;
}

export type DocsAnswer =
  | { readonly from: "server"; readonly text: string }
  | { readonly from: "index"; readonly pages: readonly FoundPage[]; readonly why: string };

/** Time limit of the docs server. */
const DOCS_DEADLINE_MS = 4_000;

/** When the docs server does not answer, the index does. */
export async function searchDocs(ctx: QueryContext, query: string, limit: number): Promise<DocsAnswer> {
  const remote = await ask(ctx, "search_prefect", { query });
  return typeof remote === "string"
    ? { from: "server", text: remote }
    : { from: "index", pages: findPages(query, limit), why: remote.why };
}

/** Release notes of one version (`3.4`, `3.4.20`), or of the newest. */
export async function getReleaseNotes(ctx: QueryContext, version: string | undefined): Promise<DocsAnswer> {
  const remote = await ask(ctx, "get_release_notes", version === undefined ? {} : { version });
  if (typeof remote === "string") return { from: "server", text: remote };
  const minor = version === undefined ? null : /^v?(\d+\.\d+)/.exec(version.trim())?.[1];
  if (version !== undefined && !minor) {
    throw new AppError("invalid_input", sentence`${quote(version)} is not a version`, {
      hint: 'Such as "3.4" or "3.4.20".',
    });
  }
  const pages = RELEASE_NOTES.filter((page) => !minor || page.path.endsWith(`version-${minor.replace(".", "-")}`));
  return { from: "index", pages: (pages.length > 0 ? pages : RELEASE_NOTES).map(toFound), why: remote.why };
}

async function ask(
  ctx: QueryContext,
  tool: string,
  args: Readonly<Record<string, unknown>>,
): Promise<string | { readonly why: string }> {
  if (!ctx.docsUrl) return { why: "no docs server is configured" };
  const ended = new AbortController();
  const stop = () => ended.abort();
  ctx.signal?.addEventListener("abort", stop, { once: true });
  const limit = ctx.clock.sleep(DOCS_DEADLINE_MS, ended.signal).then(() => {
    ended.abort(new Error(`no answer within ${DOCS_DEADLINE_MS / 1000} s`));
    return { why: `the documentation server did not answer within ${DOCS_DEADLINE_MS / 1000} s` };
  });
  const call = callDocsServer({ url: ctx.docsUrl, tool, args, signal: ended.signal }).catch((error: unknown) => ({
    why: toAppError(error).message,
  }));
  try {
    return await Promise.race([call, limit]);
  } finally {
    ctx.signal?.removeEventListener("abort", stop);
    ended.abort();
  }
}

function toFound({ path, title, summary }: DocPage): FoundPage {
  return { title, url: `${DOCS_BASE}${path}`, summary };
}

/** Pages of the index by how many words of the question they contain. Rare words and words of titles count more. */
export function findPages(query: string, limit: number): FoundPage[] {
  const wanted = [...new Set(stems(query))];
  const pages = [...DOC_PAGES, ...RELEASE_NOTES].map((page) => ({
    page,
    title: new Set(stems(page.title)),
    all: new Set(stems(`${page.title} ${page.path} ${page.summary}`)),
  }));
  const weight = (word: string) => Math.log(1 + pages.length / (1 + pages.filter(({ all }) => all.has(word)).length));
  const scored = pages.map(({ page, title, all }) => {
    const score = wanted.reduce(
      (sum, word) => sum + (all.has(word) ? weight(word) : 0) + (title.has(word) ? weight(word) : 0),
      0,
    );
    return { page, score };
  });
  const found = scored.filter(({ score }) => score > 0).sort((a, b) => b.score - a.score);
  return found.slice(0, limit).map(({ page }) => toFound(page));
}

const NOISE: ReadonlySet<string> = new Set(
  "a an and are as at do does for from how i in is it my of on or the to use using what when with prefect".split(" "),
);

function stems(text: string): string[] {
  const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return words
    .filter((word) => !NOISE.has(word))
    .map((word) => (word.length > 4 ? word.replace(/(ing|ies|es|s|ed)$/, "") : word));
}
