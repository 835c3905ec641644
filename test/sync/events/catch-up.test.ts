import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/errors.ts";
import { DAY_US, HOUR_US, MINUTE_US } from "../../../src/lib/time.ts";
import { gapsIn } from "../../../src/model/freshness.ts";
import { coveredRanges } from "../../../src/store/coverage.ts";
import { countEventsBetween, findEventById } from "../../../src/store/events/events.ts";
import { findFact } from "../../../src/store/sync-state.ts";
import { Backfill } from "../../../src/sync/events/backfill.ts";
import { catchUp } from "../../../src/sync/events/catch-up.ts";
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

  test("withdraws the claim over an instant of which Prefect now counts more events than it lists", async () => {
    const { ctx, prefect, clock, covered } = aHarness();
    prefect.events = [anEventAt(-10)];
    await catchUp(ctx, neverAborted);
    prefect.events.push(...Array.from({ length: 9 }, () => anEventAt(-10)));
    // As PostgreSQL may: the pages of the instant repeat some events and leave out others.
    prefect.nextEvents = (token) => prefect.filterEvents(JSON.parse(token).filter, 5);
    clock.us += 20 * SECOND;
    await catchUp(ctx, neverAborted);
    expect(countEventsBetween(ctx.db, { fromUs: T0_US - 10 * SECOND, toUs: T0_US - 10 * SECOND })).toBeLessThan(10);
    expect(
      gapsIn({ fromUs: T0_US - 100 * SECOND, toUs: T0_US + 10 * SECOND }, coveredRanges(ctx.db, "event", "")),
    ).toEqual([{ fromUs: T0_US - 10 * SECOND, toUs: T0_US - 10 * SECOND }]);
    expect(covered().at(-1)?.[1]).toBe(19);
  });

  test("compares counts instead of reading again where the overlap has many events", async () => {
    const { ctx, prefect, clock } = aHarness();
    prefect.events = Array.from({ length: 60 }, (_, i) => anEventAt(-120 + i));
    await catchUp(ctx, neverAborted);
    clock.us += 10 * SECOND;
    prefect.asked.length = 0;
    expect((await catchUp(ctx, neverAborted)).gained).toBe(0);
    // A count, marker events of what was counted, and what occurred since the third newest of them.
    expect(prefect.asked).toEqual(["events -151..-22 0", "events by id 2", "events -63..86410 5"]);
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
    const early = anEventAt(-140);
    prefect.events = [early];
    await catchUp(ctx, neverAborted);
    const late = anEventAt(-60);
    prefect.events = [early, late, anEventAt(3_000)];
    clock.us += 2 * HOUR_US;
    expect(await catchUp(ctx, neverAborted)).toMatchObject({ gained: 1, leavesGap: true });
    expect(findEventById(ctx.db, late.id)).toEqual(late);
    expect(covered()).toEqual([
      [-151, -1, "catch-up"],
      [6_600, 7_199, "catch-up"],
    ]);
  });

  test("leaves a gap to backfill where claims were cut during the walk, because the server clock had been set back", async () => {
    const { ctx, prefect, clock } = aHarness();
    prefect.events = [anEventAt(-10)];
    await catchUp(ctx, neverAborted);
    clock.us += 30 * SECOND;
    expect((await catchUp(ctx, neverAborted)).leavesGap).toBe(false);
    clock.us += 30 * SECOND;
    prefect.before = (asked) => {
      if (asked.startsWith("events")) ctx.ingest.repairs.serverClockChanged(T0_US - 20 * MINUTE_US);
      prefect.before = () => {};
    };
    ctx.ingest.claims([{ fromUs: T0_US - HOUR_US, toUs: T0_US, source: "backfill", verifiedUs: clock.us }]);
    expect((await catchUp(ctx, neverAborted)).leavesGap).toBe(true);
  });

  test("takes back what was claimed of a record without any event where the server had one all the time", async () => {
    const { ctx, prefect, clock, covered } = aHarness();
    await catchUp(ctx, neverAborted);
    const backfill = new Backfill(ctx);
    while ((await backfill.step({ goalUs: T0_US - 2 * HOUR_US, signal: neverAborted })).state === "more");
    expect(covered()[0]?.[0]).toBe(-7_200);
    clock.us += 30 * SECOND;
    // Another server answered before, or this one stored them very late.
    prefect.events = [anEventAt(-3_000), anEventAt(-4_000)];
    expect((await catchUp(ctx, neverAborted)).gained).toBe(2);
    expect(covered()).toEqual([[-7_200, 29, "catch-up"]]);
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
