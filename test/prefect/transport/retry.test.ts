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
    const waitMs = (retryAfter: string, date = "Thu, 20 Aug 2026 09:15:00 GMT") =>
      parseRetryAfterMs(new Headers({ "retry-after": retryAfter, date }));
    expect(["7", "0.5", "-3"].map((text) => waitMs(text))).toEqual([7_000, 500, 0]);
    expect(waitMs("Thu, 20 Aug 2026 09:15:30 GMT")).toBe(30_000);
    expect(waitMs("Thu, 20 Aug 2026 09:14:30 GMT")).toBe(0);
    expect(["", " ", "soon"].map((text) => waitMs(text))).toEqual([undefined, undefined, undefined]);
    expect(parseRetryAfterMs(new Headers())).toBeUndefined();
  });

  test("compare a date with the server's own clock, whatever the clock of this machine says", () => {
    const headers = { "retry-after": "Thu, 20 Aug 2020 09:15:30 GMT", date: "Thu, 20 Aug 2020 09:15:20 GMT" };
    expect(parseRetryAfterMs(new Headers(headers))).toBe(10_000);
    expect(parseRetryAfterMs(new Headers({ ...headers, date: "" }))).toBeUndefined();
  });
});
