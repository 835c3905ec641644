/** Pieces of SQL with their bound parameters. */
import type { SQLQueryBindings } from "../database.ts";

export interface Clause {
  readonly sql: string;
  readonly params: readonly SQLQueryBindings[];
}

/** Holds for every row. */
export const TRUE: Clause = { sql: "1", params: [] };

export function clause(sql: string, ...params: SQLQueryBindings[]): Clause {
  return { sql, params };
}

/** All clauses (`and_`) or at least one (`or_`). An empty list holds for every row with either operator. */
export function join(clauses: readonly Clause[], operator: "and_" | "or_" = "and_"): Clause {
  if (clauses.length <= 1) return clauses[0] ?? TRUE;
  const sql = clauses.map((part) => part.sql).join(operator === "and_" ? " AND " : " OR ");
  return { sql: `(${sql})`, params: clauses.flatMap((part) => part.params) };
}

/** `before` + the clause + `after`, with the clause's parameters. */
export function wrap(before: string, inner: Clause, after = ")"): Clause {
  return { sql: `${before}${inner.sql}${after}`, params: inner.params };
}

/** SQL that turns a UUID column of `object` (text) into the 16 bytes that run tables hold. */
export function uuidBytes(column: string): string {
  return `unhex(replace(${column}, '-', ''))`;
}
