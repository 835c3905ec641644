import { describe, expect, test } from "bun:test";
import { formatIsoUs } from "../../../src/lib/time.ts";
import { countEventsBetween, findEventById } from "../../../src/store/events/events.ts";
import { verifyRange } from "../../../src/sync/verification/verify.ts";
import { T0_US } from "../../support/builders.ts";
import { aHarness, anEventAt, neverAborted, SECOND } from "../engine-harness.ts";

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
