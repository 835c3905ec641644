import { expect, test } from "bun:test";
import { inTransaction, type RecordDb } from "../../../src/store/database.ts";
import { upsertFlowRuns } from "../../../src/store/runs/flow-runs.ts";
import { auditRunNames } from "../../../src/store/runs/run-names.ts";
import { upsertTaskRuns } from "../../../src/store/runs/task-runs.ts";
import { aFlowRun, anId, aTaskRun, T0_US } from "../../support/builders.ts";
import { memoryRecord } from "../../support/memory-record.ts";

const names = (db: RecordDb) =>
  db.sqlite
    .query<{ name: string }, []>("SELECT name FROM run_name ORDER BY name")
    .all()
    .map(({ name }) => name);

test("names of inserted runs are held once, and of a run that is twice in an answer only the last one", () => {
  using db = memoryRecord();
  inTransaction(db, () => {
    const runs = [
      aFlowRun({ id: anId(1), name: "amber" }),
      aFlowRun({ id: anId(2), name: "amber" }),
      aFlowRun({ id: anId(3), name: "before" }),
      aFlowRun({ id: anId(3), name: "after" }),
    ];
    upsertFlowRuns(db, runs, T0_US);
    const tasks = [aTaskRun({ id: anId(4), name: "amber" }), aTaskRun({ id: anId(5), name: "old" })];
    upsertTaskRuns(db, [...tasks, aTaskRun({ id: anId(5), name: "new" })], T0_US);
  });
  expect(names(db)).toEqual(["after", "amber", "new"]);
  expect(auditRunNames(db)).toBe(0);
});

test("missing names and names without a run are found and mended, with the index of their words", () => {
  using db = memoryRecord();
  inTransaction(db, () => upsertFlowRuns(db, [aFlowRun({ name: "amber" }), aFlowRun({ name: "blue" })], T0_US));
  db.sqlite.run("DELETE FROM run_name WHERE name = 'blue'");
  db.sqlite.run("INSERT INTO run_name(name) VALUES ('nobody'), ('none')");
  expect(auditRunNames(db)).toBe(3);
  expect(auditRunNames(db)).toBe(0);
  expect(names(db)).toEqual(["amber", "blue"]);
  db.sqlite.run("INSERT INTO run_name_fts(run_name_fts) VALUES ('integrity-check')");
});
