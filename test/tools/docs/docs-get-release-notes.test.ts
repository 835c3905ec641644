import { expect, test } from "bun:test";
import { docsGetReleaseNotesTool } from "../../../src/tools/docs/docs-get-release-notes.ts";
import { callWith } from "../../support/call-tool.ts";
import { startFakeDocs } from "../../support/fake-docs.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

test("docs_get_release_notes asks the docs server for the version", async () => {
  using docs = startFakeDocs("json");
  await using harness = await openToolHarness();
  const clock = { ...harness.query.clock, sleep: () => new Promise<void>(() => undefined) };
  const query = { ...harness.query, docsUrl: docs.url, clock };
  const { structuredContent } = await callWith(query, docsGetReleaseNotesTool, { version: "3.4.20" });
  expect(structuredContent).toMatchObject({ from: "docs server", text: 'found for {"version":"3.4.20"}' });
});

test("docs_get_release_notes names the page of the version while no docs server answers", async () => {
  await using harness = await openToolHarness();
  const { structured } = await harness.call(docsGetReleaseNotesTool, { version: "v3.4.20" });
  expect(structured).toMatchObject({
    from: "shipped index",
    pages: [{ url: "https://www.prefect.io/docs/v3/release-notes/oss/version-3-4" }],
  });
  const newest = await harness.call(docsGetReleaseNotesTool);
  expect(newest.structured.pages.length).toBeGreaterThan(5);
  expect(harness.fake.takeRequests()).toEqual([]);
});

test("docs_get_release_notes refuses an invalid version", async () => {
  await using harness = await openToolHarness();
  const { structured } = await harness.call(docsGetReleaseNotesTool, { version: "latest please" });
  expect(structured).toMatchObject({ code: "invalid_input", message: '"latest please" is not a version' });
});
