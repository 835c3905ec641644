import { expect, test } from "bun:test";
import { inTransaction, openRecord } from "../../src/store/database.ts";
import { fenceWrites, findFence } from "../../src/store/fence.ts";
import { findStateJson, putStateJson } from "../../src/store/sync-state.ts";
import { failureOf } from "../support/failure-of.ts";
import { tempRecordFile } from "./temp-record.ts";

const NOW_US = 1_000_000;

test("a writer whose number is lower than the record's writes nothing, whatever it believes about its lease", async () => {
  const file = tempRecordFile();
  const stale = openRecord(file, "write");
  const next = openRecord(file, "write");
  const write = (db: typeof stale, value: string) =>
    inTransaction(db, () => putStateJson(db, "x.value", value, NOW_US));
  fenceWrites(stale, { fence: 3, isHeld: () => true }, () => NOW_US);
  write(stale, "by 3");
  expect(findFence(stale)).toBe(3);
  fenceWrites(next, { fence: 4, isHeld: () => true }, () => NOW_US);
  // Its first transaction is the takeover, even an empty one.
  inTransaction(next, () => undefined);
  const error = await failureOf((async () => write(stale, "by 3 again"))());
  expect(error).toMatchObject({ code: "unavailable", message: "Another node writes this record, with the number 4." });
  expect(findStateJson(next, "x.value")).toBe("by 3");
  write(next, "by 4");
  expect([findStateJson(next, "x.value"), findFence(next)]).toEqual(["by 4", 4]);
  stale.close();
  next.close();
});

test("a lease that ends during a transaction rolls it back", async () => {
  const file = tempRecordFile();
  const db = openRecord(file, "write");
  let isHeld = true;
  fenceWrites(db, { fence: 1, isHeld: () => isHeld }, () => NOW_US);
  const error = await failureOf(
    (async () =>
      inTransaction(db, () => {
        putStateJson(db, "x.value", 1, NOW_US);
        isHeld = false;
      }))(),
  );
  expect(error).toMatchObject({ code: "unavailable", message: expect.stringContaining("does not own the tenant") });
  expect([findStateJson(db, "x.value"), findFence(db)]).toEqual([null, 0]);
  db.close();
});
