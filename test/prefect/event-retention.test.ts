import { describe, expect, test } from "bun:test";
import { DAY_US, HOUR_US, MINUTE_US } from "../../src/lib/time.ts";
import { readEventRetention, retentionHorizonUs, retentionOf } from "../../src/prefect/event-retention.ts";
import { T0_US } from "../support/builders.ts";
import { connect } from "../support/fake-prefect/client.ts";
import { startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";

describe("the retention of events", () => {
  test("is an ISO duration or seconds, and may be shorter for some events", () => {
    const overrides = (value: unknown) => ({
      server: {
        events: { retention_period: 604_800 },
        services: { db_vacuum: { event_retention_overrides: { "prefect.flow-run.heartbeat": value } } },
      },
    });
    expect(retentionOf(overrides("P7D") as never)).toEqual({ us: 7 * DAY_US, shortestUs: 7 * DAY_US });
    expect(retentionOf(overrides("PT6H") as never)).toEqual({ us: 7 * DAY_US, shortestUs: 6 * HOUR_US });
    expect(retentionOf({})).toEqual({ us: 7 * DAY_US, shortestUs: 7 * DAY_US });
  });

  test("is not asked of Prefect Cloud", async () => {
    await using fake = await startFakePrefect();
    const cloud = connect(fake, { isCloud: true });
    expect(await readEventRetention(cloud)).toBeNull();
    expect(cloud.requests).toBe(0);
    expect(await readEventRetention(connect(fake))).toEqual({ us: 7 * DAY_US, shortestUs: 7 * DAY_US });
  });
});

describe("the retention horizon", () => {
  test("is a minute later than now minus the retention, a tenth of a short retention", () => {
    expect(retentionHorizonUs(T0_US, 7 * DAY_US)).toBe(T0_US - 7 * DAY_US + MINUTE_US);
    expect(retentionHorizonUs(T0_US, 5 * MINUTE_US)).toBe(T0_US - 4.5 * MINUTE_US);
    expect(retentionHorizonUs(T0_US, HOUR_US / 6)).toBe(T0_US - 9 * MINUTE_US);
  });

  test("is minus infinity where nothing is known", () => {
    expect(retentionHorizonUs(T0_US, null)).toBe(Number.NEGATIVE_INFINITY);
  });
});
