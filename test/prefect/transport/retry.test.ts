import { describe, expect, test } from "bun:test";
import { isRetriedStatus, parseRetryAfterMs, retryWaitMs } from "../../../src/prefect/transport/retry.ts";

const rules = (random: number, extraCodes: number[] = []) => ({ jitterFactor: 0.2, extraCodes, random: () => random });

describe("retries", () => {
  test("are made for the statuses of Prefect's own client and the extra ones of the settings", () => {
    const retried = [400, 401, 404, 408, 422, 429, 500, 502, 503, 504].filter((s) =>
      isRetriedStatus(s, rules(0, [504])),
    );
    expect(retried).toEqual([408, 429, 502, 503, 504]);
  });

  test("wait 2, 4, 8 seconds, plus or minus a fifth", () => {
    expect([1, 2, 3].map((tries) => retryWaitMs(tries, undefined, rules(0)))).toEqual([1600, 3200, 6400]);
    expect([1, 2, 3].map((tries) => retryWaitMs(tries, undefined, rules(0.5)))).toEqual([2000, 4000, 8000]);
    expect([1, 2, 3].map((tries) => retryWaitMs(tries, undefined, rules(1)))).toEqual([2400, 4800, 9600]);
  });

  test("wait at least Retry-After", () => {
    expect(retryWaitMs(3, 10_000, rules(0))).toBe(10_000);
    expect(retryWaitMs(3, 10_000, rules(1))).toBe(12_000);
    expect(retryWaitMs(1, 0, rules(1))).toBe(0);
  });

  test("read Retry-After as seconds or as a date", () => {
    const nowMs = 1_787_217_300_000;
    expect(parseRetryAfterMs("7", nowMs)).toBe(7000);
    expect(parseRetryAfterMs("0.5", nowMs)).toBe(500);
    expect(parseRetryAfterMs("-3", nowMs)).toBe(0);
    expect(parseRetryAfterMs("Thu, 20 Aug 2026 09:15:30 GMT", nowMs)).toBe(30_000);
    expect(parseRetryAfterMs("Thu, 20 Aug 2026 09:14:30 GMT", nowMs)).toBe(0);
    expect([null, "", " ", "soon"].map((text) => parseRetryAfterMs(text, nowMs))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
