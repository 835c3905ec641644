import { expect, test } from "bun:test";
import {
  ALL_KINDS,
  eventPrefix,
  filterName,
  isHeld,
  isKind,
  KINDS,
  kindOfResource,
  listBody,
  NAMED_KINDS,
  nameOf,
  RUN_KINDS,
  resourceId,
  SNAPSHOT_KINDS,
} from "../../src/model/kinds.ts";
import { allTools } from "../../src/tools/index.ts";
import { anArtifact, aVariable } from "../support/builders.ts";

test("every kind is stored as a run or as a snapshot, in the order of the table", () => {
  expect([...RUN_KINDS, ...SNAPSHOT_KINDS]).toEqual([...ALL_KINDS]);
  expect(RUN_KINDS).toEqual(["flow_run", "task_run"]);
  expect(NAMED_KINDS).toEqual([
    "flow_run",
    "task_run",
    "flow",
    "deployment",
    "work_pool",
    "work_queue",
    "automation",
    "artifact",
  ]);
});

test("resources and events have Prefect's name of a kind", () => {
  expect(resourceId("work_pool", "7")).toBe("prefect.work-pool.7");
  expect(eventPrefix("concurrency_limit")).toBe("prefect.concurrency-limit.");
  expect(kindOfResource("prefect.task-run")).toBe("task_run");
  expect(kindOfResource("prefect.tag")).toBeUndefined();
  for (const kind of ALL_KINDS) expect<string>(KINDS[kind].resource).toBe(`prefect.${kind.replace("_", "-")}`);
  expect([isKind("worker"), isKind("constructor")]).toEqual([true, false]);
});

test("filters have the names of Prefect's schema", () => {
  expect((["flows", "flow_runs", "work_pool_queues"] as const).map(filterName)).toEqual([
    "FlowFilter",
    "FlowRunFilter",
    "WorkQueueFilter",
  ]);
});

test("the tools that list names exist", () => {
  const tools = allTools.map(({ name }) => name);
  for (const kind of NAMED_KINDS) expect(tools).toContain(KINDS[kind].listedBy);
});

test("an object without a name is called by its id", () => {
  expect([nameOf("artifact", anArtifact({ key: "report" })), nameOf("flow", { id: "7" })]).toEqual(["report", "7"]);
  expect(nameOf("artifact", { ...anArtifact({ key: null }), id: "7" })).toBe("7");
});

test("what runs return is neither read for the record nor held", () => {
  expect(listBody("artifact")).toEqual({ sort: "UPDATED_DESC", artifacts: { type: { not_any_: ["result"] } } });
  expect([listBody("variable"), listBody("work_queue")]).toEqual([{ sort: "NAME_ASC" }, {}]);
  const types = ["table", "result", null].map((type) => isHeld("artifact", anArtifact({ type })));
  expect([...types, isHeld("variable", aVariable())]).toEqual([true, false, false, true]);
});
