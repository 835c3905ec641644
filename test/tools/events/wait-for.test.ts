import { describe, expect, test } from "bun:test";
import { systemClock } from "../../../src/lib/clock.ts";
import type { QueryContext } from "../../../src/queries/source/context.ts";
import { markFlowRunsDeleted } from "../../../src/store/runs/flow-runs.ts";
import { putFact } from "../../../src/store/sync-state.ts";
import { waitForTool } from "../../../src/tools/events/wait-for.ts";
import { aFlowRun, anEvent, anId, aState, at } from "../../support/builders.ts";
import { callWith } from "../../support/call-tool.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

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
  const told: string[] = [];
  const left = new Map(Object.entries(then).map(([second, act]) => [Number(second), act]));
  const clock: QueryContext["clock"] = {
    nowMs: () => harness.nowUs / 1000,
    nowUs: () => harness.nowUs,
    async sleep(ms) {
      harness.nowUs += ms * 1000;
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
    progress: (done, total, message) => void told.push(`${done}/${total} ${message}`),
  });
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into answers of every shape.
  return { structured: structured as any, text: content[0]?.text ?? "", isError: isError === true, told };
}

/** A process keeps the record: heartbeats go on, the stream is in this state. */
function follow(harness: ToolHarness, state: "open" | "refused"): void {
  harness.following();
  putFact(harness.db, "stream", { state, sinceUs: 0 }, 0);
  putFact(
    harness.db,
    "syncer",
    { pid: 1, host: "a", sinceUs: harness.nowUs - 1, heartbeatUs: harness.nowUs + 600e6 },
    0,
  );
}

describe("a run that Prefect has deleted", () => {
  test("is told from the record where it had ended", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([ended]);
    markFlowRunsDeleted(harness.db, [run.id], harness.nowUs);
    const { structured } = await waiting(harness, { flow_run: run.id });
    expect(structured).toMatchObject({ reached: true, outcome: "reached: Completed" });
    expect(structured.coverage.notes[0]).toContain("wandering-guan");
    expect(structured.coverage.notes[0]).toContain("was deleted in Prefect (seen ");
  });

  test("will not go on where it had not, also when it happens meanwhile", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([run]);
    follow(harness, "open");
    const markDeleted = () => markFlowRunsDeleted(harness.db, [run.id], harness.nowUs);
    const { structured } = await waiting(harness, { flow_run: run.id }, { 7: markDeleted });
    expect(structured.code).toBe("not_found");
    expect(structured.message).toMatch(
      /^Flow run wandering-guan \(.*\) was deleted in Prefect \(seen .*, last known state Running\); it will not go on$/,
    );
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("one that nobody knows is told as such", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([run]);
    const { structured } = await waiting(harness, { flow_run: run.id });
    expect(structured).toMatchObject({ code: "not_found", message: `no flow run ${run.id} in this workspace` });
  });
});

describe("wait_for from the record", () => {
  test("a run that ends: nothing is asked of Prefect, progress is told", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([run]);
    follow(harness, "open");
    const { structured, text, told } = await waiting(
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
    expect(told).toEqual([
      "0/50 wandering-guan is Running",
      "3/50 wandering-guan is Running",
      "6/50 wandering-guan is Running",
    ]);
    expect(text).toContain(run.id);
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("an event that has yet to occur", async () => {
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

  test("ends at the timeout, and at once where the run ended elsewhere", async () => {
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
  test("that Prefect does not give: waits for it all the same, and says so from the start", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([run]);
    harness.fake.workspace.flowRuns.push(run);
    follow(harness, "open");
    const note = 'No recorded run has a state "Compleeted", and it is none of Prefect\'s own; did you mean Completed?';
    const bogus = await waiting(harness, { flow_run: run.id, state: ["Compleeted"], timeout: 2 });
    expect(bogus.told[0]).toBe(`0/2 ${note}`);
    expect(bogus.structured).toMatchObject({ reached: false, coverage: { complete: true, notes: [note] } });
    expect(bogus.text).toContain(note);
    const custom = aFlowRun({ ...run, state_name: "Bogus", state_id: anId(73), state: null });
    harness.flowRuns([custom]);
    const own = await waiting(harness, { flow_run: run.id, state: "bogus", timeout: 2 });
    expect(own.structured).toMatchObject({ reached: true, outcome: "reached: Bogus" });
    expect(own.structured.coverage).not.toHaveProperty("notes");
  });

  test("in the ways that the lists of runs take: types, names, written apart, with commas", async () => {
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

describe("wait_for live", () => {
  test("asks every two seconds when the socket is dead, and when nobody follows Prefect", async () => {
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

  test("an event, while the socket says it is open but brings nothing", async () => {
    await using harness = await openToolHarness();
    follow(harness, "open");
    const event = anEvent({ event: "shop.order.paid", occurred: at(3_605) });
    const emit = () => harness.fake.emit(event, { socket: false });
    const { structured } = await waiting(harness, { event_type_prefix: "shop." }, { 6: emit });
    expect(structured).toMatchObject({ reached: true, source: "live", event: { id: event.id } });
  });

  test("answers as of no earlier than what it reports", async () => {
    await using harness = await openToolHarness({ record: false });
    const event = anEvent({ event: "shop.order.paid", occurred: at(3_606) });
    const emit = () => harness.fake.emit(event, { socket: false });
    const told = await waiting(harness, { event_type_prefix: "shop." }, { 3: emit });
    expect(told.structured).toMatchObject({ reached: true, event: { occurred: at(3_606) }, as_of: at(3_606) });
    const failed = aState({ type: "FAILED", timestamp: at(3_800) });
    harness.fake.workspace.flowRuns.push(
      aFlowRun({ ...run, state_type: "FAILED", state_name: "Failed", state: failed }),
    );
    const ran = await waiting(harness, { flow_run: run.id });
    expect(ran.structured).toMatchObject({ reached: true, as_of: at(3_800) });
  });

  test("goes on while Prefect is away, and ends when the client gives up", async () => {
    await using harness = await openToolHarness({ record: false });
    harness.fake.workspace.flowRuns.push(run);
    const back = async () => {
      harness.fake.workspace.flowRuns.splice(0, 1, ended);
      await harness.fake.up();
    };
    const { structured, told } = await waiting(
      harness,
      { flow_run: run.id },
      { 1: () => harness.fake.down(), 9: back },
    );
    expect(structured).toMatchObject({ reached: true, source: "live" });
    expect(told[0]).toBe("0/50 wandering-guan is Running");
    harness.fake.workspace.flowRuns.splice(0, 1, run);
    const gone = new AbortController();
    const stopped = await waiting(harness, { flow_run: run.id }, { 4: () => gone.abort() }, gone.signal);
    expect(stopped.structured.waited_seconds).toBeLessThan(5);
  });
});

describe("wait_for fails", () => {
  test("on contradictions, unknown runs, and when Prefect never answers", async () => {
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
