import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/errors.ts";
import { DAY_US, HOUR_US, SECOND_US } from "../../src/lib/time.ts";
import { countEventsBetween } from "../../src/store/events/events.ts";
import { findFact, findStateJson, putStateJson } from "../../src/store/sync-state.ts";
import { retentionFloorUs } from "../../src/sync/context/retention-floor.ts";
import { refreshServerFacts } from "../../src/sync/context/server-facts.ts";
import { Backfill } from "../../src/sync/events/backfill.ts";
import { catchUp } from "../../src/sync/events/catch-up.ts";
import { forgetBefore, retentionIteration } from "../../src/sync/retention.ts";
import { syncOnce } from "../../src/sync/sync-once.ts";
import { ResetDetector } from "../../src/sync/verification/reset-detection.ts";
import { Verifier } from "../../src/sync/verification/verifier.ts";
import { aDeployment, aFlowRun, aLog, aTaskRun, at, T0_US } from "../support/builders.ts";
import { failureOf } from "../support/failure-of.ts";
import { aHarness, anEventAt, neverAborted } from "./engine-harness.ts";

const all = { fromUs: T0_US - 30 * DAY_US, toUs: T0_US + DAY_US };

describe("facts about the server", () => {
  test("are its version and retention, and are written into the record", async () => {
    const { ctx, prefect } = aHarness();
    prefect.settings = { server: { events: { retention_period: "P3D" } } };
    await refreshServerFacts(ctx, neverAborted);
    expect(ctx.server).toEqual({ version: "3.8.8", retentionUs: 3 * DAY_US, hasShorterRetention: false });
    expect(findFact(ctx.db, "instance")).toEqual({
      url: "http://tiny/api",
      version: "3.8.8",
      retentionUs: 3 * DAY_US,
      createdUs: T0_US,
    });
  });

  test("are taken from an earlier answer when permission is missing now", async () => {
    const { ctx, prefect } = aHarness();
    prefect.settings = { server: { events: { retention_period: "P3D" } } };
    await refreshServerFacts(ctx, neverAborted);
    ctx.server.retentionUs = 7 * DAY_US;
    prefect.before = (asked) => {
      if (asked === "settings") throw new AppError("unauthorized", "forbidden", { status: 403 });
    };
    await refreshServerFacts(ctx, neverAborted);
    expect(ctx.server.retentionUs).toBe(3 * DAY_US);
  });

  test("are not treated as unknown after a failure that may pass", async () => {
    const { ctx, prefect } = aHarness();
    prefect.before = () => {
      throw new AppError("unavailable", "busy", { status: 503 });
    };
    expect((await failureOf(refreshServerFacts(ctx, neverAborted))).code).toBe("unavailable");
  });

  test("are asked for again where only that route fails, and less is claimed until then", async () => {
    const { ctx, prefect } = aHarness();
    prefect.before = (asked) => {
      if (asked === "settings") throw new AppError("unavailable", "bad gateway", { status: 502 });
    };
    expect(await refreshServerFacts(ctx, neverAborted)).toBe(false);
    expect(ctx.server).toEqual({ version: "3.8.8", retentionUs: DAY_US, hasShorterRetention: false });
    expect(findFact(ctx.db, "instance")?.retentionUs).toBeNull();
    expect(ctx.connectivity.isReachable).toBe(true);
    prefect.before = () => undefined;
    prefect.settings = { server: { events: { retention_period: "P3D" } } };
    expect(await refreshServerFacts(ctx, neverAborted)).toBe(true);
    expect(ctx.server.retentionUs).toBe(3 * DAY_US);
    prefect.before = (asked) => {
      if (asked === "settings") throw new AppError("unavailable", "bad gateway", { status: 502 });
    };
    expect(await refreshServerFacts(ctx, neverAborted)).toBe(false);
    expect(ctx.server.retentionUs).toBe(3 * DAY_US);
  });
});

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

describe("verification", () => {
  test("runs some seconds after late events were streamed, in the range where they occurred", async () => {
    const { ctx, prefect, clock, commits } = aHarness();
    await catchUp(ctx, neverAborted);
    const backfill = new Backfill(ctx);
    while ((await backfill.step({ goalUs: T0_US - 2 * HOUR_US, signal: neverAborted })).state === "more");
    clock.us += 30 * SECOND_US;
    const [streamed, lost] = [anEventAt(-3_000, { received: at(29) }), anEventAt(-2_990, { received: at(29) })];
    prefect.events = [streamed, lost];
    ctx.ingest.events([streamed], "stream", null);
    const verifier = new Verifier(ctx);
    const late = commits.at(-1)?.lateRange;
    expect(late).toEqual({ fromUs: T0_US - 3_000 * SECOND_US, toUs: T0_US - 3_000 * SECOND_US });
    if (late) verifier.lateEventsStored(late);
    expect(await verifier.iterate(neverAborted)).toBe(6_000);
    clock.us += 6 * SECOND_US;
    await verifier.iterate(neverAborted);
    expect(countEventsBetween(ctx.db, all)).toBe(2);
  });

  test("is not delayed by further late events, and is repeated after Prefect failed", async () => {
    const { ctx, prefect, clock } = aHarness();
    await catchUp(ctx, neverAborted);
    const backfill = new Backfill(ctx);
    while ((await backfill.step({ goalUs: T0_US - 2 * HOUR_US, signal: neverAborted })).state === "more");
    prefect.events = [anEventAt(-3_000)];
    const verifier = new Verifier(ctx);
    const late = { fromUs: T0_US - 3_000 * SECOND_US, toUs: T0_US - 3_000 * SECOND_US };
    for (let second = 0; second < 6; second += 1) {
      verifier.lateEventsStored(late);
      expect(await verifier.iterate(neverAborted)).toBe((6 - second) * 1_000);
      clock.us += SECOND_US;
    }
    prefect.before = () => {
      throw new AppError("unavailable", "nothing accepts connections");
    };
    expect((await failureOf(verifier.iterate(neverAborted))).code).toBe("unavailable");
    expect(countEventsBetween(ctx.db, all)).toBe(0);
    prefect.before = () => undefined;
    clock.us += 6 * SECOND_US;
    await verifier.iterate(neverAborted);
    expect(countEventsBetween(ctx.db, all)).toBe(1);
  });

  test("finds events that occurred hours ago within minutes, by counting the last day", async () => {
    const { ctx, prefect, clock } = aHarness();
    prefect.events = Array.from({ length: 200 }, (_, n) => anEventAt(-n * 60 - 600));
    await catchUp(ctx, neverAborted);
    const backfill = new Backfill(ctx);
    while ((await backfill.step({ goalUs: T0_US - 5 * HOUR_US, signal: neverAborted })).state === "more");
    const verifier = new Verifier(ctx);
    await verifier.iterate(neverAborted);
    const old = [anEventAt(-2 * 3_600), anEventAt(-3 * 3_600 - 1)];
    prefect.events.push(...old);
    prefect.events.sort((a, b) => (a.occurred < b.occurred ? -1 : 1));
    clock.us += 4 * 60 * SECOND_US;
    await verifier.iterate(neverAborted);
    expect(countEventsBetween(ctx.db, all)).toBe(200);
    clock.us += 60 * SECOND_US;
    prefect.asked.length = 0;
    await verifier.iterate(neverAborted);
    expect(countEventsBetween(ctx.db, all)).toBe(202);
    prefect.asked.length = 0;
    clock.us += 5 * 60 * SECOND_US;
    await verifier.iterate(neverAborted);
    expect(prefect.asked.length).toBeLessThanOrEqual(4);
  });

  test("covers everything on a schedule with growing intervals, within the idle allowance", async () => {
    const { ctx, prefect, clock } = aHarness();
    await catchUp(ctx, neverAborted);
    prefect.events = [anEventAt(-100)];
    clock.us += 11 * 60 * SECOND_US;
    prefect.asked.length = 0;
    const verifier = new Verifier(ctx);
    expect(await verifier.iterate(neverAborted)).toBe(60_000);
    expect(prefect.asked).toEqual(["events -150..-1 5"]);
    expect(countEventsBetween(ctx.db, all)).toBe(1);
    prefect.asked.length = 0;
    await verifier.iterate(neverAborted);
    expect(prefect.asked).toEqual([]);
  });
});

describe("retention", () => {
  test("deletes what is too old, and neither claims nor fetches it again", async () => {
    const { ctx, prefect, covered } = aHarness({ settings: { retentionUs: HOUR_US } });
    prefect.events = [anEventAt(-7_000), anEventAt(-5_000), anEventAt(-1_000)];
    await catchUp(ctx, neverAborted);
    const backfill = new Backfill(ctx);
    const fill = async () => {
      while ((await backfill.step({ goalUs: T0_US - 2 * HOUR_US, signal: neverAborted })).state === "more");
    };
    await fill();
    await retentionIteration(ctx, neverAborted);
    expect(countEventsBetween(ctx.db, all)).toBe(1);
    expect(retentionFloorUs(ctx.db)).toBe(T0_US - HOUR_US);
    expect(covered()[0]?.[0]).toBe(-3_600);
    prefect.asked.length = 0;
    await fill();
    expect(prefect.asked).toEqual([]);
  });

  test("deletes the oldest rows when the record is too large", async () => {
    const { ctx, prefect } = aHarness({
      settings: { retentionUs: 0, retentionBytes: 800_000 },
      tuning: { eventPage: 50 },
    });
    const big = (i: number) => anEventAt(-100 + i / 100, { payload: { n: i, text: String(Math.random()).repeat(20) } });
    prefect.events = Array.from({ length: 4_000 }, (_, i) => big(i));
    await catchUp(ctx, neverAborted);
    await retentionIteration(ctx, neverAborted);
    const left = countEventsBetween(ctx.db, all);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(4_000);
    expect(retentionFloorUs(ctx.db)).toBeGreaterThan(T0_US - 100 * SECOND_US);
  });

  test("keeps its floor in the past when it deletes for space, although an event is dated tomorrow", async () => {
    const harness = aHarness({ settings: { retentionBytes: 100_000 } });
    const payload = () => ({ big: Array.from({ length: 200 }, () => crypto.randomUUID()).join("") });
    harness.prefect.events = Array.from({ length: 60 }, (_, n) => anEventAt(-n - 1, { payload: payload() }));
    harness.prefect.events.push(anEventAt(20 * 3_600));
    await catchUp(harness.ctx, neverAborted);
    await retentionIteration(harness.ctx, neverAborted);
    expect(retentionFloorUs(harness.ctx.db)).toBeLessThanOrEqual(harness.clock.us);
    harness.clock.us += 60e6;
    await catchUp(harness.ctx, neverAborted);
    expect(harness.covered().length).toBeGreaterThan(0);
  });

  test("deletes nothing by age while the server clock is unknown", async () => {
    const { ctx } = aHarness({ settings: { retentionUs: HOUR_US }, skewMs: null });
    ctx.ingest.events([anEventAt(-90_000)], "stream", null);
    await retentionIteration(ctx, neverAborted);
    expect(countEventsBetween(ctx.db, all)).toBe(1);
  });

  test("deletes what a user wants to forget", async () => {
    const { ctx, prefect } = aHarness();
    prefect.events = [anEventAt(-120), anEventAt(-20)];
    await catchUp(ctx, neverAborted);
    expect(await forgetBefore(ctx, T0_US - 60 * SECOND_US, neverAborted)).toBe(1);
    expect(countEventsBetween(ctx.db, all)).toBe(1);
    expect((await catchUp(ctx, neverAborted)).gained).toBe(0);
  });
});

describe("one complete pass", () => {
  test("fetches events, objects, runs and the logs of failed runs, and reports its progress", async () => {
    const { ctx, prefect } = aHarness();
    const failed = aFlowRun({ expected_start_time: at(-300), state_type: "FAILED", end_time: at(-2) });
    prefect.events = [anEventAt(-5_000), anEventAt(-100)];
    prefect.flowRuns = [failed];
    prefect.taskRuns = [aTaskRun({ flow_run_id: failed.id })];
    prefect.logs = [aLog({ flow_run_id: failed.id, timestamp: at(-3) })];
    prefect.objects.deployment = [aDeployment()];
    const phases: string[] = [];
    await syncOnce(ctx, { sinceUs: T0_US - DAY_US }, (progress) => void phases.push(progress.phase), neverAborted);
    expect([...new Set(phases)]).toEqual(["events", "objects", "runs", "logs", "done"]);
    const count = (table: string) =>
      ctx.db.sqlite.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n;
    expect(["event", "flow_run", "task_run", "log", "object"].map(count)).toEqual([2, 1, 1, 1, 1]);
  });

  test("fetches nothing twice", async () => {
    const { ctx, prefect } = aHarness();
    prefect.events = Array.from({ length: 40 }, (_, i) => anEventAt(-7_000 + i));
    await syncOnce(ctx, { sinceUs: T0_US - DAY_US }, () => {}, neverAborted);
    prefect.asked.length = 0;
    await syncOnce(ctx, { sinceUs: T0_US - DAY_US }, () => {}, neverAborted);
    expect(prefect.asked.filter((asked) => asked.startsWith("events"))).toHaveLength(2);
  });

  test("fails when Prefect does not answer", async () => {
    const { ctx, prefect } = aHarness();
    prefect.before = () => {
      throw new AppError("unavailable", "nothing accepts connections");
    };
    expect((await failureOf(syncOnce(ctx, {}, () => {}, neverAborted))).code).toBe("unavailable");
  });
});
