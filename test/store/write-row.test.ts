import { expect, test } from "bun:test";
import { insertStatement, updateStatement } from "../../src/store/write-row.ts";
import { memoryRecord } from "../support/memory-record.ts";

test("the keys of a row are the columns that are written", () => {
  using db = memoryRecord();
  db.sqlite.run("CREATE TABLE thing (id BLOB PRIMARY KEY, name TEXT, size INTEGER DEFAULT 7) STRICT");
  const read = () => db.sqlite.query("SELECT name, size FROM thing").all();
  const id = new Uint8Array([1]);
  const insert = insertStatement<{ id: Uint8Array; name: string | null }>("thing", "ON CONFLICT DO NOTHING");
  expect(insert(db, { id, name: "first" }).changes).toBe(1);
  expect(insert(db, { id, name: "second" }).changes).toBe(0);
  expect(read()).toEqual([{ name: "first", size: 7 }]);
  const update = updateStatement<{ name: string | null; size: number | null }>("thing");
  expect(update(db, { name: "third", size: 8 }, id).changes).toBe(1);
  expect(update(db, { name: "third", size: 8 }, new Uint8Array([2])).changes).toBe(0);
  const fill = updateStatement<{ name: string | null; size: number | null }>(
    "thing",
    (column) => `coalesce(?, ${column})`,
  );
  fill(db, { name: null, size: 9 }, id);
  expect(read()).toEqual([{ name: "third", size: 9 }]);
});
