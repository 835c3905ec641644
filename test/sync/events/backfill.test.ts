import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/errors.ts";
import { DAY_US, HOUR_US } from "../../../src/lib/time.ts";
import { countEventsBetween } from "../../../src/store/events/events.ts";
import { Backfill } from "../../../src/sync/events/backfill.ts";
import { catchUp } from "../../../src/sync/events/catch-up.ts";
import { T0_US } from "../../support/builders.ts";
import { failureOf } from "../../support/failure-of.ts";
import { aHarness, anEventAt, neverAborted } from "../engine-harness.ts";

const all = { fromUs: T0_US - 30 * DAY_US, toUs: T0_US + DAY_US };

describe("backfill", () => {
  async function toTheEnd(backfill: Backfill, goalUs: number): Promise<number> {
    for (let steps = 1; steps < 100; steps += 1) {
      const { state } = await backfill.step({ goalUs, signal: neverAborted });
      if (state !== "more") return steps;
    }
    throw new Error("it does not end");
  }

  test("fetches the newest window first, each oldest first, until the goal is reached", async () => {
    const { ctx, prefect, covered } = aHarness();
    prefect.events = [anEventAt(-90_000), anEventAt(-5_000), anEventAt(-4_000), anEventAt(-1_000)];
    await catchUp(ctx, neverAborted);
    prefect.asked.length = 0;
    await toTheEnd(new Backfill(ctx), T0_US - 2 * DAY_US);
    expect(covered().map(([from, to]) => [from, to])).toEqual([
      [-172_800, -3_750],
      [-3_750, -150],
      [-150, -1],
    ]);
    expect(prefect.asked[0]).toBe("events -3750..-150 5");
    expect(prefect.asked.length).toBeLessThan(8);
    expect(countEventsBetween(ctx.db, all)).toBe(4);
  });

  test("does not ask for covered ranges, also after an interruption within a window", async () => {
    const { ctx, prefect } = aHarness({ tuning: { batchEvents: 5 } });
    prefect.events = Array.from({ length: 50 }, (_, i) => anEventAt(-3_600 + i * 60));
    await catchUp(ctx, neverAborted);
    let pages = 0;
    prefect.before = () => {
      pages += 1;
      if (pages === 6) throw new AppError("unauthorized", "no", { status: 401 });
    };
    await failureOf(toTheEnd(new Backfill(ctx), T0_US - HOUR_US));
    prefect.asked.length = 0;
    await toTheEnd(new Backfill(ctx), T0_US - HOUR_US);
    const [first] = prefect.asked;
    expect(first).not.toBe("events -3600..-150 5");
    expect(countEventsBetween(ctx.db, all)).toBe(50);
  });

  test("reaches back to a minute after the retention horizon, and not before the retention floor", async () => {
    const { ctx, covered } = aHarness();
    ctx.server.retentionUs = 10 * HOUR_US;
    await catchUp(ctx, neverAborted);
    await toTheEnd(new Backfill(ctx), T0_US - DAY_US);
    expect(covered()[0]?.[0]).toBe(-10 * 3_600 + 60);
    ctx.ingest.drop(T0_US - 8 * HOUR_US, () => {});
    expect(new Backfill(ctx).gaps(T0_US - DAY_US)).toEqual([]);
  });

  test("reads smaller windows where there are many events and larger ones where there are none", async () => {
    const { ctx, prefect } = aHarness({ tuning: { eventPage: 50 } });
    prefect.events = Array.from({ length: 4_000 }, (_, i) => anEventAt(-7_000 + i / 2));
    await catchUp(ctx, neverAborted);
    prefect.asked.length = 0;
    const steps = await toTheEnd(new Backfill(ctx), T0_US - 7 * DAY_US);
    expect(steps).toBeLessThan(20);
    expect(countEventsBetween(ctx.db, all)).toBe(4_000);
  });

  test("waits instead of reading for ever when the server clock is unknown", async () => {
    const { ctx, prefect } = aHarness();
    await catchUp(ctx, neverAborted);
    prefect.skewMs = null;
    expect((await new Backfill(ctx).step({ goalUs: T0_US - DAY_US, signal: neverAborted })).state).toBe("blocked");
  });
});
