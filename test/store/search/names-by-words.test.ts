import { expect, test } from "bun:test";
import { AppError } from "../../../src/errors.ts";
import { parseSearchTerms } from "../../../src/model/text/search-terms.ts";
import { inTransaction } from "../../../src/store/database.ts";
import { upsertObjects } from "../../../src/store/objects/objects.ts";
import { upsertFlowRuns } from "../../../src/store/runs/flow-runs.ts";
import { upsertTaskRuns } from "../../../src/store/runs/task-runs.ts";
import {
  checkSearchTerms,
  findObjectsByWords,
  findRunsByWords,
  matchObjects,
} from "../../../src/store/search/names-by-words.ts";
import { aDeployment, aFlow, aFlowRun, anArtifact, aTaskRun, at, aVariable, T0_US } from "../../support/builders.ts";
import { memoryRecord } from "../../support/memory-record.ts";

const PAGE = { offset: 0, limit: 10 };

function aRecord() {
  const db = memoryRecord();
  inTransaction(db, () => {
    upsertFlowRuns(
      db,
      [
        aFlowRun({ name: "amber-heron", start_time: at(1) }),
        aFlowRun({ name: "amber-lion", start_time: at(3) }),
        aFlowRun({ name: "Größe-heron", start_time: at(4) }),
      ],
      T0_US,
    );
    upsertTaskRuns(db, [aTaskRun({ name: "load heron", start_time: at(2) })], T0_US);
    upsertObjects(db, "flow", [aFlow({ name: "heron-etl" })], T0_US, true);
    upsertObjects(
      db,
      "deployment",
      [aDeployment({ name: "heron nightly" }), aDeployment({ name: "lion" })],
      T0_US,
      true,
    );
  });
  return db;
}

test("runs are found by all words of their name, newest first, with exclusions and in pages", () => {
  using db = aRecord();
  const find = (query: string, page = PAGE, tables: ("flow_run" | "task_run")[] = ["flow_run", "task_run"]) =>
    findRunsByWords(db, tables, parseSearchTerms(query), null, page).map(({ name }) => name);
  expect(find("heron")).toEqual(["Größe-heron", "load heron", "amber-heron"]);
  expect(find("heron", { offset: 1, limit: 1 })).toEqual(["load heron"]);
  expect(find("amber -lion")).toEqual(["amber-heron"]);
  expect(find("groesse")).toEqual([]);
  expect(find("größe heron")).toEqual(["Größe-heron"]);
  expect(find("heron", PAGE, ["task_run"])).toEqual(["load heron"]);
});

test("runs are limited to a range of time", () => {
  using db = aRecord();
  const range = { fromUs: T0_US + 2_000_000, toUs: T0_US + 3_000_000 };
  const found = findRunsByWords(db, ["flow_run", "task_run"], parseSearchTerms("heron"), range, PAGE);
  expect(found).toMatchObject([
    { type: "task_run", name: "load heron", state: "Completed", beginUs: T0_US + 2_000_000 },
  ]);
});

test("names are found after runs were renamed and deleted, and not under names that no run has any more", () => {
  using db = aRecord();
  const find = (query: string) =>
    findRunsByWords(db, ["flow_run", "task_run"], parseSearchTerms(query), null, PAGE).map(({ name }) => name);
  db.sqlite.run("UPDATE flow_run SET name = 'blue-whale' WHERE name = 'amber-heron'");
  expect([find("blue"), find("amber"), find("whale*"), find("*hal*")]).toEqual([
    ["blue-whale"],
    ["amber-lion"],
    ["blue-whale"],
    ["blue-whale"],
  ]);
  db.sqlite.run("UPDATE task_run SET name = 'blue-whale'");
  db.sqlite.run("DELETE FROM flow_run WHERE name = 'blue-whale'");
  expect(find("whale")).toEqual(["blue-whale"]);
  db.sqlite.run("DELETE FROM task_run");
  expect(find("whale")).toEqual([]);
  expect(db.sqlite.query("SELECT name FROM run_name ORDER BY name").all()).toEqual([
    { name: "Größe-heron" },
    { name: "amber-lion" },
  ]);
  db.sqlite.run("INSERT INTO run_name_fts(run_name_fts) VALUES ('integrity-check')");
});

test("words of many names find the same runs as words of few", () => {
  using db = memoryRecord();
  const runs = Array.from({ length: 1_200 }, (_, n) =>
    aFlowRun({ name: `load-${n % 3 === 0 ? "heron" : "lion"}-${n}`, start_time: at(n % 700) }),
  );
  const tasks = Array.from({ length: 300 }, (_, n) => aTaskRun({ name: `load ${n} heron`, start_time: at(n * 2) }));
  inTransaction(db, () => {
    upsertFlowRuns(db, runs, T0_US);
    upsertTaskRuns(db, tasks, T0_US);
  });
  const expected = db.sqlite
    .query<{ name: string }, []>(
      `SELECT name FROM (SELECT id, name, start_us FROM flow_run UNION ALL SELECT id, name, start_us FROM task_run)
       WHERE name LIKE '%heron%' ORDER BY start_us DESC, id`,
    )
    .all()
    .map(({ name }) => name);
  const find = (query: string, offset = 0, limit = 50) =>
    findRunsByWords(db, ["flow_run", "task_run"], parseSearchTerms(query), null, { offset, limit }).map(
      ({ name }) => name,
    );
  expect(expected.length).toBe(700);
  expect(find("heron load")).toEqual(expected.slice(0, 50));
  expect(find("heron", 650, 100)).toEqual(expected.slice(650));
  expect(find("heron -lion load 299")).toEqual(["load 299 heron"]);
  expect(find("*aven*")).toEqual([]);
});

test("objects are found by name and kind", () => {
  using db = aRecord();
  const find = (kinds: ("flow" | "deployment")[]) =>
    findObjectsByWords(db, kinds, parseSearchTerms("heron"), PAGE).map(({ type, name }) => [type, name]);
  expect(find(["flow", "deployment"])).toEqual([
    ["deployment", "heron nightly"],
    ["flow", "heron-etl"],
  ]);
  expect(find(["flow"])).toEqual([["flow", "heron-etl"]]);
});

test("artifacts are found by key and description, variables by name and tags", () => {
  using db = aRecord();
  const report = anArtifact({ key: "daily-report", description: "Herons per *región*", data: "one lion" });
  const loose = anArtifact({ key: null, description: null });
  const limit = aVariable({ name: "heron_limit", tags: ["Zürich", "birds"] });
  inTransaction(db, () => {
    upsertObjects(db, "artifact", [report, loose], T0_US, true);
    upsertObjects(db, "variable", [limit], T0_US, true);
  });
  const find = (query: string) =>
    findObjectsByWords(db, ["artifact", "variable", "flow"], parseSearchTerms(query), PAGE).map(({ id }) => id);
  expect(find("region daily")).toEqual([report.id]);
  expect(find("zurich heron")).toEqual([limit.id]);
  expect(find("heron -birds")).toHaveLength(1);
  // Neither other fields nor their names are searched.
  expect([find("lion"), find("markdown"), find("tags")]).toEqual([[], [], []]);
  expect(matchObjects("artifact", [report, loose], parseSearchTerms("herons"))).toEqual([
    { type: "artifact", id: report.id, name: "daily-report", texts: ["Herons per *región*"] },
  ]);
});

test("too many and too long words are refused", () => {
  const words = Array.from({ length: 201 }, (_, n) => `w${n}`).join(" ");
  expect(() => checkSearchTerms(parseSearchTerms(words))).toThrow(AppError);
  expect(() => checkSearchTerms(parseSearchTerms("x".repeat(1_001)))).toThrow('argument "query"');
  expect(() => checkSearchTerms(parseSearchTerms("heron"))).not.toThrow();
});
