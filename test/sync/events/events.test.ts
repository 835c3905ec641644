import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/errors.ts";
import { DAY_US, formatIsoUs, HOUR_US } from "../../../src/lib/time.ts";
import { countEventsBetween, findEventById } from "../../../src/store/events/events.ts";
import { findFact } from "../../../src/store/sync-state.ts";
import { Backfill } from "../../../src/sync/events/backfill.ts";
import { catchUp } from "../../../src/sync/events/catch-up.ts";
import { verifyRange } from "../../../src/sync/verification/verify.ts";
import { T0_US } from "../../support/builders.ts";
import { failureOf } from "../../support/failure-of.ts";
import { aHarness, anEventAt, neverAborted, SECOND } from "../engine-harness.ts";

const all = { fromUs: T0_US - 30 * DAY_US, toUs: T0_US + DAY_US };

describe("a catch-up", () => {
  test("reads the last minutes for an empty record and claims them to shortly before the server clock", async () => {
    const { ctx, prefect, covered } = aHarness();
    prefect.events = [anEventAt(-100), anEventAt(-10), anEventAt(30)];
    expect(await catchUp(ctx, neverAborted)).toEqual({ gained: 3, throughUs: T0_US - 1.5 * SECOND, leavesGap: true });
    expect(covered()).toEqual([[-150, -1, "catch-up"]]);
    expect(findFact(ctx.db, "catchup")).toEqual({ throughUs: T0_US - 1.5 * SECOND, atUs: T0_US });
    expect(prefect.asked).toEqual(["events -150..86400 5"]);
  });

  test("finds events that were stored late and occurred before the end of the coverage", async () => {
    const { ctx, prefect, clock, covered } = aHarness();
    await catchUp(ctx, neverAborted);
    prefect.events = [anEventAt(-140)];
    clock.us += 20 * SECOND;
    expect((await catchUp(ctx, neverAborted)).gained).toBe(1);
    expect(covered().at(-1)?.[1]).toBe(19);
  });

  test("compares counts instead of reading again where the overlap has many events", async () => {
    const { ctx, prefect, clock } = aHarness();
    prefect.events = Array.from({ length: 60 }, (_, i) => anEventAt(-120 + i));
    await catchUp(ctx, neverAborted);
    clock.us += 10 * SECOND;
    prefect.asked.length = 0;
    expect((await catchUp(ctx, neverAborted)).gained).toBe(0);
    // A count, the marker event, and the last twenty seconds.
    expect(prefect.asked).toEqual(["events -151..-22 0", "events by id 1", "events -21..86410 5"]);
  });

  test("finds one missing event among many by halving the range", async () => {
    const { ctx, prefect, clock } = aHarness();
    prefect.events = Array.from({ length: 100 }, (_, i) => anEventAt(-140 + i));
    await catchUp(ctx, neverAborted);
    clock.us += 10 * SECOND;
    prefect.events.push(anEventAt(-100.5));
    prefect.asked.length = 0;
    expect((await catchUp(ctx, neverAborted)).gained).toBe(1);
    expect(prefect.requests).toBeLessThan(45);
    expect(countEventsBetween(ctx.db, all)).toBe(101);
  });

  test("leaves a long absence to backfill, but not events that were stored late just before it", async () => {
    const { ctx, prefect, clock, covered } = aHarness();
    await catchUp(ctx, neverAborted);
    const late = anEventAt(-60);
    prefect.events = [late, anEventAt(3_000)];
    clock.us += 2 * HOUR_US;
    expect(await catchUp(ctx, neverAborted)).toMatchObject({ gained: 1, leavesGap: true });
    expect(findEventById(ctx.db, late.id)).toEqual(late);
    expect(covered()).toEqual([
      [-151, -1, "catch-up"],
      [6_600, 7_199, "catch-up"],
    ]);
  });

  test("claims nothing while the server clock is unknown", async () => {
    const { ctx, prefect, covered } = aHarness({ skewMs: null });
    prefect.events = [anEventAt(-10)];
    expect(await catchUp(ctx, neverAborted)).toEqual({ gained: 1, throughUs: null, leavesGap: true });
    expect(covered()).toEqual([]);
  });

  test("claims by the server clock when the local clock is hours ahead", async () => {
    const { ctx, prefect, covered } = aHarness({ skewMs: -3 * 3_600_000 });
    prefect.events = [anEventAt(-3 * 3_600 - 10)];
    await catchUp(ctx, neverAborted);
    expect(covered()).toEqual([[-10_950, -10_801, "catch-up"]]);
  });

  test("claims the part that it has proven when it is interrupted", async () => {
    const { ctx, prefect, clock, covered } = aHarness({ tuning: { batchEvents: 10 } });
    await catchUp(ctx, neverAborted);
    clock.us += 100 * SECOND;
    prefect.events = Array.from({ length: 60 }, (_, i) => anEventAt(i));
    let pages = 0;
    prefect.before = () => {
      pages += 1;
      if (pages > 6) throw new AppError("unauthorized", "the key was withdrawn", { status: 401 });
    };
    expect((await failureOf(catchUp(ctx, neverAborted))).code).toBe("unauthorized");
    const [, end] = covered().at(-1) ?? [];
    expect(end).toBeGreaterThan(5);
    expect(end).toBeLessThan(30);
    const last = covered().at(-1);
    expect(countEventsBetween(ctx.db, { fromUs: T0_US, toUs: T0_US + (last?.[1] ?? 0) * SECOND })).toBe((end ?? 0) + 1);
  });
});

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

describe("verifying a range", () => {
  const range = { fromUs: T0_US - 1_000 * SECOND, toUs: T0_US - 100 * SECOND };
  const options = { source: "audit", ask: "verify", repair: "verify", signal: neverAborted } as const;

  async function recorded() {
    const harness = aHarness();
    harness.prefect.events = Array.from({ length: 90 }, (_, i) => anEventAt(-1_000 + i * 10));
    await verifyRange(harness.ctx, range, { ...options, comparesIds: true });
    harness.prefect.asked.length = 0;
    return harness;
  }

  test("takes one count and one request for the marker event where both sides agree, and stores both counts", async () => {
    const { ctx, prefect } = await recorded();
    expect(await verifyRange(ctx, range, options)).toEqual({
      server: 90,
      repaired: 0,
      missing: 0,
      areIdsCompared: false,
    });
    expect(prefect.asked).toEqual(["events -1000..-100 0", "events by id 1"]);
  });

  test("does not count an event that the server never stored in place of one that it has", async () => {
    const { ctx, prefect } = await recorded();
    const streamed = anEventAt(-555.5);
    ctx.ingest.events([streamed], "stream", null);
    const late = anEventAt(-444.4);
    prefect.events.push(late);
    const verified = await verifyRange(ctx, range, options);
    expect(verified).toMatchObject({ server: 91, repaired: 1, missing: 0 });
    expect(findEventById(ctx.db, late.id)).toEqual(late);
    expect(findEventById(ctx.db, streamed.id)).toEqual(streamed);
  });

  test("reads instead of counting after the server's database was replaced", async () => {
    const { ctx, prefect } = await recorded();
    // As many events as before, but different ones.
    prefect.events = Array.from({ length: 90 }, (_, i) => anEventAt(-1_000 + i * 10));
    expect(await verifyRange(ctx, range, options)).toEqual({
      server: 90,
      repaired: 90,
      missing: 0,
      areIdsCompared: true,
    });
    expect(countEventsBetween(ctx.db, range)).toBe(180);
  });

  test("notices a replaced database also when a client has sent the marker event to it again", async () => {
    const { ctx, prefect } = await recorded();
    const again = formatIsoUs(T0_US);
    prefect.events = [
      ...prefect.events.map((event) => ({ ...event, received: again })).slice(89),
      ...Array.from({ length: 89 }, (_, i) => anEventAt(-1_000 + i * 10)),
    ];
    expect(await verifyRange(ctx, range, options)).toMatchObject({ server: 90, areIdsCompared: true });
  });

  test("reads where the server keeps some kinds of events for a shorter time", async () => {
    const { ctx, prefect } = await recorded();
    ctx.server.hasShorterRetention = true;
    expect(await verifyRange(ctx, range, options)).toMatchObject({ server: 90, areIdsCompared: true });
    expect(prefect.asked[0]).toBe("events -1000..-100 5");
  });
});
