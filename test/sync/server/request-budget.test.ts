import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/errors.ts";
import { RequestBudget } from "../../../src/sync/server/request-budget.ts";
import { Prng } from "../../simulation/prng.ts";
import { failureOf } from "../../support/failure-of.ts";
import { aHarness, ManualClock, neverAborted } from "../engine-harness.ts";

/** Time in which the allowance grows by one idle request. */
const IDLE_MS = 30_000;

function aBudget(perMinute: number) {
  const clock = new ManualClock();
  return { clock, budget: new RequestBudget({ clock, perMinute, idlePerMinute: 60_000 / IDLE_MS }) };
}

const work = (cost: number, name = "list", dueMs = 0) => ({ name, cost, dueMs });

describe("the request budget", () => {
  test("allows the requests of a whole minute at once and then one after the other", async () => {
    const { clock, budget } = aBudget(60);
    for (let i = 0; i < 60; i += 1) await budget.take("catch-up", neverAborted);
    expect(clock.slept).toEqual([]);
    await budget.take("catch-up", neverAborted);
    await budget.take("catch-up", neverAborted);
    expect(clock.slept).toEqual([1_000, 1_000]);
  });

  test("reserves a share for more urgent requests", async () => {
    const { clock, budget } = aBudget(100);
    let spent = 0;
    while (clock.slept.length === 0 && spent < 200) {
      await budget.take("verify", neverAborted);
      spent += 1;
    }
    // 40 % are reserved, and a catch-up may use them at once.
    expect(spent).toBeGreaterThan(55);
    expect(spent).toBeLessThan(65);
    const before = clock.slept.length;
    for (let i = 0; i < 30; i += 1) await budget.take("catch-up", neverAborted);
    expect(clock.slept.length).toBe(before);
  });

  test("sends nothing during Retry-After, not even urgent requests", async () => {
    const { clock, budget } = aBudget(600);
    budget.pause(7_000);
    await budget.take("catch-up", neverAborted);
    expect(clock.slept).toEqual([7_000]);
  });

  test.each([-86_400, 86_400])("a pause lasts as long when the wall clock is set by %p s", async (seconds) => {
    const { clock, budget } = aBudget(600);
    budget.pause(7_000);
    clock.setUs = seconds * 1_000_000;
    await budget.take("catch-up", neverAborted);
    expect(clock.slept).toEqual([7_000]);
  });

  test("allows no more when the wall clock is set forward", async () => {
    const { clock, budget } = aBudget(60);
    for (let i = 0; i < 60; i += 1) await budget.take("catch-up", neverAborted);
    clock.setUs = 86_400_000_000;
    await budget.take("catch-up", neverAborted);
    expect(clock.slept).toEqual([1_000]);
  });

  test("gives idle work a small allowance that begins empty and has an upper limit", () => {
    const { clock, budget } = aBudget(600);
    expect(budget.idleWaitMs(work(1))).toBe(30_000);
    clock.us += 600_000_000;
    expect([1, 1, 1, 1].map((n) => budget.idleWaitMs(work(n)))).toEqual([0, 0, 0, 30_000]);
  });

  test("allows idle work of many requests when the allowance is full, and then waits longer", () => {
    const { clock, budget } = aBudget(600);
    clock.us += 600_000_000;
    expect(budget.idleWaitMs(work(5))).toBe(0);
    expect(budget.idleWaitMs(work(1))).toBe(90_000);
  });

  test("gives idle work its turn however small and frequent the other work is", () => {
    const { clock, budget } = aBudget(600);
    const granted: string[] = [];
    let listDueMs = 0;
    for (let i = 0; i < 40; i += 1) {
      clock.us += 30_000_000;
      const nowMs = clock.steadyMs();
      if (budget.idleWaitMs(work(1, "list", listDueMs)) === 0) {
        granted.push("list");
        listDueMs = nowMs;
      }
      if (i >= 4 && budget.idleWaitMs(work(3, "round", 0)) === 0) granted.push("round");
    }
    expect(granted.slice(0, 6)).toEqual(["list", "list", "list", "list", "list", "round"]);
  });

  test("gives all idle work its turn within the time that one request of each costs, whatever their sizes", () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const random = new Prng(seed);
      const { clock, budget } = aBudget(600);
      const works = Array.from({ length: random.int(2, 8) }, (_, i) => {
        const cost = random.pick([1, 1, 1, 3, 5, 6]);
        return { name: `${i}`, cost, everyMs: random.int(1, 10) * 60_000, dueMs: clock.steadyMs() };
      });
      const debt = Math.max(...works.map(({ cost }) => cost));
      const total = works.reduce((sum, { cost }) => sum + cost, 0);
      // Each asks again every half minute, after a catch-up.
      const limitMs = (total + debt) * IDLE_MS + works.length * 30_000;
      let latestMs = 0;
      for (let i = 0; i < 500; i += 1) {
        clock.us += 30_000_000;
        const nowMs = clock.steadyMs();
        for (const one of random.shuffle(works)) {
          if (nowMs < one.dueMs) continue;
          latestMs = Math.max(latestMs, nowMs - one.dueMs);
          if (budget.idleWaitMs(one) === 0) one.dueMs = nowMs + one.everyMs;
        }
      }
      expect(latestMs).toBeLessThanOrEqual(limitMs);
    }
  });

  test("does not wait for idle work that has not asked again for minutes", () => {
    const { clock, budget } = aBudget(600);
    budget.awaitIdle(work(3, "round", -1_000));
    clock.us += 120_000_000;
    expect(budget.idleWaitMs(work(1))).toBeGreaterThan(0);
    clock.us += 30_000_000;
    expect(budget.idleWaitMs(work(1))).toBe(0);
  });

  test("stops waiting when it is aborted", async () => {
    const { budget } = aBudget(600);
    const stop = new AbortController();
    stop.abort();
    budget.pause(60_000);
    await budget.take("catch-up", stop.signal);
  });
});

describe("requests within the budget", () => {
  test("are repeated after a failure that may pass, and Prefect then counts as reachable", async () => {
    const { ctx, prefect, clock } = aHarness();
    let failures = 2;
    prefect.before = () => {
      failures -= 1;
      if (failures >= 0) throw new AppError("unavailable", "busy", { status: 503 });
    };
    expect(await ctx.requests.call("catch-up", neverAborted, (api) => api.readVersion())).toBe("3.8.8");
    expect(clock.slept).toEqual([500, 1_500]);
    expect(ctx.requests.counts).toEqual({ total: 3, lastMinute: 3 });
    expect(ctx.connectivity.isReachable).toBe(true);
  });

  test("fail with the server's own error when it fails again and again, and Prefect then counts as unreachable", async () => {
    const { ctx, prefect } = aHarness();
    prefect.before = () => {
      throw new AppError("unavailable", "nothing accepts connections");
    };
    const error = await failureOf(ctx.requests.call("catch-up", neverAborted, (api) => api.readVersion()));
    expect(error.message).toBe("nothing accepts connections");
    expect(ctx.connectivity.fact.reachable).toBe(false);
    expect(ctx.connectivity.fact.error).toEqual({
      code: "unavailable",
      message: "nothing accepts connections",
      hint: null,
    });
    expect(prefect.asked).toHaveLength(3);
  });

  test("all wait when Prefect sends Retry-After", async () => {
    const { ctx, prefect, clock } = aHarness();
    let first = true;
    prefect.before = () => {
      if (first) {
        first = false;
        throw new AppError("rate_limited", "too many", { status: 429, retryAfterMs: 9_000 });
      }
    };
    await ctx.requests.call("catch-up", neverAborted, (api) => api.readVersion());
    expect(clock.slept.reduce((a, b) => a + b, 0)).toBe(9_000);
    expect(ctx.connectivity.isReachable).toBe(true);
  });

  test("do not make Prefect count as unreachable because of one request that it cannot answer", async () => {
    const { ctx, prefect } = aHarness();
    await ctx.requests.call("verify", neverAborted, (api) => api.readVersion());
    prefect.before = () => {
      throw new AppError("unavailable", "index past the last bucket", { status: 500 });
    };
    await failureOf(ctx.requests.call("verify", neverAborted, (api) => api.countEvents("time", { filter: {} }), 0));
    expect(ctx.connectivity.isReachable).toBe(true);
  });

  test("are not repeated when that is useless", async () => {
    const { ctx, prefect } = aHarness();
    prefect.before = () => {
      throw new AppError("unauthorized", "no such key", { status: 401 });
    };
    const error = await failureOf(ctx.requests.call("catch-up", neverAborted, (api) => api.readVersion()));
    expect([error.code, prefect.asked.length, ctx.connectivity.isReachable]).toEqual(["unauthorized", 1, false]);
  });
});
