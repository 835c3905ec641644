/** Pieces of SQL with their bound parameters. */
import type { SQLQueryBindings } from "../database.ts";

export interface Clause {
  readonly sql: string;
  readonly params: readonly SQLQueryBindings[];
}

export const TRUE: Clause = { sql: "1", params: [] };

export function clause(sql: string, ...params: SQLQueryBindings[]): Clause {
  return { sql, params };
}

/** All of them (`and_`) or at least one (`or_`). No clauses at all hold for every row, with either operator. */
export function join(clauses: readonly Clause[], operator: "and_" | "or_" = "and_"): Clause {
  if (clauses.length <= 1) return clauses[0] ?? TRUE;
  const sql = clauses.map((part) => part.sql).join(operator === "and_" ? " AND " : " OR ");
  return { sql: `(${sql})`, params: clauses.flatMap((part) => part.params) };
}

/** `before` + the clause + `after`, with the clause's parameters. */
export function wrap(before: string, inner: Clause, after = ")"): Clause {
  return { sql: `${before}${inner.sql}${after}`, params: inner.params };
}

/** Text of a UUID column of `object` as the 16 bytes that the run tables hold. */
export function uuidBytes(column: string): string {
  return `unhex(replace(${column}, '-', ''))`;
}
