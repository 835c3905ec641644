import { expect, test } from "bun:test";
import { SECOND_US } from "../../../src/lib/time.ts";
import { readSyncView } from "../../../src/queries/source/sync-view.ts";
import { putFact } from "../../../src/store/sync-state.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

test("the process that synchronises counts only while its heartbeat is recent, and follows only after a catch-up", async () => {
  await using harness = await openToolHarness();
  const { db, nowUs } = harness;
  expect(readSyncView(db, nowUs)).toEqual({ isFollowing: false, unreachableSinceUs: null, lastContactUs: null });
  harness.following();
  expect(readSyncView(db, nowUs)).toEqual({ isFollowing: true, unreachableSinceUs: null, lastContactUs: nowUs });
  expect(readSyncView(db, nowUs + 7 * SECOND_US).isFollowing).toBe(false);
  putFact(db, "syncer", { pid: 2, host: "host-a", sinceUs: nowUs + SECOND_US, heartbeatUs: nowUs + SECOND_US }, nowUs);
  expect(readSyncView(db, nowUs + SECOND_US).isFollowing).toBe(false);
  harness.following({ lostSecondsAgo: 30 });
  expect(readSyncView(db, nowUs)).toMatchObject({ isFollowing: false, unreachableSinceUs: nowUs - 30 * SECOND_US });
});
