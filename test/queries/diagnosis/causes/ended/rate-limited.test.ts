import { expect, test } from "bun:test";
import { rateLimited } from "../../../../../src/queries/diagnosis/causes/ended/rate-limited.ts";
import { aLog } from "../../../../support/builders.ts";
import { factsOfRun, onlyFinding, someFacts } from "../../../../support/diagnosis/facts.ts";

const key = (name: string, total_denied: number) => ({ key: name, total_denied, peak_denied_per_minute: total_denied });
const period = { start: "2026-08-20T09:20:00Z", end: "2026-08-20T09:21:00Z", duration_minutes: 2 };
const throttling = [{ ...period, keys_affected: [key("flows", 3), key("deployments", 40)] }];

test("names the keys, the one with the most refused requests first", () => {
  const found = onlyFinding(rateLimited, someFacts("workspace", { throttling }));
  expect(found.severity).toBe("problem");
  expect<unknown>(found.summary).toBe(
    "Prefect Cloud throttled requests of deployments and flows (rate limit, HTTP 429) in 2 minutes, 2026-08-20T09:20:00Z to 2026-08-20T09:21:00Z.",
  );
});

test("a run that completed despite throttling is a note", () => {
  const logs = [aLog({ level: 30, message: "429 Too Many Requests, retrying" })];
  const facts = factsOfRun({ name: "r", state_type: "COMPLETED" }, { logs }, { throttling });
  expect(onlyFinding(rateLimited, facts)).toMatchObject({
    severity: "note",
    summary: expect.stringContaining("r completed, but its requests were throttled (1 log line with 429)"),
  });
});

test("no throttling is named as ruled out; a server has no rate limits to rule out", () => {
  expect(rateLimited.judge(someFacts("workspace", { throttling: [] }))).toEqual([]);
  expect<unknown>(rateLimited.ruledOut?.(someFacts("workspace", { throttling: [] }))).toBe("no request was throttled");
  expect(rateLimited.ruledOut?.(someFacts("workspace"))).toBeNull();
});
