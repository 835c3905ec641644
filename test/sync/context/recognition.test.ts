import { expect, test } from "bun:test";
import { findEventById } from "../../../src/store/events/events.ts";
import { withdrawUnproven } from "../../../src/sync/change-record.ts";
import { findProvenMoment, serverRecognised } from "../../../src/sync/context/recognition.ts";
import { T0_US } from "../../support/builders.ts";
import { aHarness, anEventAt, neverAborted, SECOND } from "../engine-harness.ts";

test("where the server clock is unknown, no event that only the websocket delivered counts as one of the recognised server", async () => {
  const { ctx, prefect } = aHarness();
  prefect.skewMs = null;
  await serverRecognised(ctx, ctx.serverClock.mark(), neverAborted);
  // The server clock is behind the local one, so what another server sends now has a `received` from before.
  const streamed = anEventAt(-600);
  ctx.ingest.events([streamed], "stream", null);
  withdrawUnproven(ctx.db);
  expect(findEventById(ctx.db, streamed.id)).toBeNull();
});

test("an earlier moment of the server clock stays when the clock is unknown later", async () => {
  const { ctx, prefect } = aHarness();
  await serverRecognised(ctx, ctx.serverClock.mark(), neverAborted);
  const known = findProvenMoment(ctx.db);
  expect(known?.serverUs).toBeGreaterThan(T0_US - 5 * SECOND);
  prefect.skewMs = null;
  await serverRecognised(ctx, ctx.serverClock.mark(), neverAborted);
  expect(findProvenMoment(ctx.db)?.serverUs).toBe(known?.serverUs);
});
