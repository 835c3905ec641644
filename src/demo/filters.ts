/**
 * Prefect's object filters on rows in memory: their fields, what these mean, and which keys are refused.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/filters.py
 */

import { matchesTextQuery, parseTextQuery } from "../model/events/text-query.ts";
import type {
  Automation,
  Deployment,
  Flow,
  FlowRun,
  JsonObject,
  Log,
  TaskRun,
  WorkPool,
  WorkQueue,
} from "../model/objects.ts";
import { sqlLike } from "../model/text/sql-like.ts";
import { usOf } from "./family-replay.ts";

/** A filter with a key that Prefect does not know. */
export class UnknownKeyError extends Error {
  readonly path: readonly string[];
  constructor(path: readonly string[]) {
    super(path.join("."));
    this.path = path;
  }
}

type Test<Row> = (row: Row) => boolean;
/** Makes a test of the value of one field; null means "no restriction". */
type Field<Row> = (value: JsonObject, path: readonly string[]) => Test<Row> | null;
export type FilterSpec<Row> = Readonly<Record<string, Field<Row>>>;

type Criteria<Row> = Readonly<Record<string, (value: never) => Test<Row>>>;

/** A field whose keys are criteria. Several criteria are joined by `operator`. */
function criteria<Row>(known: Criteria<Row>, hasOperator = false): Field<Row> {
  return (value, path) => {
    const tests: Test<Row>[] = [];
    for (const [key, given] of Object.entries(value)) {
      if (hasOperator && key === "operator") continue;
      const make = known[key] as ((value: unknown) => Test<Row>) | undefined;
      if (!make) throw new UnknownKeyError([...path, key]);
      if (given !== null) tests.push(make(given));
    }
    return tests.length === 0 ? null : join(tests, value);
  };
}

function join<Row>(tests: readonly Test<Row>[], filter: JsonObject): Test<Row> {
  return filter.operator === "or_"
    ? (row) => tests.some((test) => test(row))
    : (row) => tests.every((test) => test(row));
}

type Get<Row, Value> = (row: Row) => Value | null | undefined;

const anyOf =
  <Row>(get: Get<Row, string>) =>
  (values: readonly string[]): Test<Row> =>
  (row) =>
    values.includes(get(row) ?? "");
const noneOf =
  <Row>(get: Get<Row, string>) =>
  (values: readonly string[]): Test<Row> =>
  (row) =>
    values.length === 0 || !values.includes(get(row) ?? "");
const isNull =
  <Row>(get: Get<Row, unknown>) =>
  (wanted: boolean): Test<Row> =>
  (row) =>
    (get(row) === null || get(row) === undefined) === wanted;
const like =
  <Row>(get: Get<Row, string>) =>
  (text: string): Test<Row> => {
    const matches = sqlLike(`%${text}%`);
    return (row) => matches(get(row) ?? "");
  };
const bound =
  <Row>(get: Get<Row, string>, holds: (us: number, limitUs: number) => boolean) =>
  (limit: string): Test<Row> => {
    const limitUs = usOf(limit);
    return (row) => {
      const text = get(row);
      return text ? holds(usOf(text), limitUs) : false;
    };
  };

const ids = <Row>(get: Get<Row, string>) => criteria<Row>({ any_: anyOf(get), not_any_: noneOf(get) });
const anyOnly = <Row>(get: Get<Row, string>) => criteria<Row>({ any_: anyOf(get) });
const idsOrNull = <Row>(get: Get<Row, string>) => criteria<Row>({ any_: anyOf(get), is_null_: isNull(get) }, true);
const names = <Row>(get: Get<Row, string>) => criteria<Row>({ any_: anyOf(get), like_: like(get) });
const times = <Row>(get: Get<Row, string>, more: Criteria<Row> = {}) =>
  criteria<Row>({
    before_: bound(get, (us, limit) => us <= limit),
    after_: bound(get, (us, limit) => us >= limit),
    ...more,
  });

function tags<Row extends { readonly tags?: readonly string[] }>(withAny: boolean): Field<Row> {
  const tagsOf = (row: Row) => row.tags ?? [];
  return criteria<Row>(
    {
      all_: (wanted: readonly string[]) => (row) => wanted.every((tag) => tagsOf(row).includes(tag)),
      is_null_: (wanted: boolean) => (row) => (tagsOf(row).length === 0) === wanted,
      ...(withAny && {
        any_: (wanted: readonly string[]) => (row: Row) => wanted.some((tag) => tagsOf(row).includes(tag)),
      }),
    },
    true,
  );
}

/** With both `any_` and `not_any_` the criterion has no effect, as on the server. */
function state<Row extends FlowRun | TaskRun>(withNone: boolean): Field<Row> {
  const part = (get: Get<Row, string>) => {
    const read = criteria<Row>({ any_: anyOf(get), ...(withNone && { not_any_: noneOf(get) }) });
    return (value: JsonObject, path: readonly string[]) => (value.any_ && value.not_any_ ? null : read(value, path));
  };
  return (value, path) =>
    compileFilter({ type: part((row) => row.state_type), name: part((row) => row.state_name) }, value, path);
}

const startOf = (run: FlowRun | TaskRun) => run.start_time ?? run.expected_start_time;

export const FLOW: FilterSpec<Flow> = {
  id: ids((row) => row.id),
  name: names((row) => row.name),
  tags: tags(false),
};

/** `parent_flow_run_id` needs the task runs; `Tables` adds it. */
export const FLOW_RUN: FilterSpec<FlowRun> = {
  id: ids((row) => row.id),
  name: names((row) => row.name),
  tags: tags(true),
  deployment_id: idsOrNull((row) => row.deployment_id),
  work_queue_name: idsOrNull((row) => row.work_queue_name),
  state: state(true),
  flow_version: anyOnly((row) => row.flow_version),
  start_time: times(startOf, { is_null_: isNull((row: FlowRun) => row.start_time) }),
  end_time: times((row) => row.end_time, { is_null_: isNull((row: FlowRun) => row.end_time) }),
  expected_start_time: times((row) => row.expected_start_time),
  next_scheduled_start_time: times((row) => row.next_scheduled_start_time),
  parent_task_run_id: idsOrNull((row) => row.parent_task_run_id),
  idempotency_key: ids((row) => row.idempotency_key),
  created_by: criteria<FlowRun>(
    {
      id_: anyOf((row) => row.created_by?.id),
      type_: anyOf((row) => row.created_by?.type),
      is_null_: isNull((row) => row.created_by),
    },
    true,
  ),
};

export const TASK_RUN: FilterSpec<TaskRun> = {
  id: anyOnly((row) => row.id),
  name: names((row) => row.name),
  tags: tags(false),
  state: state(false),
  start_time: times(startOf, { is_null_: isNull((row: TaskRun) => row.start_time) }),
  end_time: times((row) => row.end_time, { is_null_: isNull((row: TaskRun) => row.end_time) }),
  expected_start_time: times((row) => row.expected_start_time),
  subflow_runs: criteria<TaskRun>({
    exists_: (wanted: boolean) => (row) => Boolean(row.state?.state_details?.child_flow_run_id) === wanted,
  }),
  flow_run_id: idsOrNull((row) => row.flow_run_id),
};

export const DEPLOYMENT: FilterSpec<Deployment> = {
  id: ids((row) => row.id),
  name: names((row) => row.name),
  paused: criteria<Deployment>({ eq_: (wanted: boolean) => (row) => (row.paused ?? false) === wanted }),
  tags: tags(true),
  work_queue_name: anyOnly((row) => row.work_queue_name),
  concurrency_limit: () => null,
};

export const WORK_POOL: FilterSpec<WorkPool> = {
  id: anyOnly((row) => row.id),
  name: anyOnly((row) => row.name),
  type: anyOnly((row) => row.type),
};

export const WORK_QUEUE: FilterSpec<WorkQueue> = {
  id: anyOnly((row) => row.id),
  name: criteria<WorkQueue>({
    any_: anyOf((row) => row.name),
    startswith_: (wanted: readonly string[]) => (row) => wanted.some((start) => row.name.startsWith(start)),
  }),
};

export const LOG: FilterSpec<Log> = {
  level: criteria<Log>({
    ge_: (limit: number) => (row) => row.level >= limit,
    le_: (limit: number) => (row) => row.level <= limit,
  }),
  timestamp: times((row) => row.timestamp),
  flow_run_id: anyOnly((row) => row.flow_run_id),
  task_run_id: criteria<Log>({ any_: anyOf((row) => row.task_run_id), is_null_: isNull((row) => row.task_run_id) }),
  text: criteria<Log>({
    query: (text: string) => {
      const query = parseTextQuery(text);
      return (row) => matchesTextQuery(query, `${row.message} ${row.name}`.toLowerCase());
    },
  }),
};

export const AUTOMATION: FilterSpec<Automation> = {
  id: anyOnly((row) => row.id),
  name: anyOnly((row) => row.name),
  created: criteria<Automation>({
    before_: bound(
      (row) => row.created,
      (us, limit) => us <= limit,
    ),
  }),
  tags: tags(true),
};

/** A test of rows, or null for a filter without restriction. Throws UnknownKeyError. */
export function compileFilter<Row>(
  spec: FilterSpec<Row>,
  filter: JsonObject,
  path: readonly string[],
): Test<Row> | null {
  const tests: Test<Row>[] = [];
  for (const [key, value] of Object.entries(filter)) {
    if (key === "operator") continue;
    const field = spec[key];
    if (!field) throw new UnknownKeyError([...path, key]);
    if (value === null) continue;
    const test = field(value as JsonObject, [...path, key]);
    if (test) tests.push(test);
  }
  return tests.length === 0 ? null : join(tests, filter);
}
