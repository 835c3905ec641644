/** The parts of Prefect's object filters: one criterion per field, with its operators. */
import { parseIsoUs } from "../../../src/lib/time.ts";
import { asDict, asList, type Dict, extraForbidden, isDict, type Problem } from "./problems.ts";

export interface Criterion<Row> {
  readonly operators: readonly string[];
  readonly matches: (operators: Dict, row: Row) => boolean;
  /** Values of these operators must be UUIDs. */
  readonly uuids?: boolean;
}

export type Criteria<Row> = Readonly<Record<string, Criterion<Row>>>;

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

/** `any_`, `not_any_`, `is_null_` and `like_` over one value. */
export function oneOf<Row>(read: (row: Row) => unknown, operators: readonly string[], uuids = false): Criterion<Row> {
  const matches = (given: Dict, row: Row) => {
    const value = read(row) ?? null;
    const { any_, not_any_, is_null_, like_, startswith_ } = given;
    // `any_: []` matches nothing, `not_any_: []` everything.
    if (any_ !== undefined && any_ !== null && !asList(any_).includes(value)) return false;
    if (asList(not_any_).includes(value)) return false;
    if (typeof is_null_ === "boolean" && is_null_ !== (value === null)) return false;
    if (typeof like_ === "string" && !like(like_).test(String(value))) return false;
    if (asList(startswith_).length > 0 && !asList(startswith_).some((p) => String(value).startsWith(String(p))))
      return false;
    return true;
  };
  return { operators, matches, uuids };
}

export function tags<Row>(
  read: (row: Row) => readonly string[] | undefined,
  operators: readonly string[],
): Criterion<Row> {
  const matches = (given: Dict, row: Row) => {
    const held = read(row) ?? [];
    const { all_, any_, is_null_ } = given;
    const has = (tag: unknown) => held.includes(String(tag));
    const verdicts = [
      ...(asList(all_).length > 0 ? [asList(all_).every(has)] : []),
      ...(asList(any_).length > 0 ? [asList(any_).some(has)] : []),
      ...(typeof is_null_ === "boolean" ? [is_null_ === (held.length === 0)] : []),
    ];
    return given.operator === "or_" && verdicts.length > 0 ? verdicts.some(Boolean) : verdicts.every(Boolean);
  };
  return { operators: ["operator", ...operators], matches };
}

/** `after_` and `before_`, both inclusive; `is_null_` of `own`, the column itself where `read` has a substitute. */
export function moment<Row>(
  read: (row: Row) => string | null | undefined,
  nullable = false,
  own: (row: Row) => string | null | undefined = read,
): Criterion<Row> {
  const matches = (given: Dict, row: Row) => {
    const text = read(row);
    const us = typeof text === "string" ? parseIsoUs(text) : undefined;
    const { after_, before_, is_null_ } = given;
    if (typeof is_null_ === "boolean" && is_null_ !== !own(row)) return false;
    if (typeof after_ === "string" && !(us !== undefined && us >= (parseIsoUs(after_) ?? 0))) return false;
    return typeof before_ !== "string" || (us !== undefined && us <= (parseIsoUs(before_) ?? 0));
  };
  return { operators: nullable ? ["after_", "before_", "is_null_"] : ["after_", "before_"], matches };
}

export function atLeast<Row>(read: (row: Row) => number): Criterion<Row> {
  const matches = ({ ge_, le_ }: Dict, row: Row) =>
    (typeof ge_ !== "number" || read(row) >= ge_) && (typeof le_ !== "number" || read(row) <= le_);
  return { operators: ["ge_", "le_"], matches };
}

/** `{type: {any_}, name: {any_}}`; with `any_` and `not_any_` both given Prefect drops that criterion. */
export function stateOf<Row extends { state_type?: string | null; state_name?: string | null }>(): Criterion<Row> {
  const part = (given: unknown, value: string | null | undefined) => {
    const { any_, not_any_ } = asDict(given);
    if (any_ && not_any_) return true;
    if (any_ && !asList(any_).includes(value)) return false;
    return !asList(not_any_).includes(value);
  };
  return {
    operators: ["operator", "type", "name"],
    matches: (given, row) => part(given.type, row.state_type) && part(given.name, row.state_name),
  };
}

/** Whether a row passes a filter object; `operator: "or_"` joins its criteria, empty objects pass. */
export function passes<Row>(filter: unknown, criteria: Criteria<Row>, row: Row): boolean {
  const parts = Object.entries(asDict(filter)).filter(
    ([key, value]) => key !== "operator" && value !== null && key in criteria,
  );
  if (parts.length === 0) return true;
  const results = parts.map(([key, value]) => criteria[key]?.matches(asDict(value), row) ?? true);
  return asDict(filter).operator === "or_" ? results.some(Boolean) : results.every(Boolean);
}

/** Unknown fields and operators, and texts that are not UUIDs, as the server reports them. */
export function criteriaProblems<Row>(filter: unknown, criteria: Criteria<Row>, loc: readonly string[]): Problem[] {
  if (!isDict(filter)) return [];
  const problems: Problem[] = [];
  for (const [key, value] of Object.entries(filter)) {
    if (key === "operator") continue;
    const criterion = criteria[key];
    if (!criterion) {
      problems.push(extraForbidden([...loc, key], value));
      continue;
    }
    for (const [operator, operand] of Object.entries(asDict(value))) {
      const here = [...loc, key, operator];
      if (!criterion.operators.includes(operator)) problems.push(extraForbidden(here, operand));
      else if (criterion.uuids) problems.push(...uuidProblems(operand, here));
    }
  }
  return problems;
}

function uuidProblems(operand: unknown, loc: readonly string[]): Problem[] {
  return asList(operand).flatMap((value, index) => {
    if (UUID.test(String(value))) return [];
    const odd = String(value).search(/[^0-9a-f-]/i);
    const error = `invalid character: found \`${String(value)[odd]}\` at ${odd}`;
    const msg = `Input should be a valid UUID, ${error}`;
    return [{ type: "uuid_parsing", loc: [...loc, index], msg, input: value, ctx: { error } }];
  });
}

function like(text: string): RegExp {
  const pattern = text
    .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
    .replaceAll("%", ".*")
    .replaceAll("_", ".");
  return new RegExp(pattern, "is");
}
