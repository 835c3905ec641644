import { expect, test } from "bun:test";
import { openRecord } from "../../src/store/database.ts";
import { findFact, findStateJson, putFact, putStateJson } from "../../src/store/sync-state.ts";

test("facts are stored, replaced, read by another connection and removed", () => {
  const db = openRecord(":memory:", "write");
  expect(findFact(db, "catchup")).toBeNull();
  putFact(db, "catchup", { throughUs: 1, atUs: 2 }, 2);
  putFact(db, "catchup", { throughUs: 3, atUs: 4 }, 4);
  putFact(db, "read:flow", { readUs: 5, count: 6 }, 5);
  putStateJson(db, "engine.own", [1, { two: null }], 6);
  expect(findFact(db, "catchup")).toEqual({ throughUs: 3, atUs: 4 });
  expect(findFact(db, "read:flow")).toEqual({ readUs: 5, count: 6 });
  expect(findStateJson(db, "engine.own")).toEqual([1, { two: null }]);
  expect(db.sqlite.query("SELECT at_us FROM sync_state WHERE key = 'catchup'").get()).toEqual({ at_us: 4 });
  putFact(db, "catchup", null, 7);
  expect(findFact(db, "catchup")).toBeNull();
});
