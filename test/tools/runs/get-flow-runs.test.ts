import { describe, expect, test } from "bun:test";
import { HOUR_US, SECOND_US } from "../../../src/lib/time.ts";
import type { FlowRun } from "../../../src/model/objects.ts";
import { markFlowRunsDeleted } from "../../../src/store/runs/flow-runs.ts";
import { getFlowRunsTool } from "../../../src/tools/runs/get-flow-runs.ts";
import {
  aDeployment,
  aFlow,
  aFlowRun,
  aFlowRunEvent,
  anId,
  aState,
  aTaskRun,
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

const flow = aFlow({ id: anId(1), name: "orders-etl" });
const other = aFlow({ id: anId(2), name: "billing" });
const deployment = aDeployment({ id: anId(3), name: "nightly", flow_id: flow.id });
const failure = aState({ type: "FAILED", timestamp: at(700), message: "ValueError: no such partition" });
const of = { flow_id: flow.id, deployment_id: deployment.id, tags: ["prod"] };
const completed = aFlowRun({ ...of, id: anId(11), name: "calm-otter", start_time: at(60) });
const failed = aFlowRun({
  ...of,
  id: anId(12),
  name: "wise-owl",
  start_time: at(600),
  end_time: at(700),
  state: failure,
});
const running = aFlowRun({
  id: anId(13),
  name: "quick-fox",
  flow_id: other.id,
  state_type: "RUNNING",
  start_time: at(3_000),
});
const late = aFlowRun({
  ...of,
  id: anId(14),
  name: "slow-bee",
  state_type: "SCHEDULED",
  state_name: "Late",
  expected_start_time: at(3_300),
});
const soon = aFlowRun({ ...of, id: anId(15), state_type: "SCHEDULED", expected_start_time: at(4_000) });
const tomorrow = aFlowRun({ ...of, id: anId(16), state_type: "SCHEDULED", expected_start_time: at(90_000) });
const runs: FlowRun[] = [completed, failed, running, late, tomorrow, soon];
const NEWEST_FIRST = [late, running, failed, completed, soon, tomorrow].map((run) => run.id);

function fillRecord(harness: ToolHarness, rows: readonly FlowRun[] = runs): void {
  harness.objects("flow", [flow, other]);
  harness.objects("deployment", [deployment]);
  harness.flowRuns(rows);
  harness.cover("flow_run", { fromUs: 0 });
  harness.following();
}

function fillPrefect(harness: ToolHarness): void {
  harness.fake.workspace.flowRuns.push(...runs);
  harness.fake.workspace.flows.push(flow, other);
  harness.fake.workspace.deployments.push(deployment);
}

const ids = (answer: Answer): string[] => idsOf(answer.structured.flow_runs);

const FIELDS_OF_TIME = ["total_run_time", "estimated_run_time", "estimated_start_time_delta"];

describe("get_flow_runs from the record", () => {
  test("lists newest start first, late runs by their scheduled time, future runs last, with names, state and lateness", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const answer = await harness.call(getFlowRunsTool, {});
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(ids(answer)).toEqual(NEWEST_FIRST);
    expect(answer.structured.flow_runs.slice(0, 3)).toEqual([
      {
        id: late.id,
        name: "slow-bee",
        flow_name: "orders-etl",
        deployment_name: "orders-etl/nightly",
        state_type: "SCHEDULED",
        state_name: "Late",
        expected_start_time: at(3_300),
        late_seconds: 300,
        tags: ["prod"],
      },
      {
        id: running.id,
        name: "quick-fox",
        flow_name: "billing",
        state_type: "RUNNING",
        state_name: "Running",
        start_time: at(3_000),
        duration: 600,
      },
      {
        id: failed.id,
        name: "wise-owl",
        flow_name: "orders-etl",
        deployment_name: "orders-etl/nightly",
        state_type: "FAILED",
        state_name: "Failed",
        state_message: "ValueError: no such partition",
        start_time: at(600),
        duration: 100,
        tags: ["prod"],
      },
    ]);
    expect(answer.structured).toMatchObject({
      source: "record",
      as_of: at(3_600),
      coverage: { complete: true, gaps: [] },
    });
    expect(answer.text).toContain("ValueError: no such partition");
    expect(answer.structured.ui_url).toEndWith("/runs/flow-run/{id}");
  });

  test("shows a state that was folded from an event before REST was read, without a request", async () => {
    await using harness = await openToolHarness();
    fillRecord(
      harness,
      runs.filter((run) => run.id !== failed.id),
    );
    harness.events([aFlowRunEvent({ ...failed, run_count: 1 }, { state: failure })]);
    const answer = await harness.call(getFlowRunsTool, { state: "FAILED" });
    expect(answer.structured.flow_runs).toMatchObject([
      { id: failed.id, flow_name: "orders-etl", state_message: failure.message },
    ]);
  });

  test("filters by type and name of state, flow, deployment, tags, name and times", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const ask = async (args: unknown) => ids(await harness.call(getFlowRunsTool, args));
    expect(await ask({ state: ["failed", "late"] })).toEqual([late.id, failed.id]);
    expect(await ask({ state: "RUNNING,COMPLETED" })).toEqual([running.id, completed.id]);
    expect(await ask({ flow: "billing" })).toEqual([running.id]);
    expect(await ask({ deployment: "orders-etl/nightly", limit: 1 })).toEqual([late.id]);
    expect(await ask({ tags: ["prod"], state: "COMPLETED" })).toEqual([completed.id]);
    expect(await ask({ name: "OWL" })).toEqual([failed.id]);
    // Runs that are due later are not what happened since then, unless their time or state is asked for.
    expect(await ask({ since: "15m" })).toEqual([late.id, running.id]);
    expect(await ask({ since: "15m", until: "in 2 days" })).toEqual([late.id, running.id, soon.id, tomorrow.id]);
    expect(await ask({ since: "15m", state: "SCHEDULED" })).toEqual([late.id, soon.id, tomorrow.id]);
    expect(await ask({ since: "in 1s" })).toEqual([soon.id, tomorrow.id]);
    expect(await ask({ since: at(0), until: at(700) })).toEqual([failed.id, completed.id]);
    expect(await ask({ flow_run: failed.id.slice(0, 12) })).toEqual([failed.id]);
    expect(await ask({ flow_run: `http://host:4200/runs/flow-run/${failed.id}` })).toEqual([failed.id]);
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("takes the headings of the table as fields, writes durations with units, and states day and zone of short times", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const { structured, text } = await harness.call(getFlowRunsTool, {
      fields: ["flow", "state", "late", "duration"],
      since: "15m",
    });
    expect(structured.flow_runs).toMatchObject([
      { id: late.id, state_name: "Late", late_seconds: 300 },
      { id: running.id, flow_name: "billing", state_name: "Running" },
    ]);
    expect(JSON.stringify(structured.flow_runs)).not.toContain("state_details");
    expect(text).toMatch(/\|5 min\|/);
    const whole = await harness.call(getFlowRunsTool, { state: "FAILED" });
    expect(whole.text).toContain("Undated times: 2026-08-20 UTC");
    expect(whole.text).toContain("|1 min 40 s|");
    const full = await harness.call(getFlowRunsTool, { fields: ["state"], detail: "full", state: "FAILED" });
    expect(full.structured.flow_runs[0].state.type).toBe("FAILED");
  });

  test("uses Prefect's order with an explicit filter, which may be text", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const filter = JSON.stringify({ deployment_id: { any_: [deployment.id] } });
    const answer = await harness.call(getFlowRunsTool, { filter });
    expect(ids(answer)).toEqual([tomorrow, soon, late, failed, completed].map((run) => run.id));
    harness.onDatabase("SQLite");
    const sorted = await harness.call(getFlowRunsTool, { filter, sort: "name_asc", limit: 2 });
    expect(ids(sorted)).toEqual([completed.id, soon.id]);
  });

  test("pages from started to future runs without loss", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const answer: Answer = await harness.call(getFlowRunsTool, { limit: 1, ...(cursor ? { cursor } : {}) });
      seen.push(...ids(answer));
      cursor = answer.structured.next_cursor;
      harness.nowUs += SECOND_US;
    } while (cursor);
    expect(seen).toEqual(NEWEST_FIRST);
  });

  test("needs coverage only for the time that a full page shows", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const since = T0_US + 300 * SECOND_US;
    await using partly = await openToolHarness();
    partly.objects("flow", [flow, other]);
    partly.flowRuns(runs);
    partly.cover("flow_run", { fromUs: since });
    partly.following();
    const answer = await partly.call(getFlowRunsTool, { limit: 2 });
    expect(partly.fake.takeRequests()).toEqual([]);
    expect(answer.structured).toMatchObject({ source: "record", coverage: { complete: true, from: at(3_000) } });
    await partly.call(getFlowRunsTool, { state: "COMPLETED" });
    expect(partly.fake.takeRequests()).toContain("POST /flow_runs/filter");
  });

  test("knows that nothing is older only when all time is covered, and begins with the oldest flow or run", async () => {
    await using harness = await openToolHarness();
    harness.objects("flow", [flow, other]);
    harness.flowRuns(runs);
    harness.cover("flow_run", { fromUs: T0_US - HOUR_US });
    harness.following();
    // A run may be made for an expected start before the oldest flow.
    const past = { ...completed, id: anId(61), expected_start_time: at(-100_000), start_time: at(-100_000) };
    harness.fake.workspace.flowRuns.push(...runs, past);
    const partly = await harness.call(getFlowRunsTool, { state: "COMPLETED" });
    expect(ids(partly)).toEqual([completed.id, past.id]);
    expect(partly.structured).toMatchObject({ source: "live", coverage: { complete: true } });
    harness.fake.takeRequests();
    harness.cover("flow_run", { fromUs: 0 });
    const answer = await harness.call(getFlowRunsTool, { state: "COMPLETED" });
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(answer.structured).toMatchObject({ source: "record", coverage: { complete: true, from: at(0), gaps: [] } });
    harness.flowRuns([past]);
    const earlier = await harness.call(getFlowRunsTool, { state: "COMPLETED" });
    expect(ids(earlier)).toEqual([completed.id, past.id]);
    expect(earlier.structured).toMatchObject({ source: "record", coverage: { complete: true, from: at(-100_000) } });
  });

  test("knows that a workspace without flows has no runs, also when the list was read after the end of the coverage", async () => {
    await using harness = await openToolHarness();
    harness.cover("flow_run", { fromUs: 0 });
    harness.nowUs += 15 * SECOND_US;
    harness.objects("flow", []);
    harness.following();
    const answer = await harness.call(getFlowRunsTool, {});
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(answer.structured).toMatchObject({
      source: "record",
      flow_runs: [],
      coverage: { complete: true, gaps: [] },
    });
  });

  test("returns Prefect's fields with full detail, and only the named ones with `fields`", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness, [{ ...failed, parameters: { day: 3 } }]);
    const full = await harness.call(getFlowRunsTool, { detail: "full" });
    expect(full.structured.flow_runs[0]).toMatchObject({ ...failed, parameters: { day: 3 }, flow_name: "orders-etl" });
    const some = await harness.call(getFlowRunsTool, { fields: ["parameters", "state_name"] });
    expect(some.structured.flow_runs).toEqual([{ id: failed.id, state_name: "Failed", parameters: { day: 3 } }]);
    const timed = [{ ...failed, total_run_time: 840.902, estimated_run_time: 5_400, estimated_start_time_delta: -2.5 }];
    fillRecord(harness, timed);
    const times = await harness.call(getFlowRunsTool, { fields: FIELDS_OF_TIME });
    expect(times.structured.flow_runs[0]).toMatchObject({ total_run_time: 840.902, estimated_run_time: 5_400 });
    expect(times.text).toContain(`${FIELDS_OF_TIME.join(" | ")} | id\n14 min|1 h 30 min|-2.5 s|`);
    const wrong = await harness.call(getFlowRunsTool, { fields: ["paramters"] });
    expect(wrong.structured).toMatchObject({
      code: "invalid_input",
      message: 'unknown field "paramters"; did you mean "parameters"?',
    });
  });

  test("finds subflows by their parent", async () => {
    await using harness = await openToolHarness();
    const standIn = aTaskRun({ id: anId(41), flow_run_id: failed.id });
    const child = aFlowRun({ id: anId(42), name: "child-run", flow_id: other.id, parent_task_run_id: standIn.id });
    fillRecord(harness, [...runs, child]);
    harness.taskRuns([standIn]);
    const answer = await harness.call(getFlowRunsTool, { parent: "wise-owl" });
    expect(answer.structured.flow_runs).toMatchObject([{ id: child.id, is_subflow: true }]);
  });
});

describe("get_flow_runs sorted by a time that some runs lack", () => {
  test.each(["END_TIME_DESC", "NEXT_SCHEDULED_START_TIME_ASC"])(
    "%s: Prefect is asked where the order depends on its database",
    async (sort) => {
      await using harness = await openToolHarness();
      const waiting = { ...soon, next_scheduled_start_time: at(4_000) };
      const rows = [completed, failed, running, waiting];
      fillRecord(harness, rows);
      harness.fake.workspace.flowRuns.push(...rows);
      const mixed = await harness.call(getFlowRunsTool, { sort });
      expect(mixed.structured.source).toBe("live");
      expect(harness.fake.requestsTo("/flow_runs/filter").map(({ body }) => body)).toMatchObject([{ sort }]);
    },
  );

  test("the record answers where all runs of the answer have the time", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness, [completed, failed, running]);
    const state = ["COMPLETED", "FAILED"];
    const answer = await harness.call(getFlowRunsTool, { sort: "END_TIME_DESC", state });
    expect(answer.structured.source).toBe("record");
    expect(ids(answer)).toEqual([failed.id, completed.id]);
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("an answer of the record says what is unknown while Prefect cannot be asked", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness, [completed, failed, running]);
    losePrefect(harness, 30);
    const answer = await harness.call(getFlowRunsTool, { sort: "END_TIME_DESC" });
    expect(ids(answer)).toEqual([failed.id, completed.id, running.id]);
    expect(answer.structured.coverage.notes).toContain(
      "Some runs lack the time of this sort: they are last in descending and first in ascending order here, and the other way round where Prefect uses PostgreSQL.",
    );
  });
});

describe("get_flow_runs by a name with letters beyond ASCII", () => {
  test("asks Prefect, which may ignore their case; the record says that it does not", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const asked = await harness.call(getFlowRunsTool, { name: "ÄRG" });
    expect([asked.structured.source, harness.fake.takeRequests().length > 0]).toEqual(["live", true]);
    losePrefect(harness, 60);
    const offline = await harness.call(getFlowRunsTool, { name: "ÄRG" });
    expect(offline.structured.coverage).toMatchObject({
      complete: false,
      notes: expect.arrayContaining([expect.stringContaining("Letters such as ä match here only in the same case")]),
    });
  });
});

describe("get_flow_runs sorted by name", () => {
  const zeta = { ...completed, name: "Zeta" };
  const alpha = { ...failed, name: "alpha" };

  test.each(["PostgreSQL", "an unknown database"] as const)(
    "Prefect is asked for the order where it is on %s",
    async (database) => {
      await using harness = await openToolHarness();
      if (database === "PostgreSQL") harness.onDatabase(database);
      fillRecord(harness, [zeta, alpha]);
      harness.fake.workspace.flowRuns.push(zeta, alpha);
      const answer = await harness.call(getFlowRunsTool, { sort: "NAME_ASC" });
      expect(answer.structured.source).toBe("live");
      losePrefect(harness, 30);
      const offline = await harness.call(getFlowRunsTool, { sort: "NAME_ASC" });
      expect([offline.structured.source, ids(offline)]).toEqual(["record", [zeta.id, alpha.id]]);
      expect(offline.text).toContain("Names are in the order of their code points here");
    },
  );

  test("the record answers where Prefect is on SQLite", async () => {
    await using harness = await openToolHarness();
    harness.onDatabase("SQLite");
    fillRecord(harness, [zeta, alpha]);
    const answer = await harness.call(getFlowRunsTool, { sort: "NAME_DESC" });
    expect([answer.structured.source, ids(answer)]).toEqual(["record", [alpha.id, zeta.id]]);
    expect(answer.text).not.toContain("code points");
  });
});

describe("get_flow_runs of deleted runs", () => {
  test("does not list them, but shows one as deleted when its id or name is given", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    harness.nowUs += 10 * SECOND_US;
    markFlowRunsDeleted(harness.db, [running.id], harness.nowUs);
    expect(ids(await harness.call(getFlowRunsTool, { state: "RUNNING" }))).toEqual([]);
    const filtered = await harness.call(getFlowRunsTool, { filter: { id: { any_: [running.id] } } });
    expect(ids(filtered)).toEqual([]);
    expect(filtered.structured.coverage.notes[0]).toContain(
      `Flow run quick-fox (${running.id}) was deleted in Prefect`,
    );
    const named = await harness.call(getFlowRunsTool, { flow_run: "quick-fox" });
    expect(named.structured.flow_runs).toMatchObject([{ id: running.id, deleted: at(3_610) }]);
  });
});

describe("get_flow_runs of a deployment that was deleted and created again", () => {
  test("lists the runs of its id, with a note about the earlier one if that has runs", async () => {
    await using harness = await openToolHarness();
    const earlier = { ...deployment, id: anId(51) };
    const elsewhere = { ...deployment, id: anId(52), flow_id: other.id };
    harness.objects("flow", [flow, other]);
    harness.objects("deployment", [earlier, elsewhere]);
    const old = aFlowRun({ id: anId(53), deployment_id: earlier.id, flow_id: flow.id, start_time: at(30) });
    fillRecord(harness, [...runs, old, aFlowRun({ id: anId(54), deployment_id: elsewhere.id, start_time: at(30) })]);
    const named = await harness.call(getFlowRunsTool, { deployment: "nightly", state: "FAILED" });
    const note = `An earlier deployment "nightly" (${earlier.id}) was deleted; its 1 run is not listed here, ask for it by that id.`;
    expect(ids(named)).toEqual([failed.id]);
    expect(named.structured.coverage).toMatchObject({ complete: true, notes: [note] });
    const byId = await harness.call(getFlowRunsTool, { deployment: deployment.id });
    expect(byId.structured.coverage).not.toHaveProperty("notes");
    expect(ids(await harness.call(getFlowRunsTool, { deployment: earlier.id }))).toEqual([old.id]);
    expect(harness.fake.takeRequests()).toEqual([]);
  });
});

describe("get_flow_runs from Prefect", () => {
  test("asks once for started and once for future runs, names flows and deployments, and saves the rows", async () => {
    await using harness = await openToolHarness();
    fillPrefect(harness);
    const answer = await harness.call(getFlowRunsTool, {});
    expect(ids(answer)).toEqual(NEWEST_FIRST);
    expect(answer.structured).toMatchObject({ source: "live", coverage: { complete: true } });
    expect(harness.fake.takeRequests().toSorted()).toEqual([
      "POST /deployments/filter",
      "POST /flow_runs/filter",
      "POST /flow_runs/filter",
      "POST /flows/filter",
    ]);
    expect(harness.fake.requestsTo("/flow_runs/filter").map((request) => request.body)).toMatchObject([
      { sort: "START_TIME_DESC", limit: 41, flow_runs: { start_time: { before_: at(3_600) } } },
      { sort: "START_TIME_ASC", limit: 37, flow_runs: { start_time: { after_: "2026-08-20T10:15:00.000001Z" } } },
    ]);
    expect(harness.saved.map((batch) => batch.kind).toSorted()).toEqual(["deployment", "flow", "flow_run"]);
    const pages: string[] = [];
    let cursor: string | undefined;
    do {
      const page: Answer = await harness.call(getFlowRunsTool, { limit: 1, ...(cursor ? { cursor } : {}) });
      pages.push(...ids(page));
      cursor = page.structured.next_cursor;
    } while (cursor);
    expect(pages).toEqual(NEWEST_FIRST);
  });

  test("sends the filter unchanged, and reads several pages", async () => {
    await using harness = await openToolHarness();
    fillPrefect(harness);
    const filter = { operator: "or_", state: { type: { any_: ["FAILED"] } }, name: { like_: "otter" } };
    const answer = await harness.call(getFlowRunsTool, { filter, sort: "START_TIME_ASC", limit: 200, fresh: true });
    expect(ids(answer)).toEqual([completed.id, failed.id]);
    expect(harness.fake.requestsTo("/flow_runs/filter").map((request) => request.body)).toEqual([
      { flow_runs: filter, sort: "START_TIME_ASC", limit: 200, offset: 0 },
    ]);
  });

  test("asks Prefect about names of queues although the record is current", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    fillPrefect(harness);
    const answer = await harness.call(getFlowRunsTool, { filter: { work_queue_name: { is_null_: true } }, limit: 1 });
    expect(answer.structured.source).toBe("live");
    losePrefect(harness, 30);
    const before = questionsTo(harness.fake).length;
    const offline = await harness.call(getFlowRunsTool, { filter: { work_queue_name: { is_null_: true } }, limit: 1 });
    expect(questionsTo(harness.fake)).toHaveLength(before);
    expect(offline.structured.source).toBe("record");
    expect(offline.structured.coverage.notes.join(" ")).toContain("is an estimate");
  });
});

describe("get_flow_runs fails", () => {
  test("on unknown filter fields, operators and sorts with the valid ones", async () => {
    await using harness = await openToolHarness();
    const field = await harness.call(getFlowRunsTool, { filter: { flow_name: { any_: ["x"] } } });
    expect(field.structured).toMatchObject({ code: "invalid_input", message: 'unknown field "flow_name" in filter' });
    expect(field.structured.hint).toStartWith(
      "Valid fields of FlowRunFilter: operator, id, name, tags, deployment_id,",
    );
    const operator = await harness.call(getFlowRunsTool, { filter: { state: { name: { is: "Late" } } } });
    expect(operator.structured.hint).toBe("Valid fields of filter.state.name: any_, not_any_.");
    const sort = await harness.call(getFlowRunsTool, { sort: "START_TIME" });
    expect(sort.structured.hint).toContain("START_TIME_DESC");
    const both = await harness.call(getFlowRunsTool, { filter: { name: { like_: "a" } }, name: "b" });
    expect(both.structured.message).toBe("name and filter.name are both given");
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("not on an unknown name of a state, but notes the closest known one", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const notes = async (args: object) => {
      const { structured, text } = await harness.call(getFlowRunsTool, args);
      for (const note of structured.coverage.notes ?? []) expect(text).toContain(note);
      return structured.coverage.notes ?? [];
    };
    const strange = (word: string, meant: string) => [
      `No recorded run has a state "${word}", and it is none of Prefect's own${meant}`,
    ];
    expect(await notes({ state: "FALIED" })).toEqual(strange("FALIED", "; did you mean FAILED?"));
    expect(await notes({ state: "complete" })).toEqual(strange("complete", "; did you mean Completed?"));
    expect(await notes({ state: ["success", "late"] })).toEqual(strange("success", "; did you mean Completed?"));
    expect(await notes({ state: "xyzzy" })).toEqual(strange("xyzzy", "."));
    expect(await notes({ filter: { state: { name: { any_: ["FAILED"] } } } })).toEqual(
      strange("FAILED", "; did you mean Failed?"),
    );
    // Names that Prefect gives, and those that a flow gave to its own state.
    for (const state of ["failed", "late", "AwaitingRetry", "cancelling"]) expect(await notes({ state })).toEqual([]);
    harness.flowRuns([aFlowRun({ ...of, id: anId(77), state_type: "COMPLETED", state_name: "Skipped Holiday" })]);
    expect(await notes({ state: "Skipped Holiday" })).toEqual([]);
  });

  test("on texts and lists that are too long with the limit", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const refused = async (args: object) => {
      const { structured } = await harness.call(getFlowRunsTool, args);
      return [structured.code, structured.message];
    };
    const long = "x".repeat(10_000);
    const many = Array.from({ length: 1_100 }, (_, n) => `tag-${n}`);
    expect(await refused({ name: long })).toEqual(["invalid_input", "name must have at most 1,000 characters"]);
    expect(await refused({ tags: many })).toEqual(["invalid_input", 'argument "tags" has 1,100 entries']);
    expect(await refused({ filter: { name: { like_: long } } })).toEqual([
      "invalid_input",
      "filter.name.like_ must have at most 1,000 characters",
    ]);
    expect(await refused({ filter: { tags: { all_: many } } })).toEqual([
      "invalid_input",
      "filter.tags.all_ must have at most 500 items",
    ]);
    expect(await refused({ flow_run: long })).toEqual([
      "invalid_input",
      "a text of 10,000 characters names no flow run",
    ]);
    expect(harness.fake.takeRequests()).toEqual([]);
    const { isError } = await harness.call(getFlowRunsTool, { name: "x".repeat(1_000), tags: many.slice(0, 500) });
    expect(isError).toBe(false);
    const ids = Array.from({ length: 1_100 }, (_, n) => anId(n));
    expect((await harness.call(getFlowRunsTool, { filter: { id: { any_: ids } } })).isError).toBe(false);
  });

  test("with a hint when Prefect is unreachable and nothing is recorded", async () => {
    await using harness = await openToolHarness();
    await harness.fake.down();
    const answer = await harness.call(getFlowRunsTool, {});
    expect(answer.isError).toBe(true);
    expect(answer.structured).toMatchObject({ code: "unavailable", retryable: true });
    expect(answer.text).toContain("Nothing of these flow runs is recorded yet");
  });

  test("not when Prefect is unreachable but runs are recorded: the answer states age and gaps", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns(runs);
    harness.cover("flow_run", { fromUs: T0_US - HOUR_US, toUs: T0_US + HOUR_US - 60 * SECOND_US });
    harness.following({ lostSecondsAgo: 60 });
    await harness.fake.down();
    const answer = await harness.call(getFlowRunsTool, { state: "FAILED" });
    expect(ids(answer)).toEqual([failed.id]);
    expect(answer.structured).toMatchObject({ source: "record", as_of: at(3_540), coverage: { complete: false } });
    expect(answer.structured.coverage.gaps).toEqual([
      { from: "1970-01-01T00:00:00Z", to: "2026-08-20T08:14:59.999999Z" },
    ]);
  });
});

test("a run that changed between two calls is shown as it is now, the others as before", async () => {
  await using harness = await openToolHarness();
  fillRecord(harness);
  const first = await harness.call(getFlowRunsTool);
  const again = await harness.call(getFlowRunsTool);
  expect(again.structured).toEqual(first.structured);
  const [changed] = runs;
  harness.flowRuns([{ ...(changed as FlowRun), name: "renamed-since" }]);
  const { structured, text } = await harness.call(getFlowRunsTool);
  const names = (answer: Answer) => answer.structured.flow_runs.map((run: { name: string }) => run.name);
  expect(names({ structured, text } as Answer)).toEqual(
    names(first).map((name: string) => (name === changed?.name ? "renamed-since" : name)),
  );
  expect(text).toContain("renamed-since");
  expect(text).not.toContain(changed?.name ?? "");
});
