import { expect, test } from "bun:test";
import { type QueryContext, withLimits } from "../../../src/queries/source/context.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

test("a context with limits has every member of its origin, and a spread of it has them too", async () => {
  await using harness = await openToolHarness();
  const signal = new AbortController().signal;
  const origin: QueryContext = {
    ...harness.query,
    docsUrl: "https://docs.example/mcp",
    holdRecord: () => ({ record: () => harness.db, release: () => undefined }),
    get uiUrl() {
      return "https://ui.example";
    },
  };
  const spread = { ...withLimits(withLimits(origin, { liveUntilMs: 1, signal }), { liveUntilMs: 2 }) };
  const { record, api, saveLive, ...values } = spread;
  expect(values).toEqual({
    clock: origin.clock,
    redactLogs: origin.redactLogs,
    freshMs: origin.freshMs,
    liveDeadlineMs: origin.liveDeadlineMs,
    uiUrl: "https://ui.example",
    docsUrl: "https://docs.example/mcp",
    instance: origin.instance,
    holdRecord: origin.holdRecord,
    lineOrder: origin.lineOrder,
    signal,
    liveUntilMs: 2,
  });
  expect(record()).toBe(harness.db);
  expect(api()).toBe(origin.api());
  saveLive({ kind: "log", rows: [], readUs: 0 });
  expect(harness.saved).toHaveLength(1);
});
