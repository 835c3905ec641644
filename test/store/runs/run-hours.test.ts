import { expect, test } from "bun:test";
import { HOUR_US } from "../../../src/lib/time.ts";
import type { StateType } from "../../../src/model/state.ts";
import { inTransaction, type RecordDb } from "../../../src/store/database.ts";
import { upsertFlowRuns } from "../../../src/store/runs/flow-runs.ts";
import { auditRunHours, countRunStates, countStartedRuns } from "../../../src/store/runs/run-hours.ts";
import { aFlowRun, anId, at, T0_US } from "../../support/builders.ts";
import { memoryRecord } from "../../support/memory-record.ts";
import { seededRandom } from "../../support/random.ts";

const TYPES: readonly StateType[] = ["SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CRASHED", "CANCELLED"];

/** Counts from the rows alone. */
function countRows(db: RecordDb, fromUs: number, toUs: number) {
  const rows = db.sqlite
    .query<{ type: string | null; name: string | null; start: number | null }, [number, number]>(
      "SELECT state_type AS type, state_name AS name, start_us AS start FROM flow_run WHERE begin_us BETWEEN ? AND ? AND deleted_us IS NULL",
    )
    .all(fromUs, toUs);
  const states: Record<string, number> = {};
  for (const { type, name } of rows) {
    const key = `${type} ${name === "Late"}`;
    states[key] = (states[key] ?? 0) + 1;
  }
  return { states, started: rows.filter(({ start }) => start !== null).length };
}

test("runs of every window are counted as their rows say, whatever happened to the rows", () => {
  const random = seededRandom(14);
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  using db = memoryRecord();
  const ids = Array.from({ length: 60 }, (_, n) => anId(5_000 + n));
  const someRun = (id: string, round: number) => {
    const type = pick(TYPES);
    const late = type === "SCHEDULED" && random() < 0.4 ? { state_name: "Late" } : {};
    const seconds = pick([-1, 0, 1, 900, 3599.999999, 3600, 7200, 9_000, -14_400]) + round;
    return aFlowRun({ id, state_type: type, expected_start_time: at(seconds), ...late });
  };
  for (let round = 0; round < 40; round += 1) {
    inTransaction(db, () => {
      const runs = ids.filter(() => random() < 0.3).map((id) => someRun(id, round));
      upsertFlowRuns(db, runs, T0_US + round * 1_000_000);
      const id = Buffer.from(pick(ids).replaceAll("-", ""), "hex");
      const change = pick([
        "DELETE FROM flow_run WHERE id = ?",
        "UPDATE flow_run SET deleted_us = 5 WHERE id = ?",
        "UPDATE flow_run SET deleted_us = NULL WHERE id = ?",
        "UPDATE flow_run SET start_us = NULL, expected_us = NULL WHERE id = ?",
        "UPDATE flow_run SET state_type = NULL, state_name = NULL WHERE id = ?",
        "UPDATE flow_run SET start_us = -1, state_name = 'Late' WHERE id = ?",
      ]);
      db.sqlite.query(change).run(id);
    });
    const base = Math.floor(T0_US / HOUR_US) * HOUR_US;
    for (let n = 0; n < 12; n += 1) {
      const fromUs = base + Math.floor((random() - 0.7) * 6) * HOUR_US + pick([-1, 0, 1, 1_800_000_000]);
      const toUs = fromUs + pick([0, HOUR_US - 1, HOUR_US, 3 * HOUR_US, 8 * HOUR_US + 7]);
      const { states, started } = countRows(db, fromUs, toUs);
      const found = countRunStates(db, { fromUs, toUs }).map((one) => [`${one.type} ${one.isLate}`, one.count]);
      expect(Object.fromEntries(found)).toEqual(states);
      expect(countStartedRuns(db, { fromUs, toUs })).toBe(started);
    }
    const early = countRunStates(db, { fromUs: -2 * HOUR_US, toUs: 2 * HOUR_US });
    expect(Object.fromEntries(early.map((one) => [`${one.type} ${one.isLate}`, one.count]))).toEqual(
      countRows(db, -2 * HOUR_US, 2 * HOUR_US).states,
    );
    expect(auditRunHours(db)).toBe(0);
  }
});

test("the audit finds counts that are wrong, and makes them again", () => {
  using db = memoryRecord();
  inTransaction(db, () => upsertFlowRuns(db, [aFlowRun(), aFlowRun({ state_type: "FAILED" })], T0_US));
  db.sqlite.run("UPDATE run_hour SET n = n + 1 WHERE state = 'FAILED'");
  db.sqlite.run("INSERT INTO run_hour VALUES (7, 'COMPLETED', 0, 3, 3)");
  expect(auditRunHours(db)).toBe(3);
  expect(auditRunHours(db)).toBe(0);
  expect(countRunStates(db, { fromUs: 0, toUs: T0_US + HOUR_US })).toEqual([
    { type: "COMPLETED", isLate: false, count: 1 },
    { type: "FAILED", isLate: false, count: 1 },
  ]);
});

test("a rolled back write leaves the counts", () => {
  using db = memoryRecord();
  inTransaction(db, () => upsertFlowRuns(db, [aFlowRun()], T0_US));
  expect(() =>
    inTransaction(db, () => {
      upsertFlowRuns(db, [aFlowRun()], T0_US);
      throw new Error("no");
    }),
  ).toThrow("no");
  expect(auditRunHours(db)).toBe(0);
  expect(countStartedRuns(db, { fromUs: 0, toUs: T0_US + HOUR_US })).toBe(1);
});
