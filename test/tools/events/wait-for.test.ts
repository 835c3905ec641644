import { describe, expect, test } from "bun:test";
import { systemClock } from "../../../src/lib/clock.ts";
import type { QueryContext } from "../../../src/queries/source/context.ts";
import { markFlowRunsDeleted } from "../../../src/store/runs/flow-runs.ts";
import { findFact, putFact } from "../../../src/store/sync-state.ts";
import { waitForTool } from "../../../src/tools/events/wait-for.ts";
import { aFlowRun, anEvent, anId, aState, at } from "../../support/builders.ts";
import { callWith } from "../../support/call-tool.ts";
import { type Answer, openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const run = aFlowRun({ id: anId(71), name: "wandering-guan", state_type: "RUNNING" });
const ended = aFlowRun({
  ...run,
  state_type: "COMPLETED",
  state_name: "Completed",
  state_id: anId(72),
  state: null,
  end_time: at(9),
});

/** A clock that jumps with every sleep; `then` happens at the sleep that reaches its second. */
async function waiting(
  harness: ToolHarness,
  args: object,
  then: Record<number, () => unknown> = {},
  signal?: AbortSignal,
) {
  const startUs = harness.nowUs;
  const notices: string[] = [];
  const left = new Map(Object.entries(then).map(([second, act]) => [Number(second), act]));
  const clock: QueryContext["clock"] = {
    nowUs: () => harness.nowUs,
    steadyMs: () => harness.nowUs / 1000,
    bootedUs: () => 0,
    async sleep(ms) {
      harness.nowUs += ms * 1000;
      const syncer = findFact(harness.db, "syncer");
      if (syncer) putFact(harness.db, "syncer", { ...syncer, heartbeatUs: harness.nowUs }, harness.nowUs);
      for (const [second, act] of left) {
        if (harness.nowUs < startUs + second * 1e6) continue;
        left.delete(second);
        await act();
      }
      await systemClock.sleep(0);
    },
  };
  const query = { ...harness.query, clock };
  const {
    structuredContent: structured,
    content,
    isError,
  } = await callWith(query, waitForTool, args, {
    ...(signal ? { signal } : {}),
    progress: (done, total, message) => void notices.push(`${done}/${total} ${message}`),
  });
  const answer: Pick<Answer, "structured" | "text" | "isError"> = {
    structured,
    text: content[0]?.text ?? "",
    isError: isError === true,
  };
  return { ...answer, notices };
}

/** A process syncs the record: its heartbeat stays recent, its websocket has this state. */
function follow(harness: ToolHarness, state: "open" | "refused"): void {
  harness.following();
  putFact(harness.db, "stream", { state, sinceUs: 0 }, 0);
}

describe("wait_for a run that Prefect has deleted", () => {
  test("answers from the record when the run had ended", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([ended]);
    markFlowRunsDeleted(harness.db, [run.id], harness.nowUs);
    const { structured } = await waiting(harness, { flow_run: run.id });
    expect(structured).toMatchObject({ reached: true, outcome: "reached: Completed" });
    expect(structured.coverage.notes[0]).toContain("wandering-guan");
    expect(structured.coverage.notes[0]).toContain("was deleted in Prefect (seen ");
  });

  test("states that the run will not continue when it had not ended, also if it is deleted during the wait", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([run]);
    follow(harness, "open");
    const markDeleted = () => markFlowRunsDeleted(harness.db, [run.id], harness.nowUs);
    const { structured } = await waiting(harness, { flow_run: run.id }, { 7: markDeleted });
    expect(structured.code).toBe("not_found");
    expect(structured.message).toMatch(
      /^Flow run wandering-guan \(.*\) was deleted in Prefect \(seen .*, last known state Running\); it will not continue$/,
    );
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("fails with not_found when neither the record nor Prefect knows the run", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([run]);
    const { structured } = await waiting(harness, { flow_run: run.id });
    expect(structured).toMatchObject({ code: "not_found", message: `no flow run ${run.id} in this workspace` });
  });
});

describe("wait_for from the record", () => {
  test("waits for the end of a run without a request, and reports progress", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([run]);
    follow(harness, "open");
    const { structured, text, notices } = await waiting(
      harness,
      { flow_run: run.id },
      { 7: () => harness.flowRuns([ended]) },
    );
    expect(structured).toMatchObject({
      reached: true,
      outcome: "reached: Completed",
      flow_run: { id: run.id, name: "wandering-guan", state_type: "COMPLETED" },
      source: "record",
    });
    expect(structured.waited_seconds).toBeCloseTo(7.2, 1);
    expect(notices).toEqual([
      "0/50 wandering-guan is Running",
      "3/50 wandering-guan is Running",
      "6/50 wandering-guan is Running",
    ]);
    expect(text).toContain(run.id);
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("claims nothing about a time that the record does not reach", async () => {
    await using harness = await openToolHarness();
    follow(harness, "refused");
    putFact(
      harness.db,
      "connection",
      { reachable: true, sinceUs: 0, lastContactUs: harness.nowUs - 9e6, error: null },
      0,
    );
    harness.fake.faults.fail("/events/filter", { status: 503 }, 1_000);
    const { structured, text } = await waiting(harness, { event_type_prefix: "shop.", timeout: "2s" });
    expect(structured).toMatchObject({ reached: false, coverage: { complete: false } });
    expect(text).toContain("has not been read yet: the event may have occurred.");
  });

  test("says at once, and at the timeout, that no recorded event has the awaited name", async () => {
    await using harness = await openToolHarness();
    follow(harness, "open");
    harness.events([anEvent({ event: "shop.orders.batch-loaded", occurred: at(3_500) })]);
    const { structured, notices } = await waiting(harness, { event_type_prefix: "orders.batch", timeout: "5s" });
    const note = "No recorded event has such a name. Near it: shop.orders.batch-loaded.";
    expect(notices[0]).toBe(`0/5 ${note}`);
    expect(structured).toMatchObject({ reached: false, coverage: { notes: expect.arrayContaining([note]) } });
  });

  test("waits for an event", async () => {
    await using harness = await openToolHarness();
    follow(harness, "open");
    const old = anEvent({ event: "shop.order.paid", occurred: at(3_500) });
    const fresh = anEvent({ event: "shop.order.paid", occurred: at(3_604) });
    harness.events([old]);
    const args = { event_type_prefix: "shop." };
    const { structured } = await waiting(harness, args, { 5: () => harness.events([fresh]) });
    expect(structured).toMatchObject({ reached: true, event: { id: fresh.id, event: "shop.order.paid" } });
    const past = await waiting(harness, { ...args, occurred_after: "2h" });
    expect(past.structured).toMatchObject({ reached: true, event: { id: old.id }, waited_seconds: 0 });
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("ends at the timeout, and at once when the run has ended in another state", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([run]);
    harness.fake.workspace.flowRuns.push(run);
    follow(harness, "open");
    const late = await waiting(harness, { flow_run: run.id, timeout: 10 });
    expect(late.structured).toMatchObject({ reached: false, outcome: "timed out: still Running", waited_seconds: 10 });
    harness.flowRuns([ended]);
    const other = await waiting(harness, { flow_run: run.id, state: ["PAUSED"] });
    expect(other.structured).toMatchObject({
      reached: false,
      outcome: "will not be reached: it ended as Completed",
      waited_seconds: 0,
    });
  });
});

describe("wait_for a state", () => {
  test("refuses a misspelt state and a misspelt event of a state at once, and names what is meant", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([run]);
    harness.fake.workspace.flowRuns.push(run);
    follow(harness, "open");
    const message = (name: string, near: string) =>
      `No recorded run has a state "${name}", and it is none of Prefect's own; did you mean ${near}?`;
    const states = {
      Compleeted: "Completed",
      FALIED: "FAILED",
      "awaiting-retyr": "AwaitingRetry",
      success: "Completed",
    };
    for (const [name, near] of Object.entries(states)) {
      for (const state of [[name], ["Late", name]]) {
        const { structured, notices } = await waiting(harness, { flow_run: run.id, state, timeout: 2 });
        expect([structured.code, structured.message, notices]).toEqual(["invalid_input", message(name, near), []]);
        expect(structured.hint).toStartWith(`Give ${near}. For a state that a flow itself calls "${name}"`);
      }
    }
    const event = await waiting(harness, { event_type_prefix: "prefect.flow-run.Complted", timeout: 2 });
    expect(event.structured).toMatchObject({
      code: "invalid_input",
      message: message("Complted", "Completed"),
      hint: "Give Completed, or the exact name of the event in filter.event.name.",
    });
  });

  test("the hint of the refusal waits for the state that a flow itself names so", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([run]);
    follow(harness, "open");
    const filter = { event: { name: ["prefect.flow-run.Complete"] } };
    const { structured } = await waiting(harness, { flow_run: run.id, filter, timeout: 2 });
    expect(structured).toMatchObject({ reached: false, outcome: expect.stringContaining("no matching event") });
    for (const event_type_prefix of ["prefect.flow-run.Comp", "prefect.flow-run.heartbeat", "prefect.task-run."]) {
      const part = await waiting(harness, { flow_run: run.id, event_type_prefix, timeout: 1 });
      expect([event_type_prefix, part.structured.reached]).toEqual([event_type_prefix, false]);
    }
  });

  test("waits for a name that is near none of Prefect's, and states that from the start", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([run]);
    harness.fake.workspace.flowRuns.push(run);
    follow(harness, "open");
    const note = 'No recorded run has a state "Bogus", and it is none of Prefect\'s own.';
    const bogus = await waiting(harness, { flow_run: run.id, state: ["Bogus"], timeout: 2 });
    expect(bogus.notices[0]).toBe(`0/2 ${note}`);
    expect(bogus.structured).toMatchObject({ reached: false, coverage: { complete: true, notes: [note] } });
    expect(bogus.text).toContain(note);
    const custom = aFlowRun({ ...run, state_name: "Bogus", state_id: anId(73), state: null });
    harness.flowRuns([custom]);
    const own = await waiting(harness, { flow_run: run.id, state: "bogus", timeout: 2 });
    expect(own.structured).toMatchObject({ reached: true, outcome: "reached: Bogus" });
    expect(own.structured.coverage).not.toHaveProperty("notes");
  });

  test("accepts types and names of states as the list tools do: with spaces and commas", async () => {
    await using harness = await openToolHarness();
    const retry = { state_type: "SCHEDULED", state_name: "AwaitingRetry", state_id: anId(74), state: null } as const;
    harness.flowRuns([aFlowRun({ ...run, ...retry })]);
    follow(harness, "open");
    for (const state of ["awaiting retry", "failed,SCHEDULED", ["Late", "awaiting_retry"]]) {
      const { structured } = await waiting(harness, { flow_run: run.id, state, timeout: 2 });
      expect(structured).toMatchObject({ reached: true, outcome: "reached: AwaitingRetry" });
    }
  });
});

describe("wait_for from Prefect", () => {
  test("asks every two seconds when the websocket is closed, and when no process syncs", async () => {
    for (const state of ["refused", null] as const) {
      await using harness = await openToolHarness();
      harness.flowRuns([run]);
      harness.fake.workspace.flowRuns.push(run);
      if (state) follow(harness, state);
      const end = () => void harness.fake.workspace.flowRuns.splice(0, 1, ended);
      const { structured } = await waiting(harness, { flow_run: run.id }, { 5: end });
      expect(structured).toMatchObject({ reached: true, source: "live", flow_run: { state_type: "COMPLETED" } });
      expect(structured.waited_seconds).toBeLessThan(8);
      const asked = harness.fake.takeRequests();
      expect(new Set(asked)).toEqual(new Set([`GET /flow_runs/${run.id}`]));
      expect(asked.length).toBeLessThanOrEqual(5);
    }
  });

  test("finds an event while the websocket is open but delivers nothing", async () => {
    await using harness = await openToolHarness();
    follow(harness, "open");
    const event = anEvent({ event: "shop.order.paid", occurred: at(3_605) });
    const emit = () => harness.fake.emit(event, { socket: false });
    const { structured } = await waiting(harness, { event_type_prefix: "shop." }, { 6: emit });
    expect(structured).toMatchObject({ reached: true, source: "live", event: { id: event.id } });
  });

  test("answers with an as_of that is not before the reported event", async () => {
    await using harness = await openToolHarness({ record: false });
    const event = anEvent({ event: "shop.order.paid", occurred: at(3_606) });
    const emit = () => harness.fake.emit(event, { socket: false });
    const found = await waiting(harness, { event_type_prefix: "shop." }, { 3: emit });
    expect(found.structured).toMatchObject({ reached: true, event: { occurred: at(3_606) }, as_of: at(3_606) });
    const failed = aState({ type: "FAILED", timestamp: at(3_800) });
    harness.fake.workspace.flowRuns.push(
      aFlowRun({ ...run, state_type: "FAILED", state_name: "Failed", state: failed }),
    );
    const ran = await waiting(harness, { flow_run: run.id });
    expect(ran.structured).toMatchObject({ reached: true, as_of: at(3_800) });
  });

  test("continues while Prefect is unreachable, and ends when the client cancels", async () => {
    await using harness = await openToolHarness({ record: false });
    harness.fake.workspace.flowRuns.push(run);
    const back = async () => {
      harness.fake.workspace.flowRuns.splice(0, 1, ended);
      await harness.fake.up();
    };
    const { structured, notices } = await waiting(
      harness,
      { flow_run: run.id },
      { 1: () => harness.fake.down(), 9: back },
    );
    expect(structured).toMatchObject({ reached: true, source: "live" });
    expect(notices[0]).toBe("0/50 wandering-guan is Running");
    harness.fake.workspace.flowRuns.splice(0, 1, run);
    const canceling = new AbortController();
    const stopped = await waiting(harness, { flow_run: run.id }, { 4: () => canceling.abort() }, canceling.signal);
    expect(stopped.structured.waited_seconds).toBeLessThan(5);
  });
});

describe("wait_for fails", () => {
  test("on contradictory arguments, unknown runs, and when Prefect never answers", async () => {
    await using harness = await openToolHarness({ record: false });
    const refused: [object, string][] = [
      [{}, "wait_for needs a flow_run"],
      [{ event_type_prefix: "a.", state: ["FAILED"] }, "state is for flow runs"],
      [{ flow_run: run.id, timeout: "2h" }, "not between"],
    ];
    for (const [args, message] of refused) {
      const { structured } = await waiting(harness, args);
      expect(structured).toMatchObject({ code: "invalid_input", message: expect.stringContaining(message) });
    }
    const unknown = await waiting(harness, { flow_run: anId(99) });
    expect(unknown.structured).toMatchObject({ code: "not_found" });
    await harness.fake.down();
    const away = await waiting(harness, { event_type_prefix: "shop.", timeout: 6 });
    expect(away.isError).toBe(true);
    expect(away.structured).toMatchObject({ code: "unavailable", retryable: true });
  });
});
