import { expect, test } from "bun:test";
import { HOUR_US, SECOND_US } from "../../../src/lib/time.ts";
import { isSyncerAlive, readSyncView } from "../../../src/queries/source/sync-view.ts";
import { putFact } from "../../../src/store/sync-state.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

test("the process that synchronises counts only while its heartbeat is recent, and follows only after a catch-up", async () => {
  await using harness = await openToolHarness();
  const { db, nowUs, query } = harness;
  const view = () => readSyncView(db, query.clock);
  expect(view()).toEqual({ isFollowing: false, unreachableSinceUs: null, lastContactUs: null });
  harness.following();
  expect(view()).toEqual({ isFollowing: true, unreachableSinceUs: null, lastContactUs: nowUs });
  harness.nowUs += 7 * SECOND_US;
  expect(view().isFollowing).toBe(false);
  harness.nowUs = nowUs + SECOND_US;
  putFact(db, "syncer", { pid: 2, host: "host-a", sinceUs: nowUs + SECOND_US, heartbeatUs: nowUs + SECOND_US }, nowUs);
  expect(view().isFollowing).toBe(false);
  harness.nowUs = nowUs;
  harness.following({ lostSecondsAgo: 30 });
  expect(view()).toMatchObject({ isFollowing: false, unreachableSinceUs: nowUs - 30 * SECOND_US });
});

test("a heartbeat or a catch-up from the future says nothing: the process may have ended before the clock was set back", async () => {
  await using harness = await openToolHarness();
  const { db, nowUs, query } = harness;
  harness.following();
  harness.nowUs = nowUs - 2 * HOUR_US;
  expect([isSyncerAlive(db, query.clock), readSyncView(db, query.clock).isFollowing]).toEqual([false, false]);
  const lastContactUs = readSyncView(db, query.clock).lastContactUs ?? 0;
  expect(lastContactUs).toBeLessThanOrEqual(harness.nowUs);
  const fact = { pid: 1, host: "host-a", sinceUs: harness.nowUs - HOUR_US, heartbeatUs: harness.nowUs };
  putFact(db, "syncer", fact, harness.nowUs);
  // Alive, but its last catch-up was before the clock was set.
  expect([isSyncerAlive(db, query.clock), readSyncView(db, query.clock).isFollowing]).toEqual([true, false]);
});

test("a heartbeat by a clock that was set since says nothing, also when it seems to be of now", async () => {
  await using harness = await openToolHarness();
  const { db, nowUs, query } = harness;
  const beat = (bootedUs: number) =>
    putFact(db, "syncer", { pid: 1, host: "host-a", sinceUs: nowUs - HOUR_US, heartbeatUs: nowUs, bootedUs }, nowUs);
  beat(query.clock.bootedUs() + 5 * SECOND_US);
  expect(isSyncerAlive(db, query.clock)).toBe(false);
  beat(query.clock.bootedUs() + SECOND_US);
  expect(isSyncerAlive(db, query.clock)).toBe(true);
});
