import { expect, test } from "bun:test";
import { DAY_US, HOUR_US, SECOND_US } from "../../src/lib/time.ts";
import { addCoverage, coveredRanges } from "../../src/store/coverage.ts";
import { inTransaction, openRecord } from "../../src/store/database.ts";
import { cutClaims, cutProvenMoment, redateReadings } from "../../src/store/future-times.ts";
import { findObject, upsertObjects } from "../../src/store/objects/objects.ts";
import { findFlowRunRow, markFlowRunsDeleted, upsertFlowRuns } from "../../src/store/runs/flow-runs.ts";
import { findTaskRunRow, upsertTaskRuns } from "../../src/store/runs/task-runs.ts";
import { findFact, findStateJson, putStateJson } from "../../src/store/sync-state.ts";
import { aDeployment, aFlowRun, aTaskRun, T0_US } from "../support/builders.ts";

const NOW = T0_US;
/** The clock was two hours ahead. */
const AHEAD = NOW + 2 * HOUR_US;

function aRecord() {
  const db = openRecord(":memory:", "write");
  const claim = (kind: string, scope: string, fromUs: number, toUs: number, verifiedUs: number) =>
    inTransaction(db, () =>
      addCoverage(db, kind, scope, {
        fromUs,
        toUs,
        source: "live",
        verifiedUs,
        serverCount: 3,
        recordCount: 3,
      }),
    );
  const claims = (kind: string, scope = "") =>
    coveredRanges(db, kind, scope).map(({ fromUs, toUs, verifiedUs, serverCount }) => [
      fromUs - NOW,
      toUs - NOW,
      verifiedUs - NOW,
      serverCount,
    ]);
  return { db, claim, claims };
}

test("claims end where they are cut, and those after it are removed, of every kind", () => {
  const { db, claim, claims } = aRecord();
  claim("event", "", NOW - 30, NOW - 20, NOW);
  claim("event", "", NOW - 10, NOW + 10, NOW);
  claim("event", "", NOW + 12, NOW + 30, NOW);
  claim("log", "run-1", 0, AHEAD, NOW);
  expect(inTransaction(db, () => cutClaims(db, NOW))).toBe(true);
  expect(claims("event")).toEqual([
    [-30, -20, 0, 3],
    [-10, 0, 0, null],
  ]);
  expect(claims("log", "run-1")).toEqual([[-NOW, 0, 0, null]]);
  expect(inTransaction(db, () => cutClaims(db, NOW))).toBe(false);
});

test("readings are dated as the present clock would have shown them, also those that do not lie in the future", () => {
  const { db, claim, claims } = aRecord();
  claim("event", "", NOW - 30, NOW - 20, AHEAD - 5);
  claim("event", "", NOW - 60, NOW - 50, AHEAD - 3 * HOUR_US);
  inTransaction(db, () => void upsertObjects(db, "deployment", [aDeployment()], AHEAD - 9, true));
  inTransaction(db, () => redateReadings(db, { nowUs: NOW, skewUs: 0, byUs: NOW - AHEAD }));
  expect(claims("event").map(([, , verified]) => verified)).toEqual([-3 * HOUR_US, -5]);
  expect(findFact(db, "read:deployment")?.readUs).toBe(NOW - 9);
});

test("by how much the clock was ahead may be unknown: a claim is then as old as its end, a list a day", () => {
  const { db, claim, claims } = aRecord();
  const skewUs = 40 * SECOND_US;
  claim("event", "", NOW - HOUR_US, NOW + skewUs - 20, AHEAD);
  claim("log", "run-1", 0, NOW + skewUs + HOUR_US, AHEAD);
  inTransaction(db, () => void upsertObjects(db, "deployment", [aDeployment()], AHEAD, true));
  inTransaction(db, () => redateReadings(db, { nowUs: NOW, skewUs, byUs: null }));
  expect(claims("event")[0]?.[2]).toBe(-20);
  expect(claims("log", "run-1")[0]?.[2]).toBe(0);
  expect(findFact(db, "read:deployment")?.readUs).toBe(NOW - DAY_US);
});

test("without the server clock, such a claim is a day old", () => {
  const { db, claim, claims } = aRecord();
  claim("event", "", NOW - HOUR_US, NOW - 20, AHEAD);
  inTransaction(db, () => redateReadings(db, { nowUs: NOW, skewUs: null, byUs: null }));
  expect(claims("event")[0]?.[2]).toBe(-DAY_US);
});

test("the moment at which the server was recognised never becomes one of the future", () => {
  const { db } = aRecord();
  const proven = () => findStateJson(db, "server.proven");
  const set = () => putStateJson(db, "server.proven", { localUs: AHEAD - 5, serverUs: AHEAD - 7 }, NOW);
  set();
  inTransaction(db, () => redateReadings(db, { nowUs: NOW, skewUs: 0, byUs: NOW - AHEAD }));
  expect(proven()).toEqual({ localUs: NOW - 5, serverUs: AHEAD - 7 });
  set();
  inTransaction(db, () => redateReadings(db, { nowUs: NOW, skewUs: null, byUs: null }));
  expect(proven()).toEqual({ localUs: NOW - DAY_US, serverUs: AHEAD - 7 });
  inTransaction(db, () => cutProvenMoment(db, NOW - 9, NOW));
  expect(proven()).toEqual({ localUs: NOW - DAY_US, serverUs: NOW - 9 });
});

test("rows that were read in the future are replaced by the next reading", () => {
  const { db } = aRecord();
  const [run, task, deployment] = [
    aFlowRun({ name: "old" }),
    aTaskRun({ name: "old" }),
    aDeployment({ paused: false }),
  ];
  const store = (name: string, paused: boolean, readUs: number) =>
    inTransaction(db, () => {
      upsertFlowRuns(db, [{ ...run, name }], readUs);
      upsertTaskRuns(db, [{ ...task, name }], readUs);
      upsertObjects(db, "deployment", [{ ...deployment, paused }], readUs, true);
    });
  store("old", false, NOW + 60 * SECOND_US);
  store("new", true, NOW + 1);
  expect(findFlowRunRow(db, run.id)?.name).toBe("old");
  inTransaction(db, () => redateReadings(db, { nowUs: NOW, skewUs: 0, byUs: -60 * SECOND_US }));
  store("new", true, NOW + 1);
  expect([findFlowRunRow(db, run.id)?.name, findTaskRunRow(db, task.id)?.name]).toEqual(["new", "new"]);
  expect(findObject(db, "deployment", deployment.id)?.doc.paused).toBe(true);
});

test("a run that was marked deleted in the future is restored when Prefect returns it", () => {
  const { db } = aRecord();
  const run = aFlowRun();
  inTransaction(db, () => {
    upsertFlowRuns(db, [run], NOW - 10);
    markFlowRunsDeleted(db, [run.id], AHEAD);
    redateReadings(db, { nowUs: NOW, skewUs: 0, byUs: NOW - AHEAD });
    upsertFlowRuns(db, [run], NOW + 1);
  });
  expect(findFlowRunRow(db, run.id)?.deleted_us).toBeNull();
});
