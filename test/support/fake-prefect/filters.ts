/**
 * POST /{objects}/filter and /count: Prefect's filters, filters of related objects, sorts and caps.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/filters.py
 */
import type {
  Artifact,
  Automation,
  Deployment,
  Flow,
  FlowRun,
  Log,
  TaskRun,
  Variable,
  Worker,
  WorkPool,
  WorkQueue,
} from "../../../src/model/objects.ts";
import { isOlderVersion } from "../../../src/model/prefect-version.ts";
import { atLeast, type Criteria, criteriaProblems, moment, oneOf, passes, stateOf, tags } from "./criteria.ts";
import { type Dict, invalid, type Problem, pageOf } from "./problems.ts";
import { sortRows } from "./sorts.ts";
import { matchesText } from "./text.ts";
import type { FakeWorkspace } from "./workspace.ts";

const id = <Row extends { id: string }>(not = true) =>
  oneOf<Row>((row) => row.id, not ? ["any_", "not_any_"] : ["any_"], true);
const name = <Row extends { name: string }>() => oneOf<Row>((row) => row.name, ["any_", "like_"]);

export const FLOW: Criteria<Flow> = {
  id: id(),
  name: name(),
  tags: tags((row) => row.tags, ["all_", "is_null_"]),
  deployment: { operators: ["operator", "is_null_"], matches: () => true },
};

export function flowRunCriteria(workspace: FakeWorkspace): Criteria<FlowRun> {
  const parentOf = (run: FlowRun) =>
    workspace.taskRuns.find((task) => task.id === run.parent_task_run_id)?.flow_run_id ?? null;
  const isOlder = (than: string) => isOlderVersion(workspace.version, than);
  return {
    id: id(),
    name: name(),
    tags: tags((row) => row.tags, ["all_", "any_", "is_null_"]),
    deployment_id: oneOf((row) => row.deployment_id, ["operator", "any_", "is_null_"], true),
    work_queue_name: oneOf((row) => row.work_queue_name, ["operator", "any_", "is_null_"]),
    state: stateOf(),
    flow_version: oneOf((row) => row.flow_version, ["any_"]),
    start_time: moment(
      (row) => row.start_time ?? (isOlder("3.4.5") ? null : row.expected_start_time),
      true,
      (row) => row.start_time,
    ),
    end_time: moment((row) => row.end_time, true),
    expected_start_time: moment((row) => row.expected_start_time),
    next_scheduled_start_time: moment((row) => row.next_scheduled_start_time),
    parent_flow_run_id: oneOf(parentOf, ["operator", "any_"], true),
    parent_task_run_id: oneOf((row) => row.parent_task_run_id, ["operator", "any_", "is_null_"], true),
    idempotency_key: oneOf((row) => row.idempotency_key, ["any_", "not_any_"]),
    created_by: {
      operators: ["operator", "id_", "type_", "is_null_"],
      matches: ({ id_, type_, is_null_ }, { created_by: by }) => {
        if (Array.isArray(id_) && !id_.includes(by?.id)) return false;
        if (Array.isArray(type_) && !type_.includes(by?.type)) return false;
        return typeof is_null_ !== "boolean" || is_null_ === !by;
      },
    },
  };
}

export function taskRunCriteria(workspace: FakeWorkspace): Criteria<TaskRun> {
  return {
    id: id(false),
    name: name(),
    tags: tags((row) => row.tags, ["all_", "is_null_"]),
    state: stateOf(),
    start_time: moment((row) => row.start_time, true),
    end_time: moment((row) => row.end_time, true),
    expected_start_time: moment((row) => row.expected_start_time),
    subflow_runs: {
      operators: ["exists_"],
      matches: ({ exists_ }, row) =>
        typeof exists_ !== "boolean" || exists_ === workspace.flowRuns.some((run) => run.parent_task_run_id === row.id),
    },
    flow_run_id: {
      ...oneOf<TaskRun>((row) => row.flow_run_id, ["operator", "any_", "is_null_"], true),
      // Prefect's default of is_null_ is false: an otherwise empty criterion means "has a flow run".
      matches: ({ any_, is_null_ = false }, row) => {
        if (Array.isArray(any_)) return any_.includes(row.flow_run_id);
        return is_null_ === (row.flow_run_id === null || row.flow_run_id === undefined);
      },
    },
  };
}

export function deploymentCriteria(workspace: FakeWorkspace): Criteria<Deployment> {
  const fullName = (row: Deployment) =>
    `${workspace.flows.find((flow) => flow.id === row.flow_id)?.name ?? ""}\n${row.name}`;
  return {
    id: id(),
    name: name(),
    flow_or_deployment_name: oneOf(fullName, ["like_"]),
    paused: {
      operators: ["eq_"],
      matches: ({ eq_ }, row) => typeof eq_ !== "boolean" || eq_ === (row.paused ?? false),
    },
    tags: tags((row) => row.tags, ["all_", "any_", "is_null_"]),
    work_queue_name: oneOf((row) => row.work_queue_name, ["any_"]),
    concurrency_limit: { operators: ["ge_", "le_", "is_null_"], matches: () => true },
  };
}

export const WORK_POOL: Criteria<WorkPool> = {
  id: id(false),
  name: oneOf((row) => row.name, ["any_"]),
  type: oneOf((row) => row.type, ["any_"]),
};

export const WORK_QUEUE: Criteria<WorkQueue> = {
  id: id(false),
  name: oneOf((row) => row.name, ["any_", "startswith_"]),
};

export const WORKER: Criteria<Worker> = {
  last_heartbeat_time: moment((row) => row.last_heartbeat_time),
  status: oneOf((row) => row.status, ["any_", "not_any_"]),
};

export const AUTOMATION: Criteria<Automation> = {
  id: id(false),
  name: oneOf((row) => row.name, ["any_"]),
  created: moment((row) => row.created),
  tags: tags((row) => row.tags, ["all_", "any_", "is_null_"]),
};

export const ARTIFACT: Criteria<Artifact> = {
  id: id(false),
  key: {
    ...oneOf((row) => row.key, ["any_", "like_", "exists_"]),
    matches: ({ exists_, ...others }, row) =>
      (typeof exists_ !== "boolean" || exists_ === (typeof row.key === "string")) &&
      oneOf<Artifact>(({ key }) => key, []).matches(others, row),
  },
  flow_run_id: oneOf((row) => row.flow_run_id, ["any_"], true),
  task_run_id: oneOf((row) => row.task_run_id, ["any_"], true),
  type: {
    ...oneOf((row) => row.type, ["any_", "not_any_"]),
    // In SQL, NULL is not known to differ from anything.
    matches: ({ any_, not_any_ }, { type = null }) =>
      (!Array.isArray(any_) || any_.includes(type)) &&
      (!Array.isArray(not_any_) || not_any_.length === 0 || (type !== null && !not_any_.includes(type))),
  },
};

export const VARIABLE: Criteria<Variable> = {
  id: id(false),
  name: name(),
  tags: tags((row) => row.tags, ["all_", "is_null_"]),
};

export function logCriteria(textSearch: boolean, isOlder: boolean): Criteria<Log> {
  const text: Criteria<Log> = {
    text: {
      operators: ["query"],
      matches: ({ query }, row) => {
        if (!textSearch) throw new Error("no such function: concat");
        return matchesText(`${row.message} ${row.name}`, String(query));
      },
    },
  };
  return {
    ...(isOlder ? {} : text),
    level: atLeast((row) => row.level),
    timestamp: moment((row) => row.timestamp),
    flow_run_id: oneOf((row) => row.flow_run_id, ["any_"], true),
    task_run_id: oneOf((row) => row.task_run_id, ["any_", "is_null_"], true),
  };
}

/** Criteria, or parts of them, that older servers refuse, and the first version that has them. */
const ADDED: readonly (readonly [own: string, field: string, operator: string | null, since: string])[] = [
  ["flow_runs", "created_by", null, "3.6.13"],
  ["flow_runs", "tags", "any_", "3.1.5"],
  ["task_runs", "end_time", null, "3.6.22"],
  ["flows", "id", "not_any_", "3.6.16"],
  ["deployments", "id", "not_any_", "3.4.7"],
  ["deployments", "tags", "any_", "3.1.11"],
  ["automations", "id", null, "3.8.8"],
  ["automations", "tags", null, "3.4.7"],
];

function knownTo<Row>(version: string, own: string, criteria: Criteria<Row>): Criteria<Row> {
  const known = { ...criteria };
  for (const [key, field, operator, since] of ADDED) {
    const criterion = known[field];
    if (key !== own || criterion === undefined || !isOlderVersion(version, since)) continue;
    if (operator === null) delete known[field];
    else known[field] = { ...criterion, operators: criterion.operators.filter((one) => one !== operator) };
  }
  return known;
}

/** One page of rows: validated, filtered, sorted, capped. `related` evaluates the filters of related objects in the body. */
export function filterRows<Row extends object>(given: {
  readonly rows: readonly Row[];
  readonly criteria: Criteria<Row>;
  readonly own: string;
  readonly body: Dict;
  readonly sorts: readonly string[];
  readonly cap: number;
  readonly related?: Readonly<Record<string, (filter: Dict, row: Row) => boolean>>;
  readonly problems?: readonly Problem[];
  /** Of the server. */
  readonly version?: string;
}): { page: Row[]; count: number } {
  const { rows, own, body, sorts, related = {} } = given;
  const criteria = given.version === undefined ? given.criteria : knownTo(given.version, own, given.criteria);
  const problems = [...criteriaProblems(body[own], criteria, ["body", own]), ...(given.problems ?? [])];
  const sort = body.sort ?? sorts[0];
  if (sort !== undefined && !sorts.includes(String(sort))) problems.push(sortProblem(sorts, sort));
  if (problems.length > 0) throw invalid(problems, body);
  const { limit, offset } = pageOf(body, given.cap);
  const matching = rows.filter(
    (row) =>
      passes(body[own], criteria, row) &&
      Object.entries(related).every(([key, test]) => !body[key] || test(body[key] as Dict, row)),
  );
  const sorted = sort === undefined ? matching : sortRows(matching, String(sort));
  return { page: sorted.slice(offset, offset + limit), count: matching.length };
}

function sortProblem(sorts: readonly string[], input: unknown): Problem {
  const quoted = sorts.map((sort) => `'${sort}'`);
  const expected = `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`;
  return { type: "enum", loc: ["body", "sort"], msg: `Input should be ${expected}`, input, ctx: { expected } };
}
