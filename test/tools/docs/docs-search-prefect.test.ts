import { describe, expect, test } from "bun:test";
import type { QueryContext } from "../../../src/queries/source/context.ts";
import { docsSearchPrefectTool } from "../../../src/tools/docs/docs-search-prefect.ts";
import { callWith } from "../../support/call-tool.ts";
import { startFakeDocs } from "../../support/fake-docs.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

/** `isSilent`: the docs server does not answer, so the time limit passes; otherwise it never does. */
async function ask(docsUrl: string | null, query: string, isSilent = false) {
  await using harness = await openToolHarness();
  const sleep = () => (isSilent ? Promise.resolve() : new Promise<void>(() => undefined));
  const ctx: QueryContext = { ...harness.query, docsUrl, clock: { ...harness.query.clock, sleep } };
  const { structuredContent, content, isError } = await callWith(ctx, docsSearchPrefectTool, { query });
  return {
    structured: structuredContent,
    text: content[0]?.text ?? "",
    isError,
    requests: harness.fake.takeRequests(),
  };
}

describe("docs_search_prefect", () => {
  test.each(["json", "stream"] as const)("asks the docs server (%s) and returns its text, fenced", async (mode) => {
    using docs = startFakeDocs(mode);
    const { structured, text, requests } = await ask(docs.url, "retries");
    expect(structured).toMatchObject({ from: "docs server", text: 'found for {"query":"retries"}', source: "live" });
    expect(text).toMatch(/<untrusted-\w+>\nfound for/);
    expect(docs.calls.map((call) => call.method)).toEqual(["initialize", "notifications/initialized", "tools/call"]);
    expect(docs.calls[2]?.params).toEqual({ name: "search_prefect", arguments: { query: "retries" } });
    expect(docs.headers[2]?.get("mcp-session-id")).toBe("s-1");
    expect(docs.headers.some((headers) => headers.has("authorization"))).toBe(false);
    expect(requests).toEqual([]);
  });

  test.each(["silent", "broken"] as const)(
    "answers from the shipped list where the docs server is %s",
    async (mode) => {
      using docs = startFakeDocs(mode);
      const { structured, text, isError } = await ask(
        docs.url,
        "how do I limit task concurrency with tags?",
        mode === "silent",
      );
      expect(isError).toBeUndefined();
      expect(structured).toMatchObject({ from: "shipped index", source: "record", coverage: { complete: false } });
      const [first] = structured.pages as { title: string; url: string }[];
      expect(first?.title).toContain("tags");
      expect(first?.url).toStartWith("https://www.prefect.io/docs/v3/");
      expect(text).toContain("Answered from the shipped list of pages");
    },
  );

  test("finds nothing for words that no page has, and refuses an empty query", async () => {
    const none = await ask(null, "xylophone");
    expect(none.structured).toMatchObject({ pages: [] });
    expect(none.text).toContain("No page in the list matches");
    await using harness = await openToolHarness();
    const { structured } = await harness.call(docsSearchPrefectTool);
    expect(structured).toMatchObject({ code: "invalid_input" });
  });
});
