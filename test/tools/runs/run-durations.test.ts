import { describe, expect, test } from "bun:test";
import { HOUR_US } from "../../../src/lib/time.ts";
import type { FlowRun } from "../../../src/model/objects.ts";
import { getFlowRunsTool } from "../../../src/tools/runs/get-flow-runs.ts";
import { aFlow, aFlowRun, anId, at } from "../../support/builders.ts";
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
const RUNS = [short, long, longer, running, paused, waiting];
/** The clock of the harness is an hour after the first moment: `running` has run for 15 minutes. */
const LONGEST_FIRST = ["longer", "running", "long", "paused", "short"];

const SOURCES = {
  record(harness: ToolHarness) {
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

    test("sort by duration, runs that have not started last or left out", async () => {
      expect(names(await ask({ sort: "DURATION_DESC" })).slice(0, 5)).toEqual(LONGEST_FIRST);
      const shortestFirst = names(await ask({ sort: "duration_asc" })).filter((name) => name !== "waiting");
      expect(shortestFirst).toEqual(LONGEST_FIRST.toReversed());
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
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const args = { sort: "DURATION_DESC", min_duration: "31s", limit: 2, ...(cursor ? { cursor } : {}) };
        const answer = await harness.call(getFlowRunsTool, args);
        seen.push(...names(answer));
        cursor = answer.structured.next_cursor;
      } while (cursor);
      expect(seen).toEqual(["longer", "running", "long", "paused"]);
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
