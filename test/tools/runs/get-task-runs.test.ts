import { describe, expect, test } from "bun:test";
import { DAY_US, SECOND_US } from "../../../src/lib/time.ts";
import { getTaskRunsTool } from "../../../src/tools/runs/get-task-runs.ts";
import {
  aDeployment,
  aFlow,
  aFlowRun,
  anId,
  aState,
  aTaskRun,
  aTaskRunEvent,
  at,
  T0_US,
} from "../../support/builders.ts";
import {
  type Answer,
  idsOf,
  losePrefect,
  openToolHarness,
  questionsTo,
  type ToolHarness,
} from "../../support/tool-harness.ts";

const flowRun = aFlowRun({ id: anId(11), name: "calm-otter", state_type: "RUNNING", start_time: at(0) });
const inputs = { url: [{ input_type: "parameter", name: "u" }], day: [] };
const first = aTaskRun({
  id: anId(21),
  name: "load-1",
  flow_run_id: flowRun.id,
  start_time: at(10),
  task_inputs: inputs,
  tags: ["db"],
});
const second = aTaskRun({
  id: anId(22),
  name: "load-2",
  flow_run_id: flowRun.id,
  start_time: at(20),
  state: aState({ type: "FAILED", timestamp: at(21), message: "Task run encountered an exception KeyError" }),
  state_type: "FAILED",
  run_count: 2,
});
const elsewhere = aTaskRun({ id: anId(23), name: "other", flow_run_id: anId(12), start_time: at(30) });
const ids = (answer: Answer): string[] => idsOf(answer.structured.task_runs);

function fillRecord(harness: ToolHarness): void {
  harness.flowRuns([flowRun]);
  harness.events([first, second, elsewhere].map((run) => aTaskRunEvent(run)));
  harness.cover("flow_run", { fromUs: 0 });
  harness.cover("task_run", { fromUs: 0 });
  harness.following();
}

describe("get_task_runs from the record", () => {
  test("lists the task runs of one flow run from their events, newest expected start first", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const answer = await harness.call(getTaskRunsTool, { flow_run: "calm-otter" });
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(answer.structured.task_runs).toEqual([
      {
        id: second.id,
        name: "load-2",
        flow_run_id: flowRun.id,
        flow_run_name: "calm-otter",
        state_type: "FAILED",
        state_name: "Failed",
        state_message: "Task run encountered an exception KeyError",
        start_time: at(20),
        duration: 1,
        run_count: 2,
      },
      {
        id: first.id,
        name: "load-1",
        flow_run_id: flowRun.id,
        flow_run_name: "calm-otter",
        state_type: "COMPLETED",
        state_name: "Completed",
        start_time: at(10),
        duration: 1,
        tags: ["db"],
      },
    ]);
    expect(answer.structured).toMatchObject({ source: "record", coverage: { complete: true } });
  });

  test("Prefect is asked where the order of runs without an end depends on its database", async () => {
    await using harness = await openToolHarness();
    const open = aTaskRun({ id: anId(24), flow_run_id: flowRun.id, state_type: "RUNNING", start_time: at(40) });
    harness.taskRuns([open]);
    harness.fake.workspace.taskRuns.push(first, second, open);
    fillRecord(harness);
    const sort = "END_TIME_DESC";
    const mixed = await harness.call(getTaskRunsTool, { flow_run: flowRun.id, sort });
    expect([mixed.structured.source, ids(mixed).length]).toEqual(["live", 3]);
    const ended = await harness.call(getTaskRunsTool, { flow_run: flowRun.id, sort, state: ["COMPLETED", "FAILED"] });
    expect([ended.structured.source, ids(ended)]).toEqual(["record", [second.id, first.id]]);
  });

  test("notes the closest known state for an unknown name", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const notes = async (state: string) => {
      const { structured } = await harness.call(getTaskRunsTool, { flow_run: "calm-otter", state });
      return structured.coverage.notes ?? [];
    };
    expect(await notes("FALIED")).toEqual([
      'No recorded run has a state "FALIED", and it is none of Prefect\'s own; did you mean FAILED?',
    ]);
    expect(await notes("failed")).toEqual([]);
  });

  test("needs no range of task runs for a flow run that has ended and was read whole", async () => {
    await using harness = await openToolHarness();
    const ended = aFlowRun({ id: flowRun.id, name: flowRun.name, start_time: at(0) });
    harness.flowRuns([ended]);
    harness.taskRuns([first, second]);
    harness.cover("task_run", { fromUs: 0, scope: flowRun.id });
    const answer = await harness.call(getTaskRunsTool, { flow_run: flowRun.id, state: "FAILED" });
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(ids(answer)).toEqual([second.id]);
    expect(answer.structured).toMatchObject({ source: "record", coverage: { complete: true } });
  });

  test("shows the inputs of a single task run, and Prefect's fields with full detail or `fields`", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([flowRun]);
    harness.taskRuns([first, second]);
    harness.cover("task_run");
    harness.following();
    const one = await harness.call(getTaskRunsTool, { task_run: first.id.slice(0, 10) });
    expect(one.structured.task_runs).toMatchObject([{ id: first.id, task_inputs: inputs, task_key: "load-8a7b6c5d" }]);
    const full = await harness.call(getTaskRunsTool, { task_run: first.id, detail: "full" });
    expect(full.structured.task_runs[0]).toMatchObject({ ...first });
    const some = await harness.call(getTaskRunsTool, { task_run: first.id, fields: ["task_inputs"] });
    expect(some.structured.task_runs).toEqual([{ id: first.id, task_inputs: inputs }]);
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("takes the inputs from the event while Prefect is unreachable", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    losePrefect(harness, 10);
    const one = await harness.call(getTaskRunsTool, { task_run: first.id });
    expect(one.structured.task_runs).toMatchObject([{ id: first.id, task_inputs: inputs }]);
    expect(questionsTo(harness.fake)).toEqual([]);
  });
});

describe("get_task_runs without a time", () => {
  /** Made over REST without a flow run, for expected starts before the oldest flow. */
  const background = [3, 10, 20].map((days) =>
    aTaskRun({
      id: anId(70 + days),
      flow_run_id: null,
      expected_start_time: at(-days * 86_400),
      state: aState({ type: "SCHEDULED", timestamp: at(0) }),
      state_type: "SCHEDULED",
      start_time: null,
    }),
  );

  async function withSevenDays(): Promise<ToolHarness> {
    const harness = await openToolHarness();
    harness.objects("flow", [aFlow({ id: flowRun.flow_id, created: at(-3_600) })]);
    harness.objects("deployment", []);
    harness.flowRuns([flowRun]);
    harness.taskRuns(background.slice(0, 1));
    for (const kind of ["flow_run", "task_run"]) harness.cover(kind, { fromUs: harness.nowUs - 7 * DAY_US });
    harness.following();
    harness.fake.workspace.taskRuns.push(...background);
    return harness;
  }

  test("asks Prefect where what is older is not covered, whenever the oldest flow was made", async () => {
    await using harness = await withSevenDays();
    const scheduled = await harness.call(getTaskRunsTool, { state: "SCHEDULED" });
    expect(ids(scheduled)).toEqual(idsOf(background));
    expect(scheduled.structured).toMatchObject({ source: "live", coverage: { complete: true } });
    const until = await harness.call(getTaskRunsTool, { until: at(-5 * 86_400) });
    expect(ids(until)).toEqual(idsOf(background.slice(1)));
  });

  // https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/actions.py (TaskRunCreate.expected_start_time)
  test.each([
    ["of a flow run that has not ended", { flow_run: flowRun.id }],
    ["that started lately", { filter: { start_time: { after_: at(-600) } } }],
  ])("asks Prefect for those %s: one may be made for a time before what is covered", async (_which, asked) => {
    await using harness = await withSevenDays();
    const past = aTaskRun({
      id: anId(51),
      flow_run_id: flowRun.id,
      expected_start_time: at(-8 * 86_400),
      start_time: at(5),
    });
    harness.taskRuns([first]);
    harness.fake.workspace.flowRuns.push(flowRun);
    harness.fake.workspace.taskRuns.push(first, past);
    const answer = await harness.call(getTaskRunsTool, asked);
    expect(ids(answer)).toEqual([first.id, past.id]);
    expect(answer.structured).toMatchObject({ source: "live", coverage: { complete: true } });
    losePrefect(harness, 10);
    const away = await harness.call(getTaskRunsTool, asked);
    expect(away.structured).toMatchObject({ source: "record", coverage: { complete: false } });
  });

  test("hands all task runs of a flow run to the writer as such, and a part of them as a part", async () => {
    await using harness = await withSevenDays();
    harness.fake.workspace.flowRuns.push(flowRun);
    harness.fake.workspace.taskRuns.push(first, second);
    const saved = async (args: object) => {
      harness.saved.length = 0;
      await harness.call(getTaskRunsTool, { flow_run: flowRun.id, ...args });
      const batch = harness.saved.find(({ kind }) => kind === "task_run");
      return batch?.kind === "task_run" ? [batch.rows.length, batch.ofFlowRuns] : null;
    };
    expect(await saved({})).toEqual([2, [flowRun.id]]);
    expect(await saved({ limit: 1 })).toEqual([1, undefined]);
    expect(await saved({ state: "FAILED" })).toEqual([1, undefined]);
  });

  test("is not complete while Prefect is unreachable and older ones may exist", async () => {
    await using harness = await withSevenDays();
    losePrefect(harness, 10);
    const { structured } = await harness.call(getTaskRunsTool, { state: "SCHEDULED" });
    expect(idsOf(structured.task_runs)).toEqual(idsOf(background.slice(0, 1)));
    expect(structured).toMatchObject({ source: "record", coverage: { complete: false } });
    expect(structured.coverage.gaps).toHaveLength(1);
  });

  test("is complete from the record where all time is covered, and says where it begins", async () => {
    await using harness = await withSevenDays();
    harness.taskRuns(background);
    harness.cover("task_run", { fromUs: 0 });
    const { structured } = await harness.call(getTaskRunsTool, { state: "SCHEDULED" });
    expect(idsOf(structured.task_runs)).toEqual(idsOf(background));
    expect(structured).toMatchObject({
      source: "record",
      coverage: { complete: true, from: at(-20 * 86_400), gaps: [] },
    });
    expect(harness.fake.takeRequests()).toEqual([]);
  });
});

describe("get_task_runs from Prefect", () => {
  test("shows a task run that has no event, however completely events are recorded", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([flowRun]);
    harness.events([first, second, elsewhere].map((run) => aTaskRunEvent(run)));
    harness.cover("flow_run", { fromUs: 0 });
    harness.cover("event");
    harness.following();
    harness.cover("task_run", { toUs: harness.nowUs - 120 * SECOND_US });
    const silent = aTaskRun({
      id: anId(24),
      name: "over-rest",
      flow_run_id: flowRun.id,
      expected_start_time: at(3_540),
    });
    harness.fake.workspace.flowRuns.push(flowRun);
    harness.fake.workspace.taskRuns.push(first, second, silent);
    const answer = await harness.call(getTaskRunsTool, { flow_run: flowRun.id });
    expect(ids(answer)).toEqual([silent.id, second.id, first.id]);
    expect(answer.structured).toMatchObject({ source: "live", coverage: { complete: true } });
    await harness.fake.down();
    const away = await harness.call(getTaskRunsTool, { flow_run: flowRun.id });
    expect(ids(away)).toEqual([second.id, first.id]);
    expect(away.structured).toMatchObject({
      source: "record",
      as_of: at(3_480),
      coverage: { to: at(3_480) },
    });
  });

  test("sends all filters, names the flow runs, saves the rows and continues with the cursor", async () => {
    await using harness = await openToolHarness();
    harness.fake.workspace.taskRuns.push(first, second, elsewhere);
    harness.fake.workspace.flowRuns.push(flowRun);
    const args = { filter: { name: { like_: "load" } }, since: at(0), limit: 1 };
    const answer = await harness.call(getTaskRunsTool, args);
    expect(ids(answer)).toEqual([second.id]);
    expect(answer.structured).toMatchObject({ source: "live", task_runs: [{ flow_run_name: "calm-otter" }] });
    expect(harness.fake.requestsTo("/task_runs/filter").map((request) => request.body)).toEqual([
      {
        task_runs: { name: { like_: "load" }, expected_start_time: { after_: at(0) } },
        sort: "EXPECTED_START_TIME_DESC",
        limit: 2,
        offset: 0,
      },
    ]);
    expect(harness.saved.map((batch) => batch.kind)).toEqual(["task_run", "flow_run"]);
    const next = await harness.call(getTaskRunsTool, { ...args, cursor: answer.structured.next_cursor });
    expect(ids(next)).toEqual([first.id]);
    expect(next.structured.next_cursor).toBeUndefined();
  });
});

describe("get_task_runs by columns of flow runs", () => {
  /** The flow run began ten days ago, before what the record covers; its task runs did not. */
  async function withOldRun(): Promise<ToolHarness> {
    const harness = await openToolHarness();
    const flow = aFlow({ id: anId(31), name: "svc" });
    const deployment = aDeployment({ id: anId(32), name: "nightly", flow_id: flow.id });
    const old = { ...flowRun, flow_id: flow.id, deployment_id: deployment.id, start_time: at(-864_000) };
    harness.fake.workspace.flows.push(flow);
    harness.fake.workspace.deployments.push(deployment);
    harness.fake.workspace.flowRuns.push(old);
    harness.fake.workspace.taskRuns.push(first, second);
    harness.objects("flow", [flow]);
    harness.objects("deployment", [deployment]);
    harness.taskRuns([first, second]);
    harness.cover("flow_run");
    harness.cover("task_run");
    harness.following();
    return harness;
  }
  const questions = [{ flow: "svc" }, { deployment: "nightly" }];

  test("asks Prefect while the flow run of a task run in question is not recorded", async () => {
    await using harness = await withOldRun();
    for (const question of questions) {
      const answer = await harness.call(getTaskRunsTool, { ...question, since: "1h" });
      expect(ids(answer)).toEqual([second.id, first.id]);
      expect(answer.structured).toMatchObject({ source: "live", coverage: { complete: true } });
    }
  });

  test("says that rows may be missing while Prefect is unreachable", async () => {
    await using harness = await withOldRun();
    harness.following({ lostSecondsAgo: 10 });
    await harness.fake.down();
    for (const question of questions) {
      const answer = await harness.call(getTaskRunsTool, { ...question, since: "1h" });
      expect(ids(answer)).toEqual([]);
      expect(answer.structured).toMatchObject({
        source: "record",
        coverage: { complete: false, notes: expect.arrayContaining([expect.stringContaining("are not recorded")]) },
      });
    }
  });

  test("is answered by the record once the flow run is recorded, and when the filter leaves its task runs out", async () => {
    await using harness = await withOldRun();
    harness.fake.takeRequests();
    const others = await harness.call(getTaskRunsTool, { flow: "svc", since: at(30) });
    expect(others.structured).toMatchObject({ task_runs: [], source: "record", coverage: { complete: true } });
    harness.flowRuns(harness.fake.workspace.flowRuns);
    for (const question of questions) {
      const answer = await harness.call(getTaskRunsTool, { ...question, since: "1h" });
      expect(ids(answer)).toEqual([second.id, first.id]);
      expect(answer.structured).toMatchObject({ source: "record", coverage: { complete: true } });
    }
    expect(harness.fake.takeRequests()).toEqual([]);
  });
});

describe("get_task_runs fails", () => {
  test("with a hint on an unknown flow run, on a wrong filter, and when Prefect is unreachable", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const unknown = await harness.call(getTaskRunsTool, { flow_run: "calm-ottr" });
    expect(unknown.structured).toMatchObject({ code: "not_found", message: 'no flow run "calm-ottr"' });
    expect(unknown.structured.hint).toContain("calm-otter");
    const wrong = await harness.call(getTaskRunsTool, { filter: { flow_run_name: { any_: ["x"] } } });
    expect(wrong.structured.hint).toStartWith("Valid fields of TaskRunFilter: operator, id, name,");
    await harness.fake.down();
    const away = await harness.call(getTaskRunsTool, { fresh: true });
    expect(away.structured).toMatchObject({ code: "unavailable", hint: expect.stringContaining("without fresh") });
  });
});

describe("get_task_runs by duration", () => {
  const took = (n: number, seconds: number, over: object = {}) =>
    aTaskRun({ id: anId(30 + n), name: `t-${n}`, flow_run_id: flowRun.id, total_run_time: seconds, ...over });
  const running = { state: aState({ type: "RUNNING", timestamp: at(0) }), state_type: "RUNNING" } as const;
  const runs = [took(1, 5), took(2, 90), took(3, 0.5), took(4, 5), took(5, 0, running)];
  const expected = { DURATION_ASC: [33, 34, 31, 32], DURATION_DESC: [32, 34, 31, 33] };

  test.each(["DURATION_ASC", "DURATION_DESC"] as const)("%s: the same order from both sources", async (sort) => {
    await using harness = await openToolHarness();
    harness.fake.workspace.version = "3.9.1";
    harness.fake.workspace.flowRuns.push(flowRun);
    harness.fake.workspace.taskRuns.push(...runs.slice(0, 4));
    fillRecord(harness);
    harness.taskRuns(runs.slice(0, 4));
    const filter = { id: { any_: runs.slice(0, 4).map((run) => run.id) } };
    const recorded = await harness.call(getTaskRunsTool, { sort, filter });
    const live = await harness.call(getTaskRunsTool, { sort, filter, fresh: true });
    expect([recorded.structured.source, live.structured.source]).toEqual(["record", "live"]);
    expect([ids(recorded), ids(live)]).toEqual([expected[sort].map(anId), expected[sort].map(anId)]);
  });

  test("the time of a run that is running grows", async () => {
    await using harness = await openToolHarness();
    harness.fake.workspace.version = "3.9.1";
    harness.taskRuns(runs);
    const longestAfter = async (seconds: number) => {
      harness.nowUs = T0_US + seconds * SECOND_US;
      fillRecord(harness);
      const answer = await harness.call(getTaskRunsTool, { sort: "DURATION_DESC", flow_run: flowRun.id });
      expect(answer.structured.source).toBe("record");
      return ids(answer)[0];
    };
    expect(await longestAfter(80)).toBe(anId(32));
    expect(await longestAfter(95)).toBe(anId(35));
  });
});
