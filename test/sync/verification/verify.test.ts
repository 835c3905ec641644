import { describe, expect, test } from "bun:test";
import { formatIsoUs, HOUR_US } from "../../../src/lib/time.ts";
import { countConfirmedEvents } from "../../../src/store/events/confirmed-events.ts";
import { countEventsBetween, findEventById } from "../../../src/store/events/events.ts";
import { findFact } from "../../../src/store/sync-state.ts";
import { checkDatabase, judgeDatabase } from "../../../src/sync/context/database-check.ts";
import { OtherServerError } from "../../../src/sync/context/loop.ts";
import { newestEvents } from "../../../src/sync/context/marker-events.ts";
import { isCountable, verifyRange } from "../../../src/sync/verification/verify.ts";
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

  test("takes one count and one request for marker events where both sides agree, and stores both counts", async () => {
    const { ctx, prefect } = await recorded();
    expect(await verifyRange(ctx, range, options)).toEqual({
      server: 90,
      repaired: 0,
      missing: 0,
      areIdsCompared: false,
    });
    expect(prefect.asked).toEqual(["events -1000..-100 0", "events by id 2"]);
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

  test("reads instead of counting after the server's database was restored, and has as many other events", async () => {
    const { ctx, prefect } = await recorded();
    // The backup has the first thirty events. As many as before, but the others are different ones.
    prefect.events = [
      ...prefect.events.slice(0, 30),
      ...Array.from({ length: 60 }, (_, i) => anEventAt(-700 + i * 10)),
    ];
    expect(await verifyRange(ctx, range, options)).toEqual({
      server: 90,
      repaired: 60,
      missing: 0,
      areIdsCompared: true,
    });
    expect(countEventsBetween(ctx.db, range)).toBe(150);
    // Events that the server lost are not confirmed any more, so counts agree again. The range stays one that is read.
    expect(countConfirmedEvents(ctx.db, range)).toBe(90);
    expect(isCountable(ctx, range)).toBe(false);
  });

  test("recognises a restored server by the events that it has just returned", async () => {
    const { ctx, prefect } = await recorded();
    prefect.events = prefect.events.slice(0, 1);
    expect(await checkDatabase(ctx, [], "verify", neverAborted)).toBe("restored");
    const [kept] = prefect.events;
    expect(newestEvents(ctx, 9).map(({ id }) => id)).toEqual([kept?.id ?? ""]);
    // Nothing else of the record is left on the server: it is still the same one.
    expect((await judgeDatabase(ctx, [], "verify", neverAborted)).state).toBe("same");
  });

  test("notices it also when clients have sent the lost events to it again, or only one old event of the range was lost", async () => {
    for (const lost of [60, 1]) {
      const { ctx, prefect } = await recorded();
      const again = formatIsoUs(T0_US);
      prefect.events = prefect.events.map((event, i) => (i >= 90 - lost ? { ...event, received: again } : event));
      expect(await verifyRange(ctx, range, options)).toMatchObject({ server: 90, areIdsCompared: true });
      expect(findEventById(ctx.db, prefect.events.at(-1)?.id ?? "")?.received).toBe(again);
    }
  });

  test("claims nothing when the server has none of the events: it is another one", async () => {
    const { ctx, prefect, covered } = await recorded();
    const before = covered();
    prefect.events = Array.from({ length: 90 }, (_, i) => anEventAt(-1_000 + i * 10));
    await expect(verifyRange(ctx, range, options)).rejects.toThrow(OtherServerError);
    expect(covered()).toEqual(before);
    expect(countEventsBetween(ctx.db, range)).toBe(90);
    expect(findFact(ctx.db, "otherServer")).toEqual({ sinceUs: T0_US });
  });

  test("reads where the server keeps some kinds of events for a shorter time", async () => {
    const { ctx, prefect } = await recorded();
    ctx.server.shortestRetentionUs = HOUR_US;
    expect(await verifyRange(ctx, range, options)).toMatchObject({ server: 90, areIdsCompared: true });
    expect(prefect.asked[0]).toBe("events -1000..-100 5");
  });
});
