/** All routes except those of events: objects by filter and by id, states, slots, settings. */
import { KINDS, ROUTED_KINDS, type RoutedKind } from "../model/kinds.ts";
import type { Json, JsonObject } from "../model/objects.ts";
import { concurrencyLimits, poolSlots, tagLimits } from "./occupancy.ts";
import { notFound } from "./refusal-error.ts";
import type { Replay } from "./replay.ts";
import { limitOf, type TableName, Tables } from "./tables.ts";

export interface RouteCall {
  readonly replay: Replay;
  readonly nowUs: number;
  readonly tables: Tables;
  readonly body: JsonObject;
  readonly query: URLSearchParams;
}

type Route = readonly [method: string, pattern: RegExp, answer: (call: RouteCall, ...parts: string[]) => unknown];

const NONE_RECORDED = "artifacts/latest|block_documents|block_types|block_schemas|saved_searches";

const LISTS: Readonly<Record<RoutedKind, (call: RouteCall) => readonly unknown[]>> = {
  flow_run: ({ tables, body }) => tables.page("flow_runs", body),
  task_run: ({ tables, body }) => tables.page("task_runs", body),
  flow: ({ tables, body }) => tables.page("flows", body),
  deployment: ({ tables, body }) => tables.page("deployments", body),
  work_pool: ({ tables, body }) => tables.page("work_pools", body),
  work_queue: ({ tables, body }) =>
    tables.page("work_pool_queues", { ...body, work_pool_queues: body.work_queues ?? null }),
  concurrency_limit: ({ replay, tables, body }) =>
    concurrencyLimits(replay, tables.all("flow_runs"), tables.all("task_runs")).slice(0, limitOf(body)),
  automation: ({ tables, body }) => tables.page("automations", body),
  // The recorded workspace has neither.
  artifact: () => [],
  variable: () => [],
};

const ROUTES: readonly Route[] = [
  ...ROUTED_KINDS.map((kind): Route => ["POST", new RegExp(`^${KINDS[kind].route}$`), LISTS[kind]]),
  ["POST", /^\/logs\/filter$/, ({ tables, body }) => tables.page("logs", body)],
  [
    "POST",
    /^\/(flows|flow_runs|task_runs|deployments|work_pools)\/count$/,
    (call, name) => call.tables.matching(name as TableName, call.body).length,
  ],
  ["POST", /^\/automations\/count$/, ({ tables }) => tables.all("automations").length],
  [
    "GET",
    /^\/(flows|flow_runs|task_runs|deployments|automations)\/([0-9a-f-]{36})$/,
    (call, name, id) => byId(call, name as TableName, id),
  ],
  [
    "GET",
    /^\/deployments\/([0-9a-f-]{36})\/schedules$/,
    (call, id) => (byId(call, "deployments", id) as { schedules?: Json }).schedules ?? [],
  ],
  [
    "GET",
    /^\/flow_run_states\/$/,
    ({ replay, query, nowUs }) => replay.flowRunStates(query.get("flow_run_id") ?? "", nowUs),
  ],
  [
    "GET",
    /^\/task_run_states\/$/,
    ({ replay, query, nowUs }) => replay.taskRunStates(query.get("task_run_id") ?? "", nowUs),
  ],
  ["POST", /^\/flow_runs\/([0-9a-f-]{36})\/input\/filter$/, readInputs],
  ["GET", /^\/flow_runs\/([0-9a-f-]{36})\/input\/(.+)$/, ({ replay }, id, key) => inputOf(replay, id, key)],
  ["GET", /^\/work_pools\/([^/]+)$/, (call, name) => poolOf(call, name)],
  ["POST", /^\/work_pools\/([^/]+)\/queues\/filter$/, (call, name) => queuesOf(call, name)],
  [
    "POST",
    /^\/work_pools\/([^/]+)\/workers\/filter$/,
    ({ replay, body, nowUs }, name) => (replay.workers(name, nowUs) ?? missingPool(name)).slice(0, limitOf(body)),
  ],
  ["POST", /^\/work_pools\/([^/]+)\/concurrency_status$/, slotsOf],
  ["GET", /^\/work_queues\/([0-9a-f-]{36})$/, (call, id) => byId(call, "work_pool_queues", id)],
  [
    "POST",
    /^\/concurrency_limits\/filter$/,
    ({ replay, tables, body }) => tagLimits(replay, tables.all("task_runs")).slice(0, limitOf(body)),
  ],
  ["POST", new RegExp(`^/(${NONE_RECORDED})/filter$`), () => []],
  ["GET", /^\/health$/, () => true],
  ["GET", /^\/ready$/, () => ({ message: "OK" })],
  ["GET", /^\/hello$/, () => "👋"],
  ["GET", /^\/version$/, ({ replay }) => replay.objects.api_version],
  ["GET", /^\/admin\/version$/, ({ replay }) => replay.objects.version],
  ["GET", /^\/admin\/settings$/, ({ replay }) => replay.objects.settings],
];

/** The answer of a route, or undefined for an unknown route. `path`: without `/api`. */
export function answerObjects(method: string, path: string, call: Omit<RouteCall, "tables">): unknown {
  for (const [wanted, pattern, answer] of ROUTES) {
    const match = wanted === method ? pattern.exec(path) : null;
    if (!match) continue;
    const tables = new Tables(call.replay, call.nowUs);
    return answer({ ...call, tables }, ...match.slice(1).map(decodeURIComponent));
  }
  return undefined;
}

const LABELS: { readonly [K in TableName]?: string } = {
  flow_runs: "Flow run not found",
  flows: "Flow not found",
  task_runs: "Task not found",
  deployments: "Deployment not found",
  automations: "Automation not found",
};

function byId(call: RouteCall, table: TableName, id: string | undefined): unknown {
  const row = call.tables.all(table).find((one) => one.id === id);
  if (!row) throw notFound(LABELS[table] ?? "Not Found");
  return row;
}

function missingPool(name: string | undefined): never {
  throw notFound(`Work pool "${name}" not found.`);
}

function poolOf({ tables }: RouteCall, name: string | undefined) {
  return tables.all("work_pools").find((pool) => pool.name === name) ?? missingPool(name);
}

function queuesOf(call: RouteCall, name: string | undefined) {
  const pool = poolOf(call, name);
  const body = { ...call.body, work_pool_queues: call.body.work_queues ?? null };
  const own = call.tables.page("work_pool_queues", body).filter((queue) => queue.work_pool_id === pool.id);
  return own.toSorted((a, b) => Number(a.priority ?? 0) - Number(b.priority ?? 0));
}

function slotsOf(call: RouteCall, name: string | undefined): JsonObject {
  const { tables, body, nowUs } = call;
  const maxRuns = Number(body.flow_run_limit ?? 10);
  return poolSlots(poolOf(call, name), tables.all("work_pool_queues"), tables.all("flow_runs"), maxRuns, nowUs);
}

function inputOf(replay: Replay, id: string | undefined, key: string | undefined): Json {
  const value = replay.objects.flow_run_inputs[id ?? ""]?.[key ?? ""];
  if (value === undefined) throw notFound("Flow run input not found");
  return value;
}

function readInputs({ replay, body }: RouteCall, id: string | undefined): JsonObject[] {
  const prefix = String(body.prefix ?? "");
  const inputs = Object.entries(replay.objects.flow_run_inputs[id ?? ""] ?? {}).filter(([key]) =>
    key.startsWith(prefix),
  );
  return inputs.slice(0, Number(body.limit ?? 1)).map(([key, value]) => ({
    flow_run_id: id ?? "",
    key,
    value: JSON.stringify(value),
    sender: null,
  }));
}
