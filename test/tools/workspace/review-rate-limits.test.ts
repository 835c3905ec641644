import { describe, expect, test } from "bun:test";
import { throttlingPeriods } from "../../../src/queries/workspace/rate-limits.ts";
import { reviewRateLimitsTool } from "../../../src/tools/workspace/review-rate-limits.ts";
import { CLOUD, openToolHarness, USAGE_ROUTE } from "../../support/tool-harness.ts";

const minute = (n: number) => `2026-08-20T08:${String(n).padStart(2, "0")}:00Z`;

const usage = {
  minutes: [minute(10), minute(11), minute(12), minute(20)],
  keys: {
    runs: { limit: [700, 700, 700, 700], requested: [640, 911, 800, 700], granted: [640, 700, 700, 700] },
    "writing-logs": { limit: [], requested: [10, 10, 30, 50], granted: [10, 10, 10, 10] },
    "reading-events": { limit: [], requested: [], granted: [] },
  },
};

describe("review_rate_limits", () => {
  test("joins throttled minutes into periods with the denied requests", async () => {
    await using harness = await openToolHarness(CLOUD);
    harness.fake.answer(USAGE_ROUTE, usage);
    const { structured, text } = await harness.call(reviewRateLimitsTool);
    expect(structured).toMatchObject({
      summary: {
        total_throttling_periods: 2,
        affected_keys: ["runs", "writing-logs"],
        first_throttled_at: minute(11),
        last_throttled_at: minute(20),
        total_minutes_throttled: 3,
      },
      throttling_periods: [
        {
          start: minute(11),
          end: minute(12),
          duration_minutes: 2,
          keys_affected: [
            { key: "runs", total_denied: 311, peak_denied_per_minute: 211 },
            { key: "writing-logs", total_denied: 20, peak_denied_per_minute: 20 },
          ],
        },
        {
          start: minute(20),
          end: minute(20),
          duration_minutes: 1,
          keys_affected: [{ key: "writing-logs", total_denied: 40, peak_denied_per_minute: 40 }],
        },
      ],
      source: "live",
    });
    expect(text).toContain("runs denied 311 (at most 211 a minute)");
    const [request] = harness.fake.requestsTo(/rate-limits/);
    expect(request?.query).toMatchObject({ since: "2026-08-17T10:15:00Z", until: "2026-08-20T10:14:00Z" });
  });

  test("states that nothing was throttled", async () => {
    await using harness = await openToolHarness(CLOUD);
    harness.fake.answer(USAGE_ROUTE, { minutes: [], keys: {} });
    const { structured, text } = await harness.call(reviewRateLimitsTool, { since: "1d" });
    expect(structured).toMatchObject({
      throttling_periods: [],
      summary: { total_throttling_periods: 0, first_throttled_at: null },
    });
    expect(text).toContain("No request was throttled.");
  });

  test("fails on a self-hosted server, and when access is refused", async () => {
    await using server = await openToolHarness({ record: false });
    const { structured } = await server.call(reviewRateLimitsTool);
    expect(structured).toMatchObject({ code: "invalid_input", message: expect.stringContaining("Prefect Cloud only") });
    expect(server.fake.takeRequests()).toEqual([]);
    await using cloud = await openToolHarness(CLOUD);
    cloud.fake.answer(USAGE_ROUTE, { detail: "Forbidden" }, 403);
    const refused = await cloud.call(reviewRateLimitsTool);
    expect(refused).toMatchObject({ isError: true, structured: { code: "unauthorized", retryable: false } });
  });
});

test("review_rate_limits accepts usage answers with missing members", () => {
  expect(throttlingPeriods({})).toEqual([]);
  expect(throttlingPeriods(null)).toEqual([]);
  expect(throttlingPeriods({ minutes: [minute(1)], keys: { runs: {} } })).toEqual([]);
});
