import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/errors.ts";
import { DAY_US, HOUR_US, SECOND_US } from "../../../src/lib/time.ts";
import { countEventsBetween } from "../../../src/store/events/events.ts";
import { Backfill } from "../../../src/sync/events/backfill.ts";
import { catchUp } from "../../../src/sync/events/catch-up.ts";
import { Verifier } from "../../../src/sync/verification/verifier.ts";
import { at, T0_US } from "../../support/builders.ts";
import { failureOf } from "../../support/failure-of.ts";
import { aHarness, anEventAt, neverAborted } from "../engine-harness.ts";

const all = { fromUs: T0_US - 30 * DAY_US, toUs: T0_US + DAY_US };

describe("verification", () => {
  test("runs some seconds after late events were streamed, in the range where they occurred", async () => {
    const { ctx, prefect, clock, commits } = aHarness();
    await catchUp(ctx, neverAborted);
    const backfill = new Backfill(ctx);
    while ((await backfill.step({ goalUs: T0_US - 2 * HOUR_US, signal: neverAborted })).state === "more");
    clock.us += 30 * SECOND_US;
    const [streamed, lost] = [anEventAt(-3_000, { received: at(29) }), anEventAt(-2_990, { received: at(29) })];
    prefect.events = [streamed, lost];
    ctx.ingest.events([streamed], "stream", null);
    const verifier = new Verifier(ctx);
    const late = commits.at(-1)?.lateRange;
    expect(late).toEqual({ fromUs: T0_US - 3_000 * SECOND_US, toUs: T0_US - 3_000 * SECOND_US });
    if (late) verifier.lateEventsStored(late);
    expect(await verifier.iterate(neverAborted)).toBe(6_000);
    clock.us += 6 * SECOND_US;
    await verifier.iterate(neverAborted);
    expect(countEventsBetween(ctx.db, all)).toBe(2);
  });

  test("is not delayed by further late events, and is repeated after Prefect failed", async () => {
    const { ctx, prefect, clock } = aHarness();
    await catchUp(ctx, neverAborted);
    const backfill = new Backfill(ctx);
    while ((await backfill.step({ goalUs: T0_US - 2 * HOUR_US, signal: neverAborted })).state === "more");
    prefect.events = [anEventAt(-3_000)];
    const verifier = new Verifier(ctx);
    const late = { fromUs: T0_US - 3_000 * SECOND_US, toUs: T0_US - 3_000 * SECOND_US };
    for (let second = 0; second < 6; second += 1) {
      verifier.lateEventsStored(late);
      expect(await verifier.iterate(neverAborted)).toBe((6 - second) * 1_000);
      clock.us += SECOND_US;
    }
    prefect.before = () => {
      throw new AppError("unavailable", "nothing accepts connections");
    };
    expect((await failureOf(verifier.iterate(neverAborted))).code).toBe("unavailable");
    expect(countEventsBetween(ctx.db, all)).toBe(0);
    prefect.before = () => undefined;
    clock.us += 6 * SECOND_US;
    await verifier.iterate(neverAborted);
    expect(countEventsBetween(ctx.db, all)).toBe(1);
  });

  test("finds events that occurred hours ago within minutes, by counting the last day", async () => {
    const { ctx, prefect, clock } = aHarness();
    prefect.events = Array.from({ length: 200 }, (_, n) => anEventAt(-n * 60 - 600));
    await catchUp(ctx, neverAborted);
    const backfill = new Backfill(ctx);
    while ((await backfill.step({ goalUs: T0_US - 5 * HOUR_US, signal: neverAborted })).state === "more");
    const verifier = new Verifier(ctx);
    await verifier.iterate(neverAborted);
    const old = [anEventAt(-2 * 3_600), anEventAt(-3 * 3_600 - 1)];
    prefect.events.push(...old);
    prefect.events.sort((a, b) => (a.occurred < b.occurred ? -1 : 1));
    clock.us += 4 * 60 * SECOND_US;
    await verifier.iterate(neverAborted);
    expect(countEventsBetween(ctx.db, all)).toBe(200);
    clock.us += 60 * SECOND_US;
    // Idle work follows a catch-up.
    await catchUp(ctx, neverAborted);
    await verifier.iterate(neverAborted);
    expect(countEventsBetween(ctx.db, all)).toBe(202);
    clock.us += 5 * 60 * SECOND_US;
    await catchUp(ctx, neverAborted);
    prefect.asked.length = 0;
    await verifier.iterate(neverAborted);
    expect(prefect.asked.length).toBeLessThanOrEqual(4);
  });

  test("covers everything on a schedule with growing intervals, within the idle allowance", async () => {
    const { ctx, prefect, clock } = aHarness();
    await catchUp(ctx, neverAborted);
    prefect.events = [anEventAt(-100)];
    clock.us += 11 * 60 * SECOND_US;
    prefect.asked.length = 0;
    const verifier = new Verifier(ctx);
    expect(await verifier.iterate(neverAborted)).toBe(60_000);
    expect(prefect.asked).toEqual(["events -150..-1 5"]);
    expect(countEventsBetween(ctx.db, all)).toBe(1);
    prefect.asked.length = 0;
    await verifier.iterate(neverAborted);
    expect(prefect.asked).toEqual([]);
  });
});
