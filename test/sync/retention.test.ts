import { describe, expect, test } from "bun:test";
import { DAY_US, HOUR_US, SECOND_US } from "../../src/lib/time.ts";
import { countEventsBetween } from "../../src/store/events/events.ts";
import { retentionFloorUs } from "../../src/sync/context/retention-floor.ts";
import { Backfill } from "../../src/sync/events/backfill.ts";
import { catchUp } from "../../src/sync/events/catch-up.ts";
import { forgetBefore, retentionIteration } from "../../src/sync/retention.ts";
import { T0_US } from "../support/builders.ts";
import { aHarness, anEventAt, neverAborted } from "./engine-harness.ts";

const all = { fromUs: T0_US - 30 * DAY_US, toUs: T0_US + DAY_US };

describe("retention", () => {
  test("deletes what is too old, and neither claims nor fetches it again", async () => {
    const { ctx, prefect, covered } = aHarness({ settings: { retentionUs: HOUR_US } });
    prefect.events = [anEventAt(-7_000), anEventAt(-5_000), anEventAt(-1_000)];
    await catchUp(ctx, neverAborted);
    const backfill = new Backfill(ctx);
    const fill = async () => {
      while ((await backfill.step({ goalUs: T0_US - 2 * HOUR_US, signal: neverAborted })).state === "more");
    };
    await fill();
    await retentionIteration(ctx, neverAborted);
    expect(countEventsBetween(ctx.db, all)).toBe(1);
    expect(retentionFloorUs(ctx.db)).toBe(T0_US - HOUR_US);
    expect(covered()[0]?.[0]).toBe(-3_600);
    prefect.asked.length = 0;
    await fill();
    expect(prefect.asked).toEqual([]);
  });

  test("deletes the oldest rows when the record is too large", async () => {
    const { ctx, prefect } = aHarness({
      settings: { retentionUs: 0, retentionBytes: 800_000 },
      tuning: { eventPage: 50 },
    });
    const big = (i: number) => anEventAt(-100 + i / 100, { payload: { n: i, text: String(Math.random()).repeat(20) } });
    prefect.events = Array.from({ length: 4_000 }, (_, i) => big(i));
    await catchUp(ctx, neverAborted);
    await retentionIteration(ctx, neverAborted);
    const left = countEventsBetween(ctx.db, all);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(4_000);
    expect(retentionFloorUs(ctx.db)).toBeGreaterThan(T0_US - 100 * SECOND_US);
  });

  test("keeps its floor in the past when it deletes for space, although an event is dated tomorrow", async () => {
    const harness = aHarness({ settings: { retentionBytes: 100_000 } });
    const payload = () => ({ big: Array.from({ length: 200 }, () => crypto.randomUUID()).join("") });
    harness.prefect.events = Array.from({ length: 60 }, (_, n) => anEventAt(-n - 1, { payload: payload() }));
    harness.prefect.events.push(anEventAt(20 * 3_600));
    await catchUp(harness.ctx, neverAborted);
    await retentionIteration(harness.ctx, neverAborted);
    expect(retentionFloorUs(harness.ctx.db)).toBeLessThanOrEqual(harness.clock.us);
    harness.clock.us += 60e6;
    await catchUp(harness.ctx, neverAborted);
    expect(harness.covered().length).toBeGreaterThan(0);
  });

  test("deletes nothing by age while the server clock is unknown", async () => {
    const { ctx } = aHarness({ settings: { retentionUs: HOUR_US }, skewMs: null });
    ctx.ingest.events([anEventAt(-90_000)], "stream", null);
    await retentionIteration(ctx, neverAborted);
    expect(countEventsBetween(ctx.db, all)).toBe(1);
  });

  test.each(["local", "server"])("deletes nothing because the %s clock was set a month ahead", async (which) => {
    const { ctx, prefect, clock } = aHarness({ settings: { retentionUs: 7 * DAY_US } });
    ctx.ingest.events([anEventAt(-90_000)], "stream", null);
    if (which === "local") clock.setUs = 30 * DAY_US;
    else prefect.skewMs = (30 * DAY_US) / 1_000;
    await retentionIteration(ctx, neverAborted);
    expect([countEventsBetween(ctx.db, all), retentionFloorUs(ctx.db)]).toEqual([1, Number.NEGATIVE_INFINITY]);
  });

  test("deletes what a user wants to forget", async () => {
    const { ctx, prefect } = aHarness();
    prefect.events = [anEventAt(-120), anEventAt(-20)];
    await catchUp(ctx, neverAborted);
    expect(await forgetBefore(ctx, T0_US - 60 * SECOND_US, neverAborted)).toBe(1);
    expect(countEventsBetween(ctx.db, all)).toBe(1);
    expect((await catchUp(ctx, neverAborted)).gained).toBe(0);
  });
});
