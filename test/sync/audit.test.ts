import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/errors.ts";
import { DAY_US, formatIsoUs, HOUR_US } from "../../src/lib/time.ts";
import { uuidToBytes } from "../../src/lib/uuid.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import { findStateJson } from "../../src/store/sync-state.ts";
import { type AuditReport, audit } from "../../src/sync/audit.ts";
import { Backfill } from "../../src/sync/events/backfill.ts";
import { catchUp } from "../../src/sync/events/catch-up.ts";
import { T0_US } from "../support/builders.ts";
import { failureOf } from "../support/failure-of.ts";
import { aHarness, anEventAt, type EngineHarness, neverAborted, SECOND } from "./engine-harness.ts";

const HOURS = 6;

/** Forty events in each of the last hours, all in the record. */
async function recorded(): Promise<EngineHarness> {
  const harness = aHarness();
  for (let hour = 0; hour < HOURS; hour += 1) {
    for (let i = 0; i < 40; i += 1) harness.prefect.events.push(anEventAt(-hour * 3_600 - 10 - i * 80));
  }
  await catchUp(harness.ctx, neverAborted);
  const backfill = new Backfill(harness.ctx);
  while ((await backfill.step({ goalUs: T0_US - HOURS * HOUR_US, signal: neverAborted })).state === "more");
  harness.prefect.asked.length = 0;
  return harness;
}

function remove(harness: EngineHarness, events: readonly PrefectEvent[]): void {
  for (const event of events) harness.ctx.db.sqlite.query("DELETE FROM event WHERE id = ?").run(uuidToBytes(event.id));
}

const verdicts = (report: AuditReport) => report.buckets.map((bucket) => bucket.verdict);
const sums = ({ server, record, repaired, unexplained }: AuditReport) => ({
  server,
  record,
  repaired,
  unexplained,
});

describe("an audit", () => {
  test("needs one count and a few samples for an equal record, and repairs nothing", async () => {
    const harness = await recorded();
    const report = await audit(harness.ctx, {}, neverAborted);
    expect(sums(report)).toEqual({ server: 240, record: 240, repaired: 0, unexplained: 0 });
    expect(new Set(verdicts(report))).toEqual(new Set(["equal"]));
    expect(report.sample).toEqual({ buckets: 5, of: report.buckets.length });
    expect(harness.prefect.asked.filter((asked) => asked === "count by hour")).toHaveLength(1);
    expect(report.instance).toBe("http://tiny/api");
  });

  test("counts hours and names again that differ from the rows", async () => {
    const harness = await recorded();
    const { sqlite } = harness.ctx.db;
    const hours = () => sqlite.query("SELECT hour, name_id, n FROM event_hour ORDER BY hour, name_id").all();
    const before = hours();
    sqlite.run("UPDATE event_hour SET n = n + 1");
    sqlite.run("INSERT INTO run_name(name) VALUES ('of no run')");
    const report = await audit(harness.ctx, {}, neverAborted);
    expect(sums(report)).toEqual({ server: 240, record: 240, repaired: 0, unexplained: 0 });
    expect(hours()).toEqual(before);
    expect(sqlite.query("SELECT * FROM run_name WHERE name = 'of no run'").all()).toEqual([]);
  });

  test("fetches events that were deleted from the record by hand, at any time", async () => {
    const harness = await recorded();
    const removed = harness.prefect.events.filter((_, index) => index % 30 === 0);
    remove(harness, removed);
    const report = await audit(harness.ctx, {}, neverAborted);
    expect(sums(report)).toEqual({ server: 240, record: 240, repaired: removed.length, unexplained: 0 });
    expect(sums(await audit(harness.ctx, {}, neverAborted))).toEqual({
      server: 240,
      record: 240,
      repaired: 0,
      unexplained: 0,
    });
  });

  test("finds a late event although a streamed event that was never stored makes the counts equal", async () => {
    const harness = await recorded();
    harness.ctx.ingest.events([anEventAt(-7_000.5)], "stream", null);
    const late = anEventAt(-7_100.5);
    harness.prefect.events.push(late);
    const report = await audit(harness.ctx, {}, neverAborted);
    expect(sums(report)).toEqual({ server: 241, record: 242, repaired: 1, unexplained: 0 });
  });

  test("explains that the record has more events", async () => {
    const harness = await recorded();
    harness.ctx.ingest.events([anEventAt(-7_000.5)], "stream", null);
    const report = await audit(harness.ctx, {}, neverAborted);
    expect(verdicts(report)).toContain("record_holds_more");
    expect(sums(report)).toEqual({ server: 240, record: 241, repaired: 0, unexplained: 0 });
  });

  test("explains what the server has deleted by age, without a request for it", async () => {
    const harness = await recorded();
    harness.ctx.server.retentionUs = 3 * HOUR_US;
    harness.prefect.events = harness.prefect.events.slice(0, 120);
    const report = await audit(harness.ctx, {}, neverAborted);
    expect(verdicts(report).slice(0, 2)).toEqual(["server_retention", "server_retention"]);
    expect(report.unexplained).toBe(0);
    expect(report.record).toBe(240);
  });

  test("counts each hour by itself where Prefect cannot count them together", async () => {
    const harness = await recorded();
    harness.prefect.before = (asked) => {
      if (asked === "count by hour") throw new AppError("unavailable", "index past the last bucket", { status: 500 });
    };
    remove(harness, harness.prefect.events.slice(100, 102));
    const report = await audit(harness.ctx, {}, neverAborted);
    expect(sums(report)).toEqual({ server: 240, record: 240, repaired: 2, unexplained: 0 });
  });

  test("does not rely on counts that a server rounded into the next hour", async () => {
    const harness = await recorded();
    const edge = Math.floor((T0_US - 2 * HOUR_US) / HOUR_US) * HOUR_US;
    // The last instant of an hour is counted in the next one, where an event is missing from the record.
    const onEdge = anEventAt((edge - 100 - T0_US) / SECOND);
    harness.prefect.events.push(onEdge);
    const count = harness.prefect.countEvents;
    harness.prefect.countEvents = async (what, body) => {
      const buckets = await count(what, body);
      return buckets.map((bucket) => ({
        ...bucket,
        count:
          bucket.count +
          (bucket.start_time === formatIsoUs(edge - HOUR_US) ? -1 : bucket.start_time === formatIsoUs(edge) ? 1 : 0),
      }));
    };
    const report = await audit({ ...harness.ctx, random: () => 0.999 }, {}, neverAborted);
    expect(sums(report)).toEqual({ server: 241, record: 241, repaired: 1, unexplained: 0 });
  });

  test("compares all ids on request", async () => {
    const harness = await recorded();
    const report = await audit(harness.ctx, { deep: true }, neverAborted);
    expect(report.sample.buckets).toBe(report.sample.of);
    expect(report.deep).toBe(true);
  });

  test("reports events as unexplained that the record did not store", async () => {
    const harness = await recorded();
    harness.ctx.db.sqlite.run(
      "CREATE TRIGGER refuse AFTER INSERT ON event WHEN new.recv = 777 BEGIN DELETE FROM event WHERE t = new.t; END",
    );
    const poison = anEventAt(-7_200.5);
    harness.prefect.events.push({ ...poison, received: formatIsoUs(T0_US - 7_200.5 * SECOND + 777) });
    const report = await audit(harness.ctx, {}, neverAborted);
    expect(report.unexplained).toBe(1);
    expect(verdicts(report)).toContain("unexplained");
  });

  test("begins where the caller wants, also before the coverage", async () => {
    const harness = await recorded();
    const report = await audit(harness.ctx, { sinceUs: T0_US - HOUR_US }, neverAborted);
    expect(report.from).toBe(formatIsoUs(T0_US - HOUR_US));
    const older = anEventAt(-20 * 3_600);
    harness.prefect.events.push(older);
    expect((await audit(harness.ctx, { sinceUs: T0_US - DAY_US }, neverAborted)).repaired).toBe(1);
  });

  test("fails while Prefect does not answer", async () => {
    const harness = await recorded();
    harness.prefect.before = () => {
      throw new AppError("unavailable", "nothing accepts connections");
    };
    expect((await failureOf(audit(harness.ctx, {}, neverAborted))).code).toBe("unavailable");
  });

  test("says that there is nothing to compare in an empty record", async () => {
    const harness = aHarness({ skewMs: null });
    expect((await failureOf(audit(harness.ctx, {}, neverAborted))).code).toBe("not_found");
  });

  test("writes its result into the record", async () => {
    const harness = await recorded();
    await audit(harness.ctx, {}, neverAborted);
    expect(findStateJson(harness.ctx.db, "audit.last")).toMatchObject({
      atUs: T0_US,
      server: 240,
      record: 240,
      unexplained: 0,
    });
  });
});
