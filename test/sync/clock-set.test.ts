/** What the engine does when a clock is set, step by step; the simulation does the same at random moments. */
import { describe, expect, test } from "bun:test";
import { DAY_US, formatIsoUs, HOUR_US, MINUTE_US } from "../../src/lib/time.ts";
import { createRedactor } from "../../src/model/secrets/redact.ts";
import { coveredRanges } from "../../src/store/coverage.ts";
import { findEventById } from "../../src/store/events/events.ts";
import { findFlowRunRow } from "../../src/store/runs/flow-runs.ts";
import { findFact } from "../../src/store/sync-state.ts";
import { clockFact, setBackUs, trustedUntilUs } from "../../src/sync/context/clock-fact.ts";
import { createContext } from "../../src/sync/context/create-context.ts";
import { retentionFloorUs } from "../../src/sync/context/retention-floor.ts";
import { catchUp } from "../../src/sync/events/catch-up.ts";
import { Snapshots } from "../../src/sync/runs/snapshots.ts";
import { aFlowRun, aState, T0_US } from "../support/builders.ts";
import { aHarness, anEventAt, type EngineHarness, neverAborted, SECOND } from "./engine-harness.ts";

const HOURS = 7_200_000;
const verifiedAt = ({ ctx }: EngineHarness) =>
  coveredRanges(ctx.db, "event", "").map((claim) => Math.round((claim.verifiedUs - T0_US) / SECOND));

async function caughtUp(): Promise<EngineHarness> {
  const harness = aHarness();
  await catchUp(harness.ctx, neverAborted);
  harness.clock.us += 30 * SECOND;
  return harness;
}

describe("when the server clock is set back", () => {
  test("claims end where it was at the last answer, and the next catch-up reads on from there", async () => {
    const harness = await caughtUp();
    const { ctx, prefect } = harness;
    prefect.skewMs = -HOURS;
    const event = anEventAt(-7_190);
    prefect.events = [event];
    const { throughUs } = await catchUp(ctx, neverAborted);
    const nowUs = harness.clock.us - HOUR_US * 2;
    expect(throughUs).toBeLessThanOrEqual(nowUs);
    expect(coveredRanges(ctx.db, "event", "").every((claim) => claim.toUs <= nowUs)).toBe(true);
  });

  test.each([true, false])(
    "while no process synced, what it passed since is not trusted (same local clock: %p)",
    async (isSame) => {
      const { ctx } = await caughtUp();
      ctx.ingest.claims([{ fromUs: T0_US - 30 * DAY_US, toUs: T0_US, source: "backfill", verifiedUs: T0_US }]);
      const nowUs = T0_US - HOUR_US;
      // The last catch-up was 30 s ago.
      expect(trustedUntilUs(ctx.db, ctx.clock, nowUs, isSame)).toBe(nowUs - (isSame ? 30 * SECOND : DAY_US));
      expect(trustedUntilUs(ctx.db, ctx.clock, T0_US - SECOND, isSame)).toBe(T0_US - SECOND);
    },
  );

  test("and the local clock too, before the record is used again, the last catch-up seems to come and proves nothing", async () => {
    const { ctx, clock } = await caughtUp();
    ctx.ingest.claims([{ fromUs: T0_US - 30 * DAY_US, toUs: T0_US, source: "backfill", verifiedUs: T0_US }]);
    clock.setUs = -HOUR_US;
    expect(trustedUntilUs(ctx.db, clock, T0_US - HOUR_US, true)).toBe(T0_US - HOUR_US - DAY_US);
  });

  test("while its record was aside and the local clock was set, what it passed since is not trusted", async () => {
    const { ctx, clock, prefect } = await caughtUp();
    prefect.events = [anEventAt(-20)];
    await catchUp(ctx, neverAborted);
    ctx.ingest.claims([{ fromUs: T0_US - 3 * DAY_US, toUs: T0_US, source: "backfill", verifiedUs: T0_US }]);
    const fact = clockFact(ctx);
    if (fact) ctx.ingest.putFact("clock", { ...fact, bootedUs: -10 * SECOND });
    const again = createContext({ ...ctx, api: ctx.requests.api, redact: createRedactor({ credentials: [] }) });
    // The engine writes at once how the local clock is now.
    if (fact) again.ingest.putFact("clock", fact);
    prefect.skewMs = -HOURS;
    await catchUp(again, neverAborted);
    const halfDayAgoUs = clock.us - DAY_US / 2;
    const claims = coveredRanges(ctx.db, "event", "");
    expect(claims.some(({ fromUs, toUs }) => fromUs <= halfDayAgoUs && toUs >= halfDayAgoUs)).toBe(false);
  });

  test("while no process ran, what the server may have deleted before is not claimed", async () => {
    const { ctx, prefect, clock } = await caughtUp();
    const retentionUs = 480 * SECOND;
    ctx.ingest.putFact("instance", { url: "", version: null, retentionUs, createdUs: T0_US });
    const again = createContext({ ...ctx, api: ctx.requests.api, redact: createRedactor({ credentials: [] }) });
    // The machine was started again, so that it is not known how long ago the record was written.
    ctx.ingest.putFact("clock", { skewMs: 0, measuredUs: T0_US, bootedUs: -10 * DAY_US });
    prefect.skewMs = -HOURS;
    await catchUp(again, neverAborted);
    // It has deleted events up to a time that lies in the future by its clock now.
    expect(retentionFloorUs(again.db)).toBeGreaterThan(clock.us - 2 * HOUR_US - MINUTE_US);
  });

  test("the retention floor does not stay in the future, where nothing would be claimed any more", async () => {
    const { ctx, prefect, clock } = await caughtUp();
    ctx.ingest.drop(clock.us + HOUR_US, () => undefined);
    prefect.skewMs = -HOURS;
    await catchUp(ctx, neverAborted);
    expect(retentionFloorUs(ctx.db)).toBeLessThanOrEqual(clock.us - 2 * HOUR_US);
  });
});

test("while the server clock is unknown, an event that the server does not have any more shows nothing: it may be old by that clock", async () => {
  const { ctx, prefect, clock } = aHarness({ skewMs: null });
  const event = anEventAt(-60);
  prefect.events = [event];
  await catchUp(ctx, neverAborted);
  prefect.events = [];
  clock.us += 200 * SECOND;
  await catchUp(ctx, neverAborted);
  expect([findEventById(ctx.db, event.id)?.id, findFact(ctx.db, "otherServer")]).toEqual([event.id, null]);
});

test("what the server may have deleted while its clock was ahead is not claimed after it was set back", async () => {
  const { ctx, prefect, clock } = await caughtUp();
  ctx.ingest.putFact("instance", { url: "", version: null, retentionUs: DAY_US, createdUs: 0 });
  prefect.skewMs = -HOURS;
  await catchUp(ctx, neverAborted);
  const aheadUs = T0_US - SECOND - DAY_US;
  ctx.ingest.claims([{ fromUs: aheadUs - HOUR_US, toUs: aheadUs + HOUR_US, source: "backfill", verifiedUs: clock.us }]);
  const first = coveredRanges(ctx.db, "event", "")[0];
  // The margin of the retention horizon is a minute.
  expect(first?.fromUs).toBeGreaterThanOrEqual(aheadUs);
  expect(first?.fromUs).toBeLessThanOrEqual(aheadUs + MINUTE_US);
});

test("a deleted run is marked also when its state is from before the server clock was set back", async () => {
  const { ctx, clock } = await caughtUp();
  const run = aFlowRun({
    state: aState({ type: "RUNNING", timestamp: formatIsoUs(clock.us + HOUR_US) }),
  });
  ctx.ingest.flowRuns([run], clock.us, {});
  ctx.ingest.flowRuns([], clock.us, { missing: [run.id] });
  expect(findFlowRunRow(ctx.db, run.id)?.deleted_us).not.toBeNull();
});

describe("when the local clock is set", () => {
  test.each([-HOURS, HOURS])("by %p ms, claims reach as far as before, and not further", async (ms) => {
    const { ctx, clock, covered } = await caughtUp();
    const set: number[] = [];
    ctx.changes.subscribe({ clockSet: ({ byMs }) => set.push(byMs) });
    clock.setUs = ms * 1_000;
    await catchUp(ctx, neverAborted);
    expect(covered().at(-1)?.[1]).toBe(29);
    expect(set).toEqual([ms]);
  });

  test("back, the claims and lists of before are dated as the present clock would have shown them", async () => {
    const harness = await caughtUp();
    const { ctx, clock } = harness;
    await new Snapshots(ctx).read("work_pool", "reconcile", neverAborted);
    expect(verifiedAt(harness)).toEqual([0]);
    clock.setUs = -HOURS * 1_000;
    ctx.clockWatch.check();
    expect(verifiedAt(harness)).toEqual([-HOURS / 1_000]);
    expect(findFact(ctx.db, "read:work_pool")?.readUs).toBe(T0_US + 30 * SECOND - HOURS * 1_000);
  });

  test("back, a claim that was made since then replaces an earlier one", async () => {
    const harness = await caughtUp();
    harness.clock.setUs = -HOURS * 1_000;
    await catchUp(harness.ctx, neverAborted);
    expect(verifiedAt(harness).at(-1)).toBe(30 - HOURS / 1_000);
  });

  test("back during a reading, that is dated as the present clock would have shown its start", async () => {
    const harness = await caughtUp();
    const { ctx, clock, prefect } = harness;
    prefect.before = () => {
      prefect.before = () => {};
      clock.us += 5 * SECOND;
      clock.setUs = -HOURS * 1_000;
      ctx.clockWatch.check();
    };
    await catchUp(ctx, neverAborted);
    expect(verifiedAt(harness).at(-1)).toBe(30 - HOURS / 1_000);
  });

  test("back while no process ran, all readings are dated by as much as the machine's start changed", async () => {
    const { ctx, clock } = await caughtUp();
    const known = clockFact(ctx);
    if (known) ctx.ingest.putFact("clock", known);
    expect(setBackUs(ctx.db, ctx.clock)).toBeNull();
    clock.setUs = -HOUR_US;
    const byUs = setBackUs(ctx.db, ctx.clock) ?? 0;
    // The machine's start is known within a second or two.
    expect(byUs).toBeLessThanOrEqual(-HOUR_US);
    expect(byUs).toBeGreaterThan(-HOUR_US - 5 * SECOND);
    // After a new start of the machine it is later, and nothing is known.
    clock.setUs = HOUR_US;
    expect(setBackUs(ctx.db, ctx.clock)).toBeNull();
  });

  test("back, the times in the record are mended before it is said by which clock they are", async () => {
    const harness = await caughtUp();
    const { ctx, clock } = harness;
    const before = verifiedAt(harness);
    clock.setUs = -HOUR_US;
    const fact = clockFact(ctx);
    expect(fact?.bootedUs).toBe(clock.bootedUs());
    expect(verifiedAt(harness)).toEqual(before.map((seconds) => seconds - 3_600));
  });

  test("it is still known since when Prefect answers", async () => {
    const { ctx, clock } = await caughtUp();
    const { lastContactUs } = ctx.connectivity.fact;
    clock.setUs = DAY_US;
    ctx.clockWatch.check();
    expect(ctx.connectivity.fact.lastContactUs - lastContactUs).toBe(DAY_US);
  });
});

test("repairs that the disk has no room for are made before the next claim", async () => {
  const { ctx, prefect, covered } = await caughtUp();
  ctx.db.sqlite.run("CREATE TRIGGER full BEFORE DELETE ON coverage BEGIN SELECT RAISE(FAIL, 'disk full'); END");
  prefect.skewMs = -HOURS;
  ctx.serverClock.answered();
  expect(covered().at(-1)?.[1]).toBe(-1);
  ctx.db.sqlite.run("DROP TRIGGER full");
  ctx.ingest.claims([]);
  expect(covered().every(([, to]) => to <= 30 - HOURS / 1_000)).toBe(true);
});
