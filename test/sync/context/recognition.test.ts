import { expect, test } from "bun:test";
import { findEventById } from "../../../src/store/events/events.ts";
import { findObjects } from "../../../src/store/objects/objects.ts";
import { withdrawUnproven } from "../../../src/sync/change-record.ts";
import { OtherServerError } from "../../../src/sync/context/loop.ts";
import { findProvenMoment, serverRecognised } from "../../../src/sync/context/recognition.ts";
import { catchUp } from "../../../src/sync/events/catch-up.ts";
import { Snapshots } from "../../../src/sync/runs/snapshots.ts";
import { aDeployment, aFlow, anId, T0_US } from "../../support/builders.ts";
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

test("the first events of a record are stored only after the server was recognised again: those of another one would become markers", async () => {
  const { ctx, prefect } = aHarness();
  await catchUp(ctx, neverAborted);
  await serverRecognised(ctx, ctx.serverClock.mark(), neverAborted);
  prefect.blockTypes = new Map([["secret", anId()]]);
  const foreign = anEventAt(-5);
  prefect.events = [foreign];
  await expect(catchUp(ctx, neverAborted)).rejects.toThrow(OtherServerError);
  expect(findEventById(ctx.db, foreign.id)).toBeNull();
});

test.each(["flow", "deployment"] as const)(
  "the first objects of kind %s are stored only after the server was recognised again, which they are used for",
  async (kind) => {
    const { ctx, prefect } = aHarness();
    await serverRecognised(ctx, ctx.serverClock.mark(), neverAborted);
    prefect.blockTypes = new Map([["secret", anId()]]);
    prefect.objects = kind === "flow" ? { flow: [aFlow()] } : { deployment: [aDeployment()] };
    await expect(new Snapshots(ctx).read(kind, "reconcile", neverAborted)).rejects.toThrow(OtherServerError);
    expect(findObjects(ctx.db, kind)).toEqual([]);
  },
);
