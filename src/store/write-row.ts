/**
 * Statements that write a row given as an object whose keys are column names. The SQL text is built once, from the keys of the
 * first row; all rows of one statement must have the same keys in the same order, as objects made by one literal have.
 */
import type { RecordDb, SQLQueryBindings, Statement } from "./database.ts";

/** How many rows were written, and the rowid of the last one inserted. */
export type WriteResult = ReturnType<Statement["run"]>;

/** `INSERT INTO table`; `conflict` follows, such as `ON CONFLICT DO NOTHING`. */
export function insertStatement<Row extends object>(
  table: string,
  conflict = "",
): (db: RecordDb, row: Row) => WriteResult {
  const write = rowStatement<Row>((columns) => {
    const placeholders = columns.map(() => "?");
    return `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${placeholders.join(", ")}) ${conflict}`;
  });
  return (db, row) => write(db, row);
}

/** `UPDATE table … WHERE id = ?`. `value`: SQL expression that a column is set to; `?` in it stands for the row's value. */
export function updateStatement<Row extends object>(
  table: string,
  value: (column: string) => string = () => "?",
): (db: RecordDb, row: Row, id: Uint8Array) => WriteResult {
  return rowStatement<Row>((columns) => {
    const assignments = columns.map((column) => `${column} = ${value(column)}`);
    return `UPDATE ${table} SET ${assignments.join(", ")} WHERE id = ?`;
  });
}

function rowStatement<Row extends object>(sqlOf: (columns: readonly string[]) => string) {
  let sql = "";
  return (db: RecordDb, row: Row, ...further: SQLQueryBindings[]): WriteResult => {
    if (sql === "") sql = sqlOf(Object.keys(row));
    return db.prepare<unknown, SQLQueryBindings[]>(sql).run(...Object.values(row), ...further);
  };
}
