/** Asks the same question of a real server and of a record that was read from it. */
import type { FlowRun, JsonObject, SnapshotKind, TaskRun } from "../../src/model/objects.ts";
import type { PrefectApi } from "../../src/prefect/api.ts";
import { inTransaction, type RecordDb } from "../../src/store/database.ts";
import { BODY_FILTERS, type FilterSet } from "../../src/store/filters/bodies.ts";
import { areNullsLargest, findFilteredObjects, findFlowRuns, findTaskRuns } from "../../src/store/filters/find.ts";
import { parseFilter } from "../../src/store/filters/parse.ts";
import {
  DURATION_SORTS_SINCE,
  FLOW_RUN_SORT_NAMES,
  type FlowRunSort,
  isDurationSort,
  OBJECT_SORTS,
  type ObjectSort,
  TASK_RUN_SORT_NAMES,
  type TaskRunSort,
} from "../../src/store/filters/sorts.ts";
import { areNamesByCodePoint, areNamesInServerOrder } from "../../src/store/objects/name-order.ts";
import { upsertObjects } from "../../src/store/objects/objects.ts";
import { upsertFlowRuns } from "../../src/store/runs/flow-runs.ts";
import { idText } from "../../src/store/runs/run-columns.ts";
import { upsertTaskRuns } from "../../src/store/runs/task-runs.ts";
import { putFact } from "../../src/store/sync-state.ts";
import { areNullsLargestIn, SHOWS_NULL_ORDER } from "../../src/sync/context/null-order.ts";
import { isAtLeast, realPrefectTarget } from "../support/real-prefect/target.ts";
import { type Post, pick, type Random } from "./filter-workspace.ts";
import { type Drawn, randomFilter, type Values } from "./random-filters.ts";

type Row = Readonly<Record<string, unknown>> & { readonly id: string };

async function readAll(post: Post, path: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (;;) {
    const page = (await post(path, {
      limit: 200,
      offset: rows.length,
      ...(path.startsWith("/work_") ? {} : { sort: path.includes("runs") ? "ID_DESC" : "NAME_ASC" }),
    })) as Row[];
    rows.push(...page);
    if (page.length < 200) return rows;
  }
}

export interface Filled {
  readonly values: Values;
  /** Every row by its id. */
  readonly rows: ReadonlyMap<string, Row>;
}

/** Reads the whole workspace into the record and returns the values that occur in it. */
export async function fillRecord(db: RecordDb, post: Post): Promise<Filled> {
  const kinds = {
    flow: "/flows",
    deployment: "/deployments",
    work_pool: "/work_pools",
    work_queue: "/work_queues",
    automation: "/automations",
  } as const;
  const all: Record<string, Row[]> = {};
  for (const [kind, path] of Object.entries(kinds)) all[kind] = await readAll(post, `${path}/filter`);
  const flowRuns = await readAll(post, "/flow_runs/filter");
  const taskRuns = await readAll(post, "/task_runs/filter");
  const byEnd = (await post("/flow_runs/filter", { sort: SHOWS_NULL_ORDER, limit: 200 })) as Row[];
  const shown = areNullsLargestIn(byEnd);
  if (shown === null) throw new Error("the workspace has no runs with and without an end");
  const { version } = realPrefectTarget();
  const instance = { url: "", version, retentionUs: null, createdUs: 1000, areNullsLargest: shown };
  inTransaction(db, () => {
    putFact(db, "instance", instance, 1000);
    for (const kind of Object.keys(kinds))
      upsertObjects(db, kind as SnapshotKind, (all[kind] ?? []) as never, 1000, true);
    for (const kind of BY_NAME) {
      const ids = (all[kind] ?? []).map(({ id }) => id);
      putFact<`names:${(typeof BY_NAME)[number]}`>(
        db,
        `names:${kind}`,
        { isByCodePoint: areNamesByCodePoint(db, kind, ids) === true },
        1000,
      );
    }
    upsertFlowRuns(db, flowRuns as unknown as FlowRun[], 1000);
    upsertTaskRuns(db, taskRuns as unknown as TaskRun[], 1000);
  });
  const column = (rows: readonly Row[], name: string) => [
    ...new Set(rows.map((row) => row[name]).filter((value) => typeof value === "string")),
  ];
  const creators = flowRuns
    .map((run) => run.created_by)
    .filter((by): by is Row => typeof by === "object" && by !== null);
  const times = ["start_time", "end_time", "expected_start_time", "next_scheduled_start_time", "created"];
  const values: Values = {
    ids: {
      ...Object.fromEntries(Object.entries(all).map(([kind, rows]) => [kind, column(rows, "id")])),
      flow_run: column(flowRuns, "id"),
      task_run: [...column(taskRuns, "id"), ...column(flowRuns, "parent_task_run_id")],
      creator: column(creators, "id"),
    },
    texts: {
      flow: column(all.flow ?? [], "name"),
      deployment: column(all.deployment ?? [], "name"),
      work_pool: column(all.work_pool ?? [], "name"),
      pool_type: column(all.work_pool ?? [], "type"),
      queue: column(all.work_queue ?? [], "name"),
      automation: column(all.automation ?? [], "name"),
      flow_run: column(flowRuns, "name"),
      task_run: column(taskRuns, "name"),
      state: column([...flowRuns, ...taskRuns], "state_name"),
      version: column(flowRuns, "flow_version"),
      key: column(flowRuns, "idempotency_key"),
      creator_type: column(creators, "type"),
      tag: [...new Set([...flowRuns, ...taskRuns].flatMap((run) => run.tags as string[])), "no such tag"],
    },
    times: [
      ...times.flatMap((name) => [...column(flowRuns, name), ...column(taskRuns, name)]),
      "2026-01-31T09:00:00+02:00",
      "2030-01-01T00:00:00",
    ],
  };
  const rows = new Map([...Object.values(all).flat(), ...flowRuns, ...taskRuns].map((row) => [row.id, row]));
  return { values, rows };
}

interface Route {
  readonly path: string;
  readonly own: string;
  /** Filters of other kinds that the body takes. */
  readonly others: readonly string[];
  readonly sorts: readonly string[];
  ids(db: RecordDb, set: FilterSet, sort: string): string[];
}

const BY_NAME = ["flow", "deployment", "work_pool", "automation"] as const;

/** Whether the record has the order of names that the server has; otherwise Prefect is asked instead. */
export function isOrderOfServer(db: RecordDb, { route, sort }: Question): boolean {
  if (sort !== "" && !sort.startsWith("NAME_")) return true;
  const kind = BY_NAME.find((one) => route.own === `${one}s`);
  return kind === undefined ? areNullsLargest(db) === false : areNamesInServerOrder(db, kind);
}

const PAGE = { limit: 200 };
const objects =
  (kind: "flow" | "deployment" | "work_pool" | "work_queue" | "automation") =>
  (db: RecordDb, set: FilterSet, sort: string) =>
    findFilteredObjects(db, kind, set, (sort || "NAME_ASC") as ObjectSort, PAGE).map((row) => row.id);

const ROUTES: readonly Route[] = [
  {
    path: "/flow_runs/filter",
    own: "flow_runs",
    others: ["flows", "task_runs", "deployments", "work_pools", "work_pool_queues"],
    sorts: FLOW_RUN_SORT_NAMES.filter((sort) => !isDurationSort(sort)),
    ids: (db, set, sort) => findFlowRuns(db, set, sort as FlowRunSort, PAGE).map((row) => idText(row.id) ?? ""),
  },
  {
    path: "/task_runs/filter",
    own: "task_runs",
    others: ["flows", "flow_runs", "deployments"],
    sorts: TASK_RUN_SORT_NAMES.filter((sort) => isAtLeast(DURATION_SORTS_SINCE) || !isDurationSort(sort)),
    ids: (db, set, sort) =>
      findTaskRuns(db, set, sort as TaskRunSort, { ...PAGE, nowUs: Date.now() * 1000 }).map(
        (row) => idText(row.id) ?? "",
      ),
  },
  {
    path: "/deployments/filter",
    own: "deployments",
    others: ["flows", "flow_runs", "task_runs", "work_pools", "work_pool_queues"],
    sorts: OBJECT_SORTS,
    ids: objects("deployment"),
  },
  {
    path: "/flows/filter",
    own: "flows",
    others: ["flow_runs", "task_runs", "deployments", "work_pools"],
    sorts: OBJECT_SORTS,
    ids: objects("flow"),
  },
  { path: "/work_pools/filter", own: "work_pools", others: [], sorts: [""], ids: objects("work_pool") },
  { path: "/work_queues/filter", own: "work_queues", others: [], sorts: [""], ids: objects("work_queue") },
  { path: "/automations/filter", own: "automations", others: [], sorts: OBJECT_SORTS, ids: objects("automation") },
];

const NAMES: Readonly<Record<string, string>> = { work_queues: "work_pool_queues" };
/** Weights of the routes: runs have the most fields. */
const WEIGHTED = [0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6]
  .map((index) => ROUTES[index])
  .filter((route) => route !== undefined);

export interface Question {
  readonly route: Route;
  readonly sort: string;
  readonly set: Readonly<Record<string, unknown>>;
}

export function randomQuestion(random: Random, values: Values, drawn: Drawn): Question {
  const route = pick(random, WEIGHTED);
  const set: Record<string, unknown> = {};
  const own = NAMES[route.own] ?? route.own;
  if (random() < 0.9 || route.others.length === 0) set[route.own] = randomFilter(random, values, own, drawn);
  if (route.others.length > 0 && (random() < 0.3 || Object.keys(set).length === 0)) {
    for (const other of new Set([pick(random, route.others), pick(random, route.others)])) {
      set[other] = random() < 0.1 ? {} : randomFilter(random, values, other, drawn);
    }
  }
  return { route, sort: pick(random, route.sorts), set };
}

/** The same routes by the calls of the client. */
export function postBy(client: PrefectApi): Post {
  return async (path, body) => {
    const route: RouteKind | undefined = KIND_OF_ROUTE[path as keyof typeof KIND_OF_ROUTE];
    if (route === "flow_run") return await client.filterFlowRuns(body as JsonObject);
    if (route === "task_run") return await client.filterTaskRuns(body as JsonObject);
    if (route === undefined) throw new Error(`no call for ${path}`);
    return await client.filterObjects(route, body as JsonObject);
  };
}

const KIND_OF_ROUTE = {
  "/flow_runs/filter": "flow_run",
  "/task_runs/filter": "task_run",
  "/deployments/filter": "deployment",
  "/flows/filter": "flow",
  "/work_pools/filter": "work_pool",
  "/work_queues/filter": "work_queue",
  "/automations/filter": "automation",
} as const;
type RouteKind = (typeof KIND_OF_ROUTE)[keyof typeof KIND_OF_ROUTE];

/** Ids in the server's order. */
export async function askServer(post: Post, { route, sort, set }: Question): Promise<string[]> {
  const rows = (await post(route.path, { ...set, ...(sort === "" ? {} : { sort }), limit: 200 })) as Row[];
  return rows.map((row) => row.id);
}

/** Ids in the record's order; each filter goes through the schema that tools use. */
export function askRecord(db: RecordDb, { route, sort, set }: Question): string[] {
  const parsed = Object.fromEntries(
    Object.entries(set).map(([key, filter]) => {
      const name = (NAMES[key] ?? key) as keyof typeof BODY_FILTERS;
      return [name, parseFilter(BODY_FILTERS[name].schema, filter, name)];
    }),
  );
  return route.ids(db, parsed, sort);
}

/** The sort key of a row as text. */
const SORT_KEYS: Readonly<Record<string, (row: Row) => unknown>> = {
  "": (row) => row.name,
  ID: (row) => row.id,
  NAME: (row) => row.name,
  START_TIME: (row) => row.start_time ?? row.expected_start_time,
  EXPECTED_START_TIME: (row) => row.expected_start_time,
  NEXT_SCHEDULED_START_TIME: (row) => row.next_scheduled_start_time,
  END_TIME: (row) => row.end_time,
  CREATED: (row) => row.created,
  UPDATED: (row) => row.updated,
};

/** Whether both name the same ids in the same order. Rows with equal sort keys may differ in order: Prefect breaks no ties. */
export function agree(
  rows: ReadonlyMap<string, Row>,
  sort: string,
  server: readonly string[],
  record: readonly string[],
): "same" | "ties" | "order" | "ids" {
  if (server.join() === record.join()) return "same";
  if (server.toSorted().join() !== record.toSorted().join()) return "ids";
  const key = SORT_KEYS[sort.replace(/_(ASC|DESC)$/, "")];
  const keys = (ids: readonly string[]) =>
    JSON.stringify(
      ids.map((id) => {
        const row = rows.get(id);
        return row && key ? (key(row) ?? null) : id;
      }),
    );
  return keys(server) === keys(record) ? "ties" : "order";
}
