import { describe, expect, test } from "bun:test";
import { CallerLimits } from "../../../src/mcp/http/caller-limits.ts";

const settings = { requestsPerSecond: 2, burst: 2, maxConcurrent: 2, maxCallers: 2 };

function done(limits: CallerLimits, id: string, nowMs: number): boolean {
  const admission = limits.admit(id, nowMs);
  if (admission.isAdmitted) admission.release();
  return admission.isAdmitted;
}

describe("caller limits", () => {
  test("admit a burst, then the rate, and state when to try again", () => {
    const limits = new CallerLimits(settings);
    expect([done(limits, "a", 0), done(limits, "a", 0), done(limits, "a", 0)]).toEqual([true, true, false]);
    expect(limits.admit("a", 0)).toEqual({ isAdmitted: false, retryAfterSeconds: 1, reason: "rate" });
    expect(done(limits, "a", 500)).toBe(true);
  });

  test("admit what does not count as running at the caller's rate, also when the limit of running requests is reached", () => {
    const limits = new CallerLimits({ ...settings, requestsPerSecond: 1, burst: 3 });
    for (let n = 0; n < 2; n += 1) expect(limits.admit("a", 0).isAdmitted).toBe(true);
    expect(limits.admit("a", 0)).toMatchObject({ reason: "concurrency" });
    expect(limits.admit("a", 0, 1, 0).isAdmitted).toBe(true);
    expect(limits.admit("a", 0, 1, 0)).toMatchObject({ reason: "rate" });
  });

  test("refuse a caller with too many running requests, until one is answered", () => {
    const limits = new CallerLimits({ ...settings, requestsPerSecond: 100, burst: 100 });
    const first = limits.admit("a", 0);
    limits.admit("a", 0);
    expect(limits.admit("a", 0)).toEqual({ isAdmitted: false, retryAfterSeconds: 1, reason: "concurrency" });
    if (!first.isAdmitted) throw new Error("refused");
    first.release();
    first.release();
    expect(limits.admit("a", 0).isAdmitted).toBe(true);
    expect(limits.admit("a", 0).isAdmitted).toBe(false);
  });

  test("count each message of a batch", () => {
    const limits = new CallerLimits({ ...settings, requestsPerSecond: 3, burst: 3 });
    expect(limits.admit("a", 0, 3)).toEqual({ isAdmitted: false, retryAfterSeconds: 1, reason: "concurrency" });
    const both = limits.admit("a", 0, 2);
    expect([both.isAdmitted, limits.admit("a", 0).isAdmitted]).toEqual([true, false]);
    if (both.isAdmitted) both.release();
    expect(limits.admit("a", 0, 2)).toEqual({ isAdmitted: false, retryAfterSeconds: 1, reason: "rate" });
    expect(limits.admit("a", 0).isAdmitted).toBe(true);
  });

  test("of one caller do not affect another", () => {
    const limits = new CallerLimits(settings);
    for (let index = 0; index < 5; index++) done(limits, "a", 0);
    expect(done(limits, "b", 0)).toBe(true);
  });

  test("drop the least recently used caller, but still count its running requests", () => {
    const limits = new CallerLimits({ ...settings, requestsPerSecond: 1, burst: 1, maxConcurrent: 1 });
    const running = limits.admit("busy", 0);
    for (const id of ["a", "b", "c"]) expect(done(limits, id, 0)).toBe(true);
    // "a" was dropped and begins with a full bucket; "c" is remembered.
    expect([done(limits, "c", 0), done(limits, "a", 0)]).toEqual([false, true]);
    expect(limits.admit("busy", 0)).toMatchObject({ reason: "concurrency" });
    if (running.isAdmitted) running.release();
    expect(limits.admit("busy", 0)).toMatchObject({ reason: "rate" });
    for (const id of ["d", "e", "f"]) done(limits, id, 0);
    expect(limits.admit("busy", 0).isAdmitted).toBe(true);
  });
});
