import { describe, expect, test } from "bun:test";
import { DAY_US, SECOND_US } from "../../../src/lib/time.ts";
import { findStateJson, putStateJson } from "../../../src/store/sync-state.ts";
import { retentionFloorUs } from "../../../src/sync/context/retention-floor.ts";
import { catchUp } from "../../../src/sync/events/catch-up.ts";
import { ResetDetector } from "../../../src/sync/verification/reset-detection.ts";
import { T0_US } from "../../support/builders.ts";
import { aHarness, anEventAt, neverAborted } from "../engine-harness.ts";

describe("the marker event", () => {
  test("is the first confirmed event, and has a younger successor before the server may delete it by age", async () => {
    const { ctx, prefect, clock } = aHarness();
    ctx.server.retentionUs = 4 * DAY_US;
    const first = anEventAt(-20);
    prefect.events = [first];
    ctx.ingest.events([anEventAt(-30)], "stream", null);
    expect(findStateJson(ctx.db, "canary.event")).toBeNull();
    await catchUp(ctx, neverAborted);
    expect(findStateJson(ctx.db, "canary.event")).toMatchObject({ id: first.id });
    clock.us += 3 * DAY_US;
    const second = anEventAt((3 * DAY_US) / SECOND_US - 20);
    prefect.events.push(second);
    await catchUp(ctx, neverAborted);
    expect(await new ResetDetector(ctx).isSameDatabase("verify", neverAborted)).toBe(true);
    expect(findStateJson(ctx.db, "canary.event")).toMatchObject({ id: second.id });
  });

  test("shows a reset when the server no longer has it or it is too old, and then ranges up to now are doubted", async () => {
    const { ctx, prefect, clock } = aHarness();
    ctx.server.retentionUs = 4 * DAY_US;
    prefect.events = [anEventAt(-20)];
    await catchUp(ctx, neverAborted);
    prefect.events = [];
    expect(await new ResetDetector(ctx).isSameDatabase("verify", neverAborted)).toBe(false);
    expect(ResetDetector.doubtedUntilUs(ctx.db)).toBe(T0_US + 2 * DAY_US);
    expect(findStateJson(ctx.db, "canary.event")).toBeNull();
    clock.us += 10 * DAY_US;
    expect(await new ResetDetector(ctx).isSameDatabase("verify", neverAborted)).toBe(false);
  });
});

test("values that earlier versions have stored keep their keys, because a lost doubt or floor would allow false claims", () => {
  const { ctx } = aHarness();
  putStateJson(ctx.db, "canary.doubt", { untilUs: T0_US }, 0);
  putStateJson(ctx.db, "retention.kept-from", { us: T0_US }, 0);
  expect(ResetDetector.doubtedUntilUs(ctx.db)).toBe(T0_US);
  expect(retentionFloorUs(ctx.db)).toBe(T0_US);
});
