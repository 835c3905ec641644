import { describe, expect, test } from "bun:test";
import { usOf } from "../../src/demo/family-replay.ts";
import { Replay } from "../../src/demo/replay.ts";
import { rewriteText } from "../../src/demo/rewrite.ts";
import { loadWorkspace } from "../../src/demo/workspace.ts";
import { HOUR_US, MINUTE_US, parseIsoUs, SECOND_US } from "../../src/lib/time.ts";
import type { FlowRun } from "../../src/model/objects.ts";

const workspace = loadWorkspace();
const START_US = parseIsoUs("2027-03-03T09:41:17.25Z") ?? 0;
const aReplay = (startUs = START_US) => new Replay(workspace, startUs);

function countStates(runs: readonly FlowRun[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const run of runs) counts[run.state_name ?? ""] = (counts[run.state_name ?? ""] ?? 0) + 1;
  return counts;
}

describe("the past of the demo workspace", () => {
  const replay = aReplay();

  test("holds every recorded event with all fields, moved in time", () => {
    const held = new Map(replay.events.map(({ event }) => [event.id, event]));
    const recorded = [...workspace.families.flatMap((family) => family.events), ...workspace.events];
    const back = recorded.map((event) => {
      const moved = held.get(event.id);
      if (!moved) return `${event.event} ${event.id} is missing`;
      const shiftUs = usOf(event.occurred) - usOf(moved.occurred);
      return JSON.parse(rewriteText(JSON.stringify(moved), shiftUs));
    });
    expect(back).toEqual(recorded);
  });

  test("has only scheduled runs after now, and no event from the future", () => {
    expect(replay.events.filter((stored) => stored.receivedUs > START_US)).toEqual([]);
    const ahead = replay.flowRuns(START_US).filter((run) => usOf(run.expected_start_time) > START_US);
    expect(new Set(ahead.map((run) => run.state_name))).toEqual(new Set(["Scheduled"]));
    expect(ahead.filter((run) => usOf(run.created) > START_US)).toEqual([]);
  });

  test("has runs of all outcomes, and runs that wait or are stuck now", () => {
    const day = replay.flowRuns(START_US).filter((run) => usOf(run.expected_start_time) > START_US - 24 * HOUR_US);
    const states = countStates(day);
    expect(states).toMatchObject({ Late: 4, Paused: 1, Crashed: 1, Cancelled: 1 });
    expect(states.Completed).toBeGreaterThan(60);
    expect(states.Failed).toBeGreaterThan(5);
    expect(states.Running).toBeGreaterThanOrEqual(2);
  });

  test("has unique ids, and each run has the state of its last state event", () => {
    const ids = replay.events.map(({ event }) => event.id);
    expect(new Set(ids).size).toBe(ids.length);
    const last = new Map<string, string>();
    for (const { event } of replay.events) {
      if (event.resource["prefect.state-type"]) last.set(event.resource["prefect.resource.id"] ?? "", event.id);
    }
    const wrong = replay
      .flowRuns(START_US)
      .filter(
        (run) => last.has(`prefect.flow-run.${run.id}`) && last.get(`prefect.flow-run.${run.id}`) !== run.state_id,
      );
    expect(wrong.map((run) => run.name)).toEqual([]);
  });

  test("events are ordered by time", () => {
    const moments = replay.events.map((stored) => stored.occurredUs);
    expect(moments).toEqual(moments.toSorted((a, b) => a - b));
  });
});

describe("while the demo runs", () => {
  test("the newest event is always less than ten seconds old, over hours", () => {
    const replay = aReplay();
    let oldestUs = 0;
    for (let us = START_US; us < START_US + 3 * HOUR_US; us += SECOND_US) {
      replay.advance(us);
      oldestUs = Math.max(oldestUs, us - (replay.events.at(-1)?.occurredUs ?? 0));
    }
    expect(oldestUs).toBeLessThan(5 * SECOND_US);
  });

  test("each event is published once, when it is received", () => {
    const replay = aReplay();
    const before = new Set(replay.events.map(({ event }) => event.id));
    const published: string[] = [];
    for (let us = START_US; us < START_US + 10 * MINUTE_US; us += SECOND_US / 2) {
      for (const event of replay.advance(us)) {
        expect(usOf(event.received)).toBeLessThanOrEqual(us);
        published.push(event.id);
      }
    }
    expect(published.length).toBeGreaterThan(500);
    expect(published.filter((id) => before.has(id))).toEqual([]);
    expect(new Set(published).size).toBe(published.length);
  });

  test("runs are created, run and finish, and their tasks and logs grow meanwhile", () => {
    const replay = aReplay();
    const seen = new Map<string, { states: string[]; tasks: number[]; logs: number[] }>();
    for (let us = START_US; us < START_US + 2 * MINUTE_US; us += SECOND_US) {
      replay.advance(us);
      const [tasks, logs] = [replay.taskRuns(us), replay.logs(us)];
      for (const run of replay.flowRuns(us).filter((one) => usOf(one.created) > START_US)) {
        const story = seen.get(run.id) ?? { states: [], tasks: [], logs: [] };
        seen.set(run.id, story);
        if (story.states.at(-1) !== run.state_name) story.states.push(run.state_name ?? "");
        story.tasks.push(tasks.filter((task) => task.flow_run_id === run.id).length);
        story.logs.push(logs.filter((log) => log.flow_run_id === run.id).length);
      }
    }
    const whole = [...seen.values()].find((story) => story.states.at(-1) === "Completed");
    const lasting = whole?.states.filter((state) => state !== "Pending" && state !== "Submitting");
    expect(lasting).toEqual(["Scheduled", "Running", "Completed"]);
    expect([whole?.tasks[0], whole?.tasks.at(-1)]).toEqual([0, 8]);
    expect(whole?.logs.at(-1)).toBeGreaterThan(15);
    expect(whole?.tasks).toEqual(whole?.tasks.toSorted((a, b) => a - b));
  });

  test("a scheduled run starts under its own id when it is due, and the next one is scheduled", () => {
    const replay = aReplay();
    const upcoming = (us: number) =>
      replay.flowRuns(us).filter((run) => run.auto_scheduled && run.state_name === "Scheduled");
    const due = upcoming(START_US).toSorted((a, b) => usOf(a.expected_start_time) - usOf(b.expected_start_time))[0];
    const laterUs = usOf(due?.expected_start_time) + 2 * MINUTE_US;
    const before = upcoming(START_US).length;
    replay.advance(laterUs);
    const after = replay.flowRuns(laterUs);
    expect(
      after.filter((run) => run.id === due?.id).map((run) => [run.name, run.state_name, run.expected_start_time]),
    ).toEqual([[due?.name ?? "", "Completed", due?.expected_start_time]]);
    expect(upcoming(laterUs).length).toBe(before);
    expect(upcoming(laterUs).every((run) => usOf(run.expected_start_time) > laterUs - MINUTE_US)).toBe(true);
  });

  test("workers keep sending heartbeats", () => {
    const laterUs = START_US + 3 * HOUR_US;
    const [worker] = aReplay().workers("etl-pool", laterUs) ?? [];
    const ageUs = laterUs - usOf(worker?.last_heartbeat_time);
    expect(ageUs).toBeGreaterThanOrEqual(-SECOND_US);
    expect(ageUs).toBeLessThan(31 * SECOND_US);
  });

  test("run time and lateness grow with time", () => {
    const replay = aReplay();
    const figures = (us: number) => {
      const runs = replay.flowRuns(us);
      const running = runs.find(
        (run) => run.state_name === "Running" && usOf(run.start_time) < START_US - 10 * MINUTE_US,
      );
      const late = runs.find((run) => run.state_name === "Late");
      return [running?.estimated_run_time ?? 0, late?.estimated_start_time_delta ?? 0];
    };
    const [before, after] = [figures(START_US), figures(START_US + MINUTE_US)];
    expect(after.map((value, index) => Math.round(Number(value) - Number(before[index] ?? 0)))).toEqual([60, 60]);
  });
});
