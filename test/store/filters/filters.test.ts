import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/errors.ts";
import type { FilterKey } from "../../../src/model/kinds.ts";
import { inTransaction, openRecord, type RecordDb } from "../../../src/store/database.ts";
import { BODY_FILTERS, type FilterSet, isDecidable, snapshotsNeededBy } from "../../../src/store/filters/bodies.ts";
import { countFlowRuns, findFilteredObjects, findFlowRuns, findTaskRuns } from "../../../src/store/filters/find.ts";
import { isCaseDecidable } from "../../../src/store/filters/letter-case.ts";
import { parseFilter } from "../../../src/store/filters/parse.ts";
import { type FlowRunSort, taskRunOrder } from "../../../src/store/filters/sorts.ts";
import { upsertObjects } from "../../../src/store/objects/objects.ts";
import { upsertFlowRuns } from "../../../src/store/runs/flow-runs.ts";
import { upsertTaskRuns } from "../../../src/store/runs/task-runs.ts";
import { putFact } from "../../../src/store/sync-state.ts";
import {
  aDeployment,
  aFlow,
  aFlowRun,
  anArtifact,
  anAutomation,
  anId,
  aTaskRun,
  at,
  aWorkPool,
  aWorkQueue,
} from "../../support/builders.ts";

const flow = aFlow({ id: anId(1), name: "orders-etl" });
const unused = aFlow({ id: anId(2), name: "unused", tags: ["x"] });
const pool = aWorkPool({ id: anId(3), name: "k8s", default_queue_id: anId(4) });
const queue = aWorkQueue({ id: anId(4), work_pool_id: pool.id });
const slow = aWorkQueue({ id: anId(5), name: "Slow", work_pool_id: pool.id });
const deployment = aDeployment({
  id: anId(6),
  name: "nightly",
  flow_id: flow.id,
  tags: ["prod", "db"],
  work_queue_id: slow.id,
  work_queue_name: "Slow",
  paused: true,
});
const plain = aDeployment({ id: anId(7), name: "plain", flow_id: flow.id, created: "2026-08-20T09:15:00.5Z" });
const standIn = aTaskRun({ id: anId(11), name: "child-0" });
const loose = aTaskRun({ id: anId(12), name: "loose", flow_run_id: null });
const a = aFlowRun({
  id: anId(21),
  name: "Alpha_1",
  flow_id: flow.id,
  deployment_id: deployment.id,
  work_queue_id: slow.id,
  work_queue_name: "Slow",
  tags: ["prod"],
  start_time: at(10),
});
const b = aFlowRun({
  id: anId(22),
  name: "beta%",
  flow_id: flow.id,
  state_type: "SCHEDULED",
  expected_start_time: at(99),
  parent_task_run_id: standIn.id,
});
const c = aFlowRun({
  id: anId(23),
  name: "alphaX1",
  flow_id: anId(9),
  state_type: "FAILED",
  start_time: at(20),
  tags: ["db", "prod"],
  work_queue_id: queue.id,
  work_queue_name: "default",
});
const inA = aTaskRun({ id: anId(13), name: "load", flow_run_id: a.id, tags: ["db"] });

function aRecord(): RecordDb & Disposable {
  const db = openRecord(":memory:", "write");
  inTransaction(db, () => {
    upsertObjects(db, "flow", [flow, unused], 1, true);
    upsertObjects(db, "deployment", [deployment, plain], 1, true);
    upsertObjects(db, "work_pool", [pool], 1, true);
    upsertObjects(db, "work_queue", [queue, slow], 1, true);
    upsertObjects(
      db,
      "automation",
      [
        anAutomation({ id: anId(31), created: at(1) }),
        anAutomation({ id: anId(32), created: "2026-08-20T09:15:01.5Z" }),
      ],
      1,
      true,
    );
    upsertFlowRuns(db, [a, b, c], 1);
    upsertTaskRuns(db, [{ ...standIn, flow_run_id: a.id }, loose, inA], 1);
  });
  return { ...db, [Symbol.dispose]: () => db.close() };
}

const NAMES = new Map([
  [a.id, "a"],
  [b.id, "b"],
  [c.id, "c"],
  [standIn.id, "standIn"],
  [loose.id, "loose"],
  [inA.id, "inA"],
]);
const hex = (id: Uint8Array) => [...NAMES].find(([uuid]) => uuid.replaceAll("-", "") === id.toHex())?.[1];

function checked(set: Record<string, unknown>): FilterSet {
  return Object.fromEntries(
    Object.entries(set).map(([key, value]) => [key, parseFilter(BODY_FILTERS[key as FilterKey].schema, value, key)]),
  );
}

describe("filters of flow runs", () => {
  const cases: [string, Record<string, unknown>, string[]][] = [
    ["an empty filter holds for every row", { flow_runs: {} }, ["a", "b", "c"]],
    ["an empty any_ matches nothing", { flow_runs: { id: { any_: [] } } }, []],
    ["an empty not_any_ restricts nothing", { flow_runs: { id: { not_any_: [] } } }, ["a", "b", "c"]],
    ["not_any_ never matches null", { flow_runs: { idempotency_key: { not_any_: ["k"] } } }, []],
    [
      "ids without dashes and in capitals",
      { flow_runs: { id: { any_: [a.id.replaceAll("-", "").toUpperCase()] } } },
      ["a"],
    ],
    ["like_ ignores case, and _ is a wildcard", { flow_runs: { name: { like_: "ALPHA_1" } } }, ["a", "c"]],
    ["% is a wildcard too", { flow_runs: { name: { like_: "b%%" } } }, ["b"]],
    ["an empty like_ restricts nothing", { flow_runs: { name: { like_: "" } } }, ["a", "b", "c"]],
    ["all_ is a superset, any_ one of them", { flow_runs: { tags: { all_: ["prod", "db"] } } }, ["c"]],
    ["tags any_", { flow_runs: { tags: { any_: ["nope", "prod"] } } }, ["a", "c"]],
    ["tags is_null_ is no tags", { flow_runs: { tags: { is_null_: true } } }, ["b"]],
    [
      "or_ joins the fields",
      { flow_runs: { operator: "or_", name: { any_: ["beta%"] }, state: { type: { any_: ["FAILED"] } } } },
      ["b", "c"],
    ],
    [
      "or_ with an empty object holds for all",
      { flow_runs: { operator: "or_", name: { any_: ["beta%"] }, end_time: {} } },
      ["a", "b", "c"],
    ],
    [
      "any_ and not_any_ of a state drop each other before Prefect 3.9.1",
      { flow_runs: { state: { type: { any_: ["FAILED"], not_any_: ["FAILED"] } } } },
      ["a", "b", "c"],
    ],
    [
      "start_time uses the expected start where there is none",
      { flow_runs: { start_time: { after_: at(15) } } },
      ["b", "c"],
    ],
    ["start_time is_null_ looks at the start alone", { flow_runs: { start_time: { is_null_: true } } }, ["b"]],
    ["bounds are inclusive", { flow_runs: { start_time: { after_: at(20), before_: at(20) } } }, ["c"]],
    ["subflows of a run", { flow_runs: { parent_flow_run_id: { any_: [a.id] } } }, ["b"]],
    ["explicit nulls restrict nothing", { flow_runs: { id: { any_: null }, name: null } }, ["a", "b", "c"]],
    ["a filter on flow ids needs no snapshot of flows", { flows: { id: { any_: [anId(9)] } } }, ["c"]],
    ["an empty filter of another kind requires a related row", { deployments: {} }, ["a"]],
    ["runs by their pools, through queues", { work_pools: { name: { any_: ["k8s"] } } }, ["a", "c"]],
    ["startswith_ of queue names ignores case", { work_pool_queues: { name: { startswith_: ["sl"] } } }, ["a"]],
    ["an empty startswith_ restricts nothing", { work_pool_queues: { name: { startswith_: [] } } }, ["a", "c"]],
    ["runs by their task runs", { task_runs: { name: { any_: ["load"] } } }, ["a"]],
    [
      "the default queue of a pool counts as not named",
      { flow_runs: { work_queue_name: { is_null_: true } } },
      ["b", "c"],
    ],
  ];
  for (const [says, set, expected] of cases) {
    test(says, () => {
      using db = aRecord();
      const rows = findFlowRuns(db, checked(set), "NAME_ASC", { limit: 10 });
      expect(rows.map((row) => hex(row.id) ?? "?").toSorted()).toEqual(expected);
      expect(countFlowRuns(db, checked(set))).toBe(expected.length);
    });
  }

  test.each([
    ["3.8.8", { type: { any_: ["FAILED"], not_any_: ["FAILED"] } }, ["a", "b", "c"]],
    ["3.9.1", { type: { any_: ["FAILED"], not_any_: ["FAILED"] } }, []],
    ["3.9.1", { type: { any_: ["FAILED", "COMPLETED"], not_any_: ["COMPLETED"] } }, ["c"]],
    ["3.9.1", { name: { any_: ["Failed"], not_any_: [] } }, ["c"]],
    ["3.8.8", { operator: "or_", type: {}, name: { any_: ["Failed"] } }, ["c"]],
    ["3.0.11", { type: { any_: ["FAILED", "COMPLETED"], not_any_: ["COMPLETED"] } }, ["c"]],
    ["3.0.11", { name: { any_: [], not_any_: ["Late"] } }, []],
    ["3.0.11", { operator: "or_", type: { any_: ["FAILED"], not_any_: ["FAILED"] } }, ["a", "b", "c"]],
    ["3.2.15", { type: { any_: ["FAILED"], not_any_: ["COMPLETED"] } }, ["a", "b", "c"]],
    ["3.4.25", { type: { any_: ["FAILED"], not_any_: [] } }, ["a", "b", "c"]],
    ["3.4.25", { operator: "or_", type: { not_any_: [] }, name: { any_: ["Failed"] } }, ["a", "b", "c"]],
    ["3.8.8", { type: { any_: ["FAILED"], not_any_: [] } }, ["c"]],
    ["3.9.1", { operator: "or_", type: { not_any_: [] }, name: { any_: ["Failed"] } }, ["c"]],
  ])(
    "any_ and not_any_ of a state apply as on each server, together from Prefect 3.9.1 on: %s %j",
    (version, state, expected) => {
      using db = aRecord();
      const instance = { url: "http://127.0.0.1:4200/api", version, retentionUs: null, createdUs: 1 };
      inTransaction(db, () => putFact(db, "instance", instance, 1));
      const rows = findFlowRuns(db, checked({ flow_runs: { state } }), "NAME_ASC", { limit: 10 });
      expect(rows.map((row) => hex(row.id) ?? "?").toSorted()).toEqual(expected);
    },
  );

  test("nulls are first ascending and last descending, ties in order of creation", () => {
    using db = aRecord();
    const order = (sort: FlowRunSort) => findFlowRuns(db, {}, sort, { limit: 10 }).map((row) => hex(row.id));
    expect(order("START_TIME_DESC")).toEqual(["b", "c", "a"]);
    expect(order("END_TIME_DESC")).toEqual(["c", "a", "b"]);
    expect(order("NEXT_SCHEDULED_START_TIME_ASC")).toEqual(["a", "c", "b"]);
    expect(order("ID_DESC")).toEqual(["c", "b", "a"]);
  });
});

describe("a server on PostgreSQL", () => {
  test("has nulls last ascending and first descending, in lists of flow runs and of task runs", () => {
    using db = aRecord();
    const instance = { url: "http://127.0.0.1:4200/api", version: "3.8.8", retentionUs: null, createdUs: 1 };
    inTransaction(db, () => putFact(db, "instance", { ...instance, areNullsLargest: true }, 1));
    const order = (sort: FlowRunSort) => findFlowRuns(db, {}, sort, { limit: 10 }).map((row) => hex(row.id));
    expect(order("END_TIME_DESC")).toEqual(["b", "c", "a"]);
    expect(order("NEXT_SCHEDULED_START_TIME_ASC")).toEqual(["b", "a", "c"]);
    expect(order("START_TIME_DESC")).toEqual(["b", "c", "a"]);
    const orders = [taskRunOrder("END_TIME_DESC", 0, true), taskRunOrder("EXPECTED_START_TIME_ASC", 0, true)];
    expect(orders.map(({ sql }) => sql.split(",")[0])).toEqual([
      "t.end_us DESC NULLS FIRST",
      "t.expected_us NULLS LAST",
    ]);
  });
});

describe("letters beyond ASCII", () => {
  const instance = { url: "http://127.0.0.1:4200/api", version: "3.8.8", retentionUs: null, createdUs: 1 };
  const sets: [FilterSet, boolean][] = [
    [{ flow_runs: { name: { like_: "ÄRG" } } }, false],
    [{ flows: { name: { like_: "straße" } } }, false],
    [{ deployments: { flow_or_deployment_name: { like_: "é" } } }, false],
    [{ flow_runs: { name: { any_: ["ÄRG"] } } }, true],
    [{ flow_runs: { name: { like_: "连接" } } }, true],
    [{ flow_runs: { name: { like_: "etl" } } }, true],
  ];
  test.each([undefined, true, false])("are compared as the server does only where it is on SQLite: %p", (shown) => {
    using db = aRecord();
    const known = shown === undefined ? instance : { ...instance, areNullsLargest: shown };
    inTransaction(db, () => putFact(db, "instance", known, 1));
    for (const [set, isAscii] of sets) expect(isCaseDecidable(db, set)).toBe(isAscii || shown === false);
  });
});

describe("filters of task runs", () => {
  const cases: [string, Record<string, unknown>, string[]][] = [
    ["an empty flow_run_id selects those inside flow runs", { task_runs: { flow_run_id: {} } }, ["inA", "standIn"]],
    ["is_null_", { task_runs: { flow_run_id: { is_null_: true } } }, ["loose"]],
    [
      "an explicit null of both restricts nothing",
      { task_runs: { flow_run_id: { is_null_: null } } },
      ["inA", "loose", "standIn"],
    ],
    ["any_", { task_runs: { flow_run_id: { any_: [a.id] } } }, ["inA", "standIn"]],
    ["those that represent subflow runs", { task_runs: { subflow_runs: { exists_: true } } }, ["standIn"]],
    ["those that represent none", { task_runs: { subflow_runs: { exists_: false } } }, ["inA", "loose"]],
    [
      "flow runs given by id alone need not exist",
      { flow_runs: { id: { any_: [anId(404), a.id] } } },
      ["inA", "standIn"],
    ],
    ["those of flow runs of a deployment", { deployments: { name: { any_: ["nightly"] } } }, ["inA", "standIn"]],
  ];
  for (const [says, set, expected] of cases) {
    test(says, () => {
      using db = aRecord();
      const rows = findTaskRuns(db, checked(set), "NAME_ASC", { limit: 10, nowUs: 0 });
      expect(rows.map((row) => hex(row.id) ?? "?").toSorted()).toEqual(expected);
    });
  }
});

describe("filters of objects", () => {
  test("by fields of the document, by filters of other kinds, by times of different precision", () => {
    using db = aRecord();
    const find = (kind: "flow" | "deployment" | "automation", set: Record<string, unknown>) =>
      findFilteredObjects(db, kind, checked(set), "NAME_ASC", { limit: 10 }).map((row) => row.id);
    expect(find("deployment", { deployments: { paused: { eq_: true } } })).toEqual([deployment.id]);
    expect(find("deployment", { deployments: { flow_or_deployment_name: { like_: "ORDERS" } } })).toEqual([
      deployment.id,
      plain.id,
    ]);
    expect(find("deployment", { deployments: { concurrency_limit: { ge_: 5 } } })).toEqual([deployment.id, plain.id]);
    expect(find("deployment", { flow_runs: { name: { like_: "alpha" } } })).toEqual([deployment.id]);
    expect(find("deployment", { work_pools: { type: { any_: ["process"] } } })).toEqual([deployment.id]);
    expect(find("flow", { flows: { deployment: { is_null_: true } } })).toEqual([unused.id]);
    expect(find("flow", { work_pools: {} })).toEqual([flow.id]);
    expect(find("flow", { task_runs: { tags: { all_: ["db"] } } })).toEqual([flow.id]);
    expect(find("automation", { automations: { created: { before_: "2026-08-20T09:15:01.499Z" } } })).toEqual([
      anId(31),
    ]);
  });
});

describe("filters of artifacts", () => {
  const [report, table, result, untyped] = [
    anArtifact({ id: anId(61), key: "report", flow_run_id: a.id, updated: at(3) }),
    anArtifact({ id: anId(62), key: "Report-rows", type: "table", task_run_id: loose.id, updated: at(2) }),
    anArtifact({ id: anId(63), key: null, type: "result", flow_run_id: a.id, updated: at(1) }),
    anArtifact({ id: anId(64), key: null, type: null }),
  ];
  const cases: [object, string[]][] = [
    [{}, [report.id, table.id, result.id, untyped.id]],
    [{ key: { any_: ["report"] } }, [report.id]],
    [{ key: { like_: "REPORT" } }, [report.id, table.id]],
    [{ key: { exists_: false } }, [result.id, untyped.id]],
    [{ flow_run_id: { any_: [a.id] } }, [report.id, result.id]],
    [{ task_run_id: { any_: [loose.id] } }, [table.id]],
    [{ type: { any_: ["table", "markdown"] } }, [report.id, table.id]],
    // As on the server, one without a type is not known to be of another type.
    [{ type: { not_any_: ["result"] } }, [report.id, table.id]],
    [{ operator: "or_", key: { any_: ["report"] }, type: { any_: ["result"] } }, [report.id, result.id]],
    [{ id: { any_: [untyped.id] } }, [untyped.id]],
  ];
  test.each(cases)("%j", (artifacts, ids) => {
    using db = aRecord();
    inTransaction(db, () => upsertObjects(db, "artifact", [untyped, table, report, result], 1, true));
    const found = findFilteredObjects(db, "artifact", checked({ artifacts }), "UPDATED_DESC", { limit: 9 });
    expect(found.map(({ id }) => id)).toEqual(ids);
  });
});

describe("a filter that the record cannot evaluate with certainty", () => {
  test("is known before it is run", () => {
    expect(isDecidable({ flow_runs: { work_queue_name: { any_: ["x"] } } })).toBe(false);
    expect(isDecidable({ deployments: { work_queue_name: {} }, flow_runs: { name: {} } })).toBe(true);
    expect(snapshotsNeededBy({ flow_runs: {}, flows: { id: { any_: [] } } }, "flow_runs")).toEqual(["flow"]);
    expect(snapshotsNeededBy({ flows: { id: { any_: [flow.id] } } }, "flow_runs")).toEqual([]);
    expect(snapshotsNeededBy({ work_pools: {} }, "flow_runs")).toEqual(["work_pool", "work_queue"]);
  });
});

describe("checking a filter", () => {
  const fail = (value: unknown, key: FilterKey = "flow_runs") => {
    try {
      parseFilter(BODY_FILTERS[key].schema, value, "FlowRunFilter");
    } catch (error) {
      if (error instanceof AppError) return [error.message, error.hint];
      throw error;
    }
    return null;
  };

  test("names the valid values where one is invalid", () => {
    expect(fail({ state: { type: { is: [] } } })).toEqual([
      'unknown field "is" in filter.state.type',
      "Valid fields of filter.state.type: any_, not_any_.",
    ]);
    expect(fail({ stat: {} })?.toString()).toContain("Valid fields of FlowRunFilter: operator, id, name, tags,");
    expect(fail({ state: { type: { any_: ["failed"] } } })).toEqual([
      'filter.state.type.any_[0] must be one of SCHEDULED, PENDING, RUNNING, COMPLETED, FAILED, CANCELLED, CRASHED, PAUSED, CANCELLING, not "failed"',
      "get_object_schema with object_type flow_run_filter shows the valid form.",
    ]);
    expect(fail({ name: "x" })).toEqual([
      'filter.name must be an object, not "x"',
      "get_object_schema with object_type flow_run_filter shows the valid form. filter.name is an object of: any_, like_.",
    ]);
    const messages = [
      [{ id: { any_: ["nope"] } }, 'filter.id.any_[0] must be a UUID, not "nope"'],
      [
        { start_time: { after_: "yesterday" } },
        'filter.start_time.after_ must be an ISO 8601 time such as "2026-01-31T09:00:00Z", not "yesterday"',
      ],
      [{ operator: "xor" }, 'filter.operator must be one of and_, or_, not "xor"'],
      [{ tags: { all_: Array(501).fill("a") } }, "filter.tags.all_ must have at most 500 items"],
      [{ name: { like_: null, any_: 5 } }, "filter.name.any_ must be a list, not 5"],
      ["{}", 'filter must be an object, not "{}"'],
    ] as const;
    for (const [filter, message] of messages) expect(fail(filter)?.[0]).toBe(message);
  });

  test("returns a valid one unchanged", () => {
    const filter = { operator: "or_", name: { like_: "a" }, id: { any_: null } };
    expect(parseFilter(BODY_FILTERS.flow_runs.schema, filter, "x")).toEqual(filter);
  });
});
