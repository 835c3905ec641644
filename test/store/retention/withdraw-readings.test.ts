import { describe, expect, test } from "bun:test";
import { addUs, formatIsoUs, MINUTE_US, SECOND_US } from "../../../src/lib/time.ts";
import type { FlowRun } from "../../../src/model/objects.ts";
import { addCoverage, coveredRanges } from "../../../src/store/coverage.ts";
import { inTransaction, openRecord } from "../../../src/store/database.ts";
import { createEventWriter, findEventById } from "../../../src/store/events/events.ts";
import { upsertLogs } from "../../../src/store/logs/logs.ts";
import { findObjects, upsertObjects } from "../../../src/store/objects/objects.ts";
import { withdrawReadings } from "../../../src/store/retention/withdraw-readings.ts";
import { findFlowRunRow, markFlowRunsDeleted, upsertFlowRuns } from "../../../src/store/runs/flow-runs.ts";
import { findFact } from "../../../src/store/sync-state.ts";
import { aFlow, aFlowRun, aLog, aState, at, T0_US } from "../../support/builders.ts";
import { anEventAt } from "../../sync/engine-harness.ts";

const PROVEN_US = T0_US;
const [BEFORE_US, AFTER_US] = [T0_US - MINUTE_US, T0_US + 10 * SECOND_US];

function aRecord() {
  const db = openRecord(":memory:", "write");
  const writer = createEventWriter(db);
  const cover = (kind: string, scope: string, fromUs: number, toUs: number, verifiedUs: number) =>
    addCoverage(db, kind, scope, {
      fromUs,
      toUs,
      verifiedUs,
      source: "catch-up",
      serverCount: null,
      recordCount: null,
    });
  return { db, writer, cover };
}

describe("readings that may be of another server", () => {
  test("are taken back: claims, events, runs, logs and objects since the server was recognised last", () => {
    const { db, writer, cover } = aRecord();
    const [own, foreign] = [anEventAt(-120), anEventAt(5)];
    const [ownRun, foreignRun, hidden] = [aFlowRun(), aFlowRun(), aFlowRun()];
    inTransaction(db, () => {
      writer.insert([own], "catch-up", BEFORE_US);
      writer.insert([foreign], "catch-up", AFTER_US);
      cover("event", "", T0_US - 10 * MINUTE_US, T0_US, BEFORE_US);
      cover("event", "", addUs(T0_US, 1), AFTER_US, AFTER_US);
      cover("flow_run", "", T0_US - 10 * MINUTE_US, T0_US, BEFORE_US);
      upsertFlowRuns(db, [ownRun, hidden], BEFORE_US);
      upsertFlowRuns(db, [foreignRun], AFTER_US);
      markFlowRunsDeleted(db, [hidden.id], AFTER_US);
      upsertLogs(db, [aLog({ flow_run_id: ownRun.id }), aLog({ flow_run_id: foreignRun.id })]);
      upsertObjects(db, "flow", [aFlow({ name: "own" })], BEFORE_US, true);
      upsertObjects(db, "flow", [aFlow({ name: "foreign" })], AFTER_US, false);
    });
    withdrawReadings(db, { localUs: PROVEN_US, serverUs: PROVEN_US });
    expect([findEventById(db, own.id)?.id, findEventById(db, foreign.id)]).toEqual([own.id, null]);
    expect(coveredRanges(db, "event", "").map(({ toUs }) => toUs)).toEqual([T0_US]);
    expect(coveredRanges(db, "flow_run", "")).toEqual([]);
    expect(findFlowRunRow(db, ownRun.id)).not.toBeNull();
    expect(findFlowRunRow(db, foreignRun.id)).toBeNull();
    expect(findFlowRunRow(db, hidden.id)?.deleted_us).toBeNull();
    expect(db.sqlite.query<{ n: number }, []>("SELECT count(*) AS n FROM log").get()?.n).toBe(1);
    expect(findObjects(db, "flow").map(({ name }) => name)).toEqual(["own"]);
    expect(findFact(db, "read:flow")).toBeNull();
    const counted = db.sqlite.query<{ n: number }, []>("SELECT sum(n) AS n FROM event_hour").get()?.n;
    expect(counted).toBe(1);
    db.close();
  });

  test("are taken back also where the events occurred in a range that was claimed before, and only the websocket delivered them", () => {
    const { db, writer, cover } = aRecord();
    const receivedAt = (seconds: number) => ({
      ...anEventAt(-120),
      received: formatIsoUs(addUs(T0_US, seconds * SECOND_US)),
    });
    const [read, streamed, foreign] = [receivedAt(5), receivedAt(-60), receivedAt(5)];
    inTransaction(db, () => {
      writer.insert([read], "catch-up", BEFORE_US);
      writer.insert([streamed], "stream", BEFORE_US);
      writer.insert([foreign], "stream", AFTER_US);
      cover("event", "", T0_US - 10 * MINUTE_US, T0_US, BEFORE_US);
    });
    withdrawReadings(db, { localUs: PROVEN_US, serverUs: PROVEN_US });
    const held = [read, streamed, foreign].map(({ id }) => findEventById(db, id)?.id ?? null);
    expect(held).toEqual([read.id, streamed.id, null]);
    expect(coveredRanges(db, "event", "")).toHaveLength(1);
    expect(db.sqlite.query<{ n: number }, []>("SELECT sum(n) AS n FROM event_hour").get()?.n).toBe(2);
    db.close();
  });

  test("are not events that only the websocket delivered while the server was certain, also where nothing is claimed", () => {
    const { db, writer } = aRecord();
    const [streamed, read] = [anEventAt(-60), anEventAt(-60)];
    inTransaction(db, () => {
      writer.insert([streamed], "stream", BEFORE_US);
      writer.insert([read], "catch-up", BEFORE_US);
    });
    withdrawReadings(db, { localUs: PROVEN_US, serverUs: PROVEN_US });
    expect([findEventById(db, streamed.id)?.id, findEventById(db, read.id)]).toEqual([streamed.id, null]);
    db.close();
  });

  test("once taken back, the same step changes nothing more", () => {
    const { db, writer, cover } = aRecord();
    const own = anEventAt(-120);
    inTransaction(db, () => {
      writer.insert([own], "catch-up", BEFORE_US);
      cover("event", "", T0_US - 10 * MINUTE_US, T0_US, BEFORE_US);
    });
    for (let round = 0; round < 2; round += 1) withdrawReadings(db, { localUs: PROVEN_US, serverUs: PROVEN_US });
    expect(findEventById(db, own.id)?.occurred).toBe(formatIsoUs(T0_US - 120 * SECOND_US));
    expect(coveredRanges(db, "event", "")).toHaveLength(1);
    db.close();
  });

  test("do not include deletions of before, however far the server clock is behind", () => {
    const { db } = aRecord();
    const [before, after] = [0, 1].map(() => aFlowRun({ state: aState({ timestamp: at(-600) }) })) as [
      FlowRun,
      FlowRun,
    ];
    // A deletion has the later of both clocks.
    inTransaction(db, () => {
      upsertFlowRuns(db, [before, after], BEFORE_US);
      markFlowRunsDeleted(db, [before.id], BEFORE_US);
      markFlowRunsDeleted(db, [after.id], AFTER_US);
    });
    withdrawReadings(db, { localUs: PROVEN_US, serverUs: addUs(PROVEN_US, -180 * MINUTE_US) });
    expect([before, after].map(({ id }) => findFlowRunRow(db, id)?.deleted_us ?? null)).toEqual([BEFORE_US, null]);
  });
});
