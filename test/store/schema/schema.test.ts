import { expect, test } from "bun:test";
import { getTableConfig, type SQLiteTable } from "drizzle-orm/sqlite-core";
import { openRecord } from "../../../src/store/database.ts";
import * as events from "../../../src/store/schema/event.ts";
import * as ledger from "../../../src/store/schema/ledger.ts";
import * as logs from "../../../src/store/schema/log.ts";
import * as objects from "../../../src/store/schema/object.ts";
import * as runs from "../../../src/store/schema/run.ts";

const TABLES: readonly SQLiteTable[] = [events, ledger, logs, objects, runs].flatMap((module) => Object.values(module));

test("a new record has the tables and columns of the schema, by name, type and whether they may be null", () => {
  const db = openRecord(":memory:", "write");
  const declared = TABLES.map((table) => {
    const { name, columns } = getTableConfig(table);
    const sorted = columns.map((column) => [column.name, column.getSQLType().toUpperCase(), column.notNull]).sort();
    return [name, sorted];
  });
  const made = TABLES.map((table) => {
    const { name } = getTableConfig(table);
    const columns = db.sqlite
      .query<{ name: string; type: string; notnull: number }, [string]>("SELECT * FROM pragma_table_xinfo(?)")
      .all(name)
      .map((column) => [column.name, column.type, column.notnull === 1])
      .sort();
    return [name, columns];
  });
  expect(made).toEqual(declared);
  const names = db.sqlite
    .query<{ name: string }, []>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%\\_fts%' ESCAPE '\\' AND name NOT LIKE 'sqlite%' AND sql NOT LIKE 'CREATE VIRTUAL TABLE%'",
    )
    .all();
  expect(names.map(({ name }) => name).sort()).toEqual(declared.map(([name]) => String(name)).sort());
  db.close();
});
