import { describe, expect, test } from "bun:test";
import { HOUR_US } from "../../../src/lib/time.ts";
import type { FlowRun, TaskRun } from "../../../src/model/objects.ts";
import type { ToolDefinition } from "../../../src/tools/definition/define-tool.ts";
import { getFlowRunsTool } from "../../../src/tools/runs/get-flow-runs.ts";
import { getTaskRunsTool } from "../../../src/tools/runs/get-task-runs.ts";
import { aFlow, aFlowRun, anId, aState, aTaskRun, at } from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const flow = aFlow({ id: anId(1), name: "orders", created: at(-86_400) });
/** A run that took some seconds and began some seconds after the first moment of the builders. */
function ran(n: number, name: string, seconds: number, startedAt: number): FlowRun {
  const [start, end] = [at(startedAt), at(startedAt + seconds)];
  return aFlowRun({ id: anId(n), name, flow_id: flow.id, start_time: start, end_time: end });
}
const [short, long, longer] = [ran(11, "short", 30, 100), ran(12, "long", 600, 200), ran(13, "longer", 1_500, 300)];
const running = aFlowRun({
  id: anId(14),
  name: "running",
  flow_id: flow.id,
  state_type: "RUNNING",
  state_name: "Running",
  start_time: at(2_700),
  end_time: null,
});
const paused = aFlowRun({
  id: anId(15),
  name: "paused",
  flow_id: flow.id,
  state_type: "PAUSED",
  state_name: "Paused",
  start_time: at(400),
  end_time: null,
  total_run_time: 45,
});
const waiting = aFlowRun({
  id: anId(16),
  name: "waiting",
  flow_id: flow.id,
  state_type: "SCHEDULED",
  state_name: "Late",
  start_time: null,
  end_time: null,
  expected_start_time: at(500),
});
/** Due after the present of the harness. */
const [sooner, later] = [4_000, 5_000].map((due, index) =>
  aFlowRun({
    id: anId(17 + index),
    name: `due-${due}`,
    flow_id: flow.id,
    state_type: "SCHEDULED",
    state_name: "Scheduled",
    start_time: null,
    end_time: null,
    expected_start_time: at(due),
  }),
) as [FlowRun, FlowRun];
const RUNS = [short, long, longer, later, running, paused, sooner, waiting];
/** The clock of the harness is an hour after the first moment: `running` has run for 15 minutes. */
const LONGEST_FIRST = ["longer", "running", "long", "paused", "short"];

const SOURCES = {
  record(harness: ToolHarness) {
    harness.onDatabase("SQLite");
    harness.objects("flow", [flow]);
    harness.objects("deployment", []);
    harness.flowRuns(RUNS);
    harness.cover("flow_run", { fromUs: 0 });
    harness.following();
  },
  live(harness: ToolHarness) {
    harness.fake.workspace.flows.push(flow);
    harness.fake.workspace.flowRuns.push(...RUNS);
  },
} as const;

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape.
const names = (answer: { structured: any }): string[] => answer.structured.flow_runs.map((run: FlowRun) => run.name);

async function pagesOf(harness: ToolHarness, tool: ToolDefinition, args: object): Promise<string[]> {
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const { structured } = await harness.call(tool, { ...args, ...(cursor ? { cursor } : {}) });
    seen.push(...(structured.flow_runs ?? structured.task_runs).map((run: FlowRun) => run.name));
    cursor = structured.next_cursor;
  } while (cursor);
  return seen;
}

for (const [source, fill] of Object.entries(SOURCES)) {
  describe(`durations of flow runs, ${source}`, () => {
    const ask = async (args: object) => {
      await using harness = await openToolHarness({ record: source === "record" });
      fill(harness);
      const answer = await harness.call(getFlowRunsTool, args);
      expect([answer.isError, answer.structured.source]).toEqual([false, source]);
      expect(answer.structured.coverage.complete).toBeTrue();
      return answer;
    };

    test("sort by duration, runs that have not started last: those that are due, then the later ones", async () => {
      const unstarted = ["waiting", "due-4000", "due-5000"];
      expect(names(await ask({ sort: "DURATION_DESC" }))).toEqual([...LONGEST_FIRST, ...unstarted]);
      expect(names(await ask({ sort: "duration_asc" }))).toEqual([...LONGEST_FIRST.toReversed(), ...unstarted]);
    });

    test("min_duration and max_duration take seconds and units; both ends are included", async () => {
      expect(names(await ask({ min_duration: "10m", sort: "DURATION_DESC" }))).toEqual(["longer", "running", "long"]);
      expect(names(await ask({ min_duration: 600, max_duration: "15m", sort: "NAME_ASC" }))).toEqual([
        "long",
        "running",
      ]);
      expect(names(await ask({ max_duration: 45.5 }))).toEqual(["paused", "short"]);
      expect(names(await ask({ min_duration: "1h30m" }))).toEqual([]);
    });

    test("pages by duration continue where they ended", async () => {
      await using harness = await openToolHarness({ record: source === "record" });
      fill(harness);
      const seen = await pagesOf(harness, getFlowRunsTool, { sort: "DURATION_DESC", min_duration: "31s", limit: 2 });
      expect(seen).toEqual(["longer", "running", "long", "paused"]);
      const all = [...LONGEST_FIRST, "waiting", "due-4000", "due-5000"];
      expect(await pagesOf(harness, getFlowRunsTool, { sort: "DURATION_DESC", limit: 3 })).toEqual(all);
    });
  });
}

describe("what durations of flow runs were not compared", () => {
  test("of very many runs in Prefect the newest are compared, and the answer says since when", async () => {
    await using harness = await openToolHarness({ record: false });
    const many = Array.from({ length: 1_001 }, (_, n) => ran(1_000 + n, `run-${n}`, 1_001 - n, 2 * n));
    harness.fake.workspace.flowRuns.push(...many);
    const { structured, text } = await harness.call(getFlowRunsTool, { sort: "DURATION_DESC", limit: 1 });
    // run-0, the longest, is the oldest of 1,001.
    expect(names({ structured })).toEqual(["run-1"]);
    expect(structured.coverage.complete).toBeFalse();
    expect(text).toContain(
      "Prefect neither filters nor sorts flow runs by duration: the 1000 newest of the matching runs, begun since 2026-08-20T09:15:02Z, were compared, older ones were not looked at.",
    );
  });

  test("in another order the first of it are compared, which the answer says", async () => {
    await using harness = await openToolHarness({ record: false });
    harness.fake.workspace.flowRuns.push(...Array.from({ length: 1_001 }, (_, n) => ran(1_000 + n, `run-${n}`, 60, n)));
    const { structured } = await harness.call(getFlowRunsTool, { sort: "NAME_ASC", min_duration: 60, limit: 1 });
    expect(structured.coverage.complete).toBeFalse();
    expect(structured.coverage.notes.join(" ")).toContain(
      "the first 1000 of the matching runs in the order NAME_ASC were compared, the others were not looked at.",
    );
  });

  test("a full page of the newest runs has nothing older to compare", async () => {
    await using harness = await openToolHarness();
    harness.objects("flow", [{ ...flow, created: "2026-08-01T00:00:00Z" }]);
    harness.objects("deployment", []);
    harness.flowRuns(RUNS);
    harness.cover("flow_run", { fromUs: harness.nowUs - 2 * HOUR_US });
    harness.following();
    const { structured } = await harness.call(getFlowRunsTool, { min_duration: "10m", limit: 1 });
    expect(names({ structured })).toEqual(["running"]);
    expect(structured).toMatchObject({ source: "record", coverage: { complete: true } });
  });

  test("a record of the last day says that it compared the runs of that time", async () => {
    await using harness = await openToolHarness();
    harness.objects("flow", [{ ...flow, created: "2026-08-01T00:00:00Z" }]);
    harness.objects("deployment", []);
    harness.flowRuns(RUNS);
    harness.cover("flow_run", { fromUs: harness.nowUs - 2 * HOUR_US });
    harness.following();
    const { structured } = await harness.call(getFlowRunsTool, { sort: "DURATION_DESC" });
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(names({ structured })[0]).toBe("longer");
    expect(structured.coverage).toMatchObject({ complete: false });
    expect(structured.coverage.notes.join(" ")).toContain(
      "The runs of the record since 2026-08-20T08:15:00Z were compared; older ones were not looked at.",
    );
  });

  test("what is not a duration is refused with examples", async () => {
    await using harness = await openToolHarness();
    const refused = async (args: object) => (await harness.call(getFlowRunsTool, args)).structured;
    expect(await refused({ min_duration: "long" })).toMatchObject({
      code: "invalid_input",
      message: 'argument "min_duration": "long" is not a duration',
      hint: 'Give seconds (90) or a duration with units ("90s", "1h30m", "2 days").',
    });
    expect(await refused({ min_duration: "2h", max_duration: "1h" })).toMatchObject({
      message: "min_duration is longer than max_duration",
    });
  });
});

const parent = aFlowRun({ id: anId(20), name: "parent", flow_id: flow.id, state_type: "RUNNING", start_time: at(0) });
/** The same runs as task runs. `total_run_time`, by which Prefect 3.9.1 sorts, is as long as the duration. */
const TASKS: readonly TaskRun[] = RUNS.map((run) =>
  aTaskRun({
    id: run.id.replace("0000", "1111"),
    name: run.name,
    flow_run_id: parent.id,
    state: aState({
      type: run.state_type ?? "RUNNING",
      name: run.state_name ?? "",
      timestamp: run.start_time ?? at(0),
    }),
    state_type: run.state_type ?? null,
    state_name: run.state_name ?? null,
    start_time: run.start_time ?? null,
    end_time: run.end_time ?? null,
    expected_start_time: run.start_time ?? run.expected_start_time ?? null,
    total_run_time: durationOf(run) ?? Number(run.total_run_time ?? 0),
  }),
);

function durationOf({ start_time, end_time }: FlowRun): number | null {
  return start_time && end_time ? (Date.parse(end_time) - Date.parse(start_time)) / 1_000 : null;
}

const TASK_SOURCES = {
  record(harness: ToolHarness) {
    harness.onDatabase("SQLite");
    harness.objects("flow", [flow]);
    harness.flowRuns([parent]);
    harness.taskRuns(TASKS);
    harness.cover("flow_run", { fromUs: 0 });
    harness.cover("task_run", { fromUs: 0 });
    harness.following();
  },
  live(harness: ToolHarness) {
    harness.fake.workspace.flows.push(flow);
    harness.fake.workspace.flowRuns.push(parent);
    harness.fake.workspace.taskRuns.push(...TASKS);
  },
} as const;

const taskNames = (answer: { structured: { task_runs: { name: string }[] } }) =>
  answer.structured.task_runs.map((run) => run.name);

for (const version of ["3.0.11", "3.8.8", "3.9.1"]) {
  for (const [source, fill] of Object.entries(TASK_SOURCES)) {
    describe(`durations of task runs, ${source}, Prefect ${version}`, () => {
      const open = async () => {
        const harness = await openToolHarness({ record: source === "record" });
        harness.fake.workspace.version = version;
        fill(harness);
        return harness;
      };
      const ask = async (args: object) => {
        await using harness = await open();
        const answer = await harness.call(getTaskRunsTool, args);
        expect([answer.isError, answer.structured.source]).toEqual([false, source]);
        expect(answer.structured.coverage.complete).toBeTrue();
        return taskNames(answer);
      };

      test("sort by duration", async () => {
        const ended = { state: { type: { any_: ["COMPLETED"] } } };
        expect(await ask({ sort: "DURATION_DESC", filter: ended })).toEqual(["longer", "long", "short"]);
        expect(await ask({ sort: "duration_asc", flow_run: "parent", filter: ended })).toEqual([
          "short",
          "long",
          "longer",
        ]);
      });

      test("min_duration and max_duration take seconds and units; both ends are included", async () => {
        expect(await ask({ min_duration: "10m", sort: "NAME_ASC" })).toEqual(["long", "longer", "running"]);
        expect(await ask({ min_duration: 600, max_duration: "15m" })).toEqual(["running", "long"]);
        expect(await ask({ max_duration: 45.5, flow_run: "parent" })).toEqual(["paused", "short"]);
        expect(await ask({ min_duration: "1h30m" })).toEqual([]);
      });

      test("bounds and sort together, over pages", async () => {
        await using harness = await open();
        const args = { sort: "DURATION_DESC", min_duration: "31s", state: "COMPLETED", limit: 1 };
        expect(await pagesOf(harness, getTaskRunsTool, args)).toEqual(["longer", "long"]);
      });

      if (version !== "3.9.1") {
        test("older servers: running, waiting and unstarted task runs as in lists of flow runs", async () => {
          const all = await ask({ sort: "DURATION_DESC" });
          expect(all.slice(0, LONGEST_FIRST.length)).toEqual(LONGEST_FIRST);
          expect(all.slice(LONGEST_FIRST.length)).toEqual(["waiting", "due-4000", "due-5000"]);
        });
      }
    });
  }
}

describe("what durations of task runs were not compared", () => {
  const many = Array.from({ length: 1_001 }, (_, n) =>
    aTaskRun({
      id: anId(5_000 + n),
      name: `task-${n}`,
      flow_run_id: parent.id,
      expected_start_time: at(2 * n),
      start_time: at(2 * n),
      end_time: at(2 * n + 1_001 - n),
      total_run_time: 1_001 - n,
    }),
  );

  test("an older server: the newest are compared, and the answer says since when", async () => {
    await using harness = await openToolHarness({ record: false });
    harness.fake.workspace.taskRuns.push(...many);
    const { structured, text } = await harness.call(getTaskRunsTool, { sort: "DURATION_DESC", limit: 1 });
    expect(taskNames({ structured })).toEqual(["task-1"]);
    expect(structured.coverage.complete).toBeFalse();
    expect(text).toContain(
      "Prefect neither filters nor sorts task runs by duration: the 1000 newest of the matching runs, expected since 2026-08-20T09:15:02Z, were compared, older ones were not looked at. Narrow by since, until, flow_run, flow or state.",
    );
  });

  test("Prefect 3.9.1 sorts all of them, and bounds are compared in its order", async () => {
    await using harness = await openToolHarness({ record: false });
    harness.fake.workspace.version = "3.9.1";
    harness.fake.workspace.taskRuns.push(...many);
    const all = await harness.call(getTaskRunsTool, { sort: "DURATION_DESC", limit: 1 });
    expect(taskNames(all)).toEqual(["task-0"]);
    expect(all.structured.coverage.complete).toBeTrue();
    const bound = await harness.call(getTaskRunsTool, { sort: "DURATION_DESC", max_duration: 1_000, limit: 1 });
    expect(taskNames(bound)).toEqual(["task-1"]);
    expect(bound.text).toContain(
      "Prefect does not filter task runs by duration: the first 1000 of the matching runs in the order DURATION_DESC were compared, the others were not looked at.",
    );
  });

  test("a record of the last hours says that it compared the task runs of that time; those of one flow run are asked for", async () => {
    await using harness = await openToolHarness();
    harness.objects("flow", [{ ...flow, created: "2026-08-01T00:00:00Z" }]);
    harness.flowRuns([parent]);
    harness.taskRuns(TASKS);
    for (const kind of ["flow_run", "task_run"]) harness.cover(kind, { fromUs: harness.nowUs - 2 * HOUR_US });
    harness.following();
    const all = await harness.call(getTaskRunsTool, { min_duration: "20m", limit: 5 });
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(taskNames(all)).toEqual(["longer"]);
    expect(all.structured.coverage).toMatchObject({ complete: false });
    expect(all.structured.coverage.notes.join(" ")).toContain("since 2026-08-20T08:15:00Z were compared");
    harness.fake.workspace.flowRuns.push(parent);
    harness.fake.workspace.taskRuns.push(...TASKS);
    const ofOne = await harness.call(getTaskRunsTool, { min_duration: "20m", flow_run: "parent" });
    expect(taskNames(ofOne)).toEqual(["longer"]);
    // One may have been made for a time before.
    expect(ofOne.structured).toMatchObject({ source: "live", coverage: { complete: true } });
  });
});
