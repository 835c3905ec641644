/** Random filters over every field and operator of Prefect's filters, with values that mostly occur in the workspace. */
import { STATE_TYPES } from "../../src/model/state.ts";
import { pick, type Random, some } from "./filter-workspace.ts";

/** Values by field, taken from the workspace. */
export interface Values {
  readonly ids: Readonly<Record<string, readonly string[]>>;
  readonly texts: Readonly<Record<string, readonly string[]>>;
  readonly times: readonly string[];
}

type Draw = (random: Random, values: Values) => unknown;
type Shape = { readonly [member: string]: Draw | Shape };

const UNKNOWN_ID = "00000000-0000-4000-8000-00000000ffff";

const ids =
  (kind: string): Draw =>
  (random, values) =>
    some(random, [...(values.ids[kind] ?? []), UNKNOWN_ID], random() < 0.2 ? 12 : 4);
const texts =
  (kind: string): Draw =>
  (random, values) =>
    some(random, [...(values.texts[kind] ?? []), "no such"], 4);
const part =
  (kind: string): Draw =>
  (random, values) => {
    const text = pick(random, values.texts[kind] ?? ["x"]);
    const from = Math.floor(random() * text.length);
    const cut = text.slice(from, from + 1 + Math.floor(random() * 4));
    const roll = random();
    if (roll < 0.1) return "";
    if (roll < 0.2) return `${cut.slice(0, 1)}%`;
    if (roll < 0.3) return cut.replace(/.$/u, "_");
    return roll < 0.6 ? cut.toUpperCase() : cut;
  };
const heads: Draw = (random, values) =>
  some(
    random,
    (values.texts.queue ?? []).map((name) => name.slice(0, 3).toUpperCase()),
    2,
  );
const bool: Draw = (random) => random() < 0.5;
const tags: Draw = (random, values) => some(random, values.texts.tag ?? [], random() < 0.5 ? 1 : 3);
const time: Draw = (random, values) => pick(random, values.times);
const types: Draw = (random) => some(random, STATE_TYPES, 5);
const number: Draw = (random) => Math.floor(random() * 4);
const op: Draw = (random) => (random() < 0.5 ? "or_" : "and_");

const span = { before_: time, after_: time };

/** Every field and operator, kind by kind. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  flows: {
    operator: op,
    id: { any_: ids("flow"), not_any_: ids("flow") },
    deployment: { operator: op, is_null_: bool },
    name: { any_: texts("flow"), like_: part("flow") },
    tags: { operator: op, all_: tags, is_null_: bool },
  },
  flow_runs: {
    operator: op,
    id: { any_: ids("flow_run"), not_any_: ids("flow_run") },
    name: { any_: texts("flow_run"), like_: part("flow_run") },
    tags: { operator: op, all_: tags, any_: tags, is_null_: bool },
    deployment_id: { operator: op, any_: ids("deployment"), is_null_: bool },
    work_queue_name: { operator: op, any_: texts("queue"), is_null_: bool },
    state: {
      operator: op,
      type: { any_: types, not_any_: types },
      name: { any_: texts("state"), not_any_: texts("state") },
    },
    flow_version: { any_: texts("version") },
    start_time: { ...span, is_null_: bool },
    end_time: { ...span, is_null_: bool },
    expected_start_time: span,
    next_scheduled_start_time: span,
    parent_flow_run_id: { operator: op, any_: ids("flow_run") },
    parent_task_run_id: { operator: op, any_: ids("task_run"), is_null_: bool },
    idempotency_key: { any_: texts("key"), not_any_: texts("key") },
    created_by: { operator: op, id_: ids("creator"), type_: texts("creator_type"), is_null_: bool },
  },
  task_runs: {
    operator: op,
    id: { any_: ids("task_run") },
    name: { any_: texts("task_run"), like_: part("task_run") },
    tags: { operator: op, all_: tags, is_null_: bool },
    state: { operator: op, type: { any_: types }, name: { any_: texts("state") } },
    start_time: { ...span, is_null_: bool },
    end_time: { ...span, is_null_: bool },
    expected_start_time: span,
    subflow_runs: { exists_: bool },
    flow_run_id: { operator: op, any_: ids("flow_run"), is_null_: bool },
  },
  deployments: {
    operator: op,
    id: { any_: ids("deployment"), not_any_: ids("deployment") },
    name: { any_: texts("deployment"), like_: part("deployment") },
    flow_or_deployment_name: { like_: part("flow") },
    paused: { eq_: bool },
    tags: { operator: op, all_: tags, any_: tags, is_null_: bool },
    work_queue_name: { any_: texts("queue") },
    concurrency_limit: { ge_: number, le_: number, is_null_: bool },
  },
  work_pools: {
    operator: op,
    id: { any_: ids("work_pool") },
    name: { any_: texts("work_pool") },
    type: { any_: texts("pool_type") },
  },
  work_pool_queues: {
    operator: op,
    id: { any_: ids("work_queue") },
    name: { any_: texts("queue"), startswith_: heads },
  },
  automations: {
    operator: op,
    id: { any_: ids("automation") },
    name: { any_: texts("automation") },
    created: { before_: time },
    tags: { operator: op, all_: tags, any_: tags, is_null_: bool },
  },
};

/** Counts of every `kind.field.operator` drawn so far. */
export type Drawn = Map<string, number>;

function draw(
  random: Random,
  values: Values,
  shape: Shape,
  path: string,
  drawn: Drawn,
  most: number,
): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  const members = Object.keys(shape).filter((name) => name !== "operator");
  const chosen = new Set(some(random, members, most));
  if (chosen.size === 0 && random() < 0.9) chosen.add(pick(random, members));
  for (const name of [...(shape.operator && random() < 0.5 ? ["operator"] : []), ...chosen]) {
    const member = shape[name];
    if (member === undefined) continue;
    const where = `${path}.${name}`;
    if (typeof member === "function") {
      made[name] = random() < 0.03 && name !== "operator" ? null : member(random, values);
      drawn.set(where, (drawn.get(where) ?? 0) + 1);
    } else made[name] = random() < 0.02 ? null : draw(random, values, member, where, drawn, 2);
  }
  return made;
}

/** One random filter of a kind. */
export function randomFilter(random: Random, values: Values, kind: string, drawn: Drawn): Record<string, unknown> {
  return draw(random, values, SHAPES[kind] ?? {}, kind, drawn, random() < 0.6 ? 1 : 3);
}

/** Every `kind.field.operator` there is. */
export function allPaths(shapes: Readonly<Record<string, Shape>> = SHAPES): string[] {
  const walk = (shape: Shape, path: string): string[] =>
    Object.entries(shape).flatMap(([name, member]) =>
      typeof member === "function" ? [`${path}.${name}`] : walk(member, `${path}.${name}`),
    );
  return Object.entries(shapes).flatMap(([kind, shape]) => walk(shape, kind));
}
