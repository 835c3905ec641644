import { describe, expect, test } from "bun:test";
import {
  foldChanges,
  isLaterState,
  NO_STATE,
  readRunRelations,
  readStateChange,
  type StateChange,
  sortChanges,
} from "../../../src/model/runs/fold.ts";
import { aFlowRunEvent, aRelated, aTaskRunEvent, aUuid, type StateEventOptions } from "./run-events.ts";

const T = 1_780_000_000_000_000;
const RUN = aUuid();
const SECOND = 1_000_000;

function change(options: Omit<StateEventOptions, "runId">): StateChange {
  const read = readStateChange(aFlowRunEvent({ runId: RUN, ...options }));
  if (read === null) throw new Error("not a state event");
  return read;
}

describe("reading a state event", () => {
  test("classifies by the label of the type, not by the name of the state", () => {
    const read = change({ type: "RUNNING", name: "Waiting for QA. now", atUs: T, runCount: 2, message: "since noon" });
    expect(read).toMatchObject({
      kind: "flow_run",
      runId: RUN,
      type: "RUNNING",
      name: "Waiting for QA. now",
      message: "since noon",
      runCount: 2,
      atUs: T,
    });
  });

  test("returns null for events without a state: heartbeats, pull steps, custom events", () => {
    const event = aFlowRunEvent({ runId: RUN, type: "RUNNING", atUs: T });
    const { "prefect.state-type": _, ...bare } = event.resource;
    expect(readStateChange({ ...event, event: "prefect.flow-run.heartbeat", resource: bare })).toBeNull();
    expect(readStateChange({ ...event, event: "shop.order.paid" })).toBeNull();
    expect(
      readStateChange({ ...event, resource: { ...event.resource, "prefect.resource.id": "prefect.flow-run.x" } }),
    ).toBeNull();
  });

  test("reads the related resources, with the parent of a subflow and the creator", () => {
    const [flow, deployment, queue, task, automation] = [aUuid(), aUuid(), aUuid(), aUuid(), aUuid()];
    const event = aFlowRunEvent({
      runId: RUN,
      type: "PENDING",
      atUs: T,
      related: [
        aRelated("flow", `prefect.flow.${flow}`, "orders"),
        aRelated("deployment", `prefect.deployment.${deployment}`, "nightly"),
        aRelated("work-queue", `prefect.work-queue.${queue}`, "default"),
        aRelated("work-pool", `prefect.work-pool.${aUuid()}`, "k8s"),
        aRelated("task-run", `prefect.task-run.${task}`),
        aRelated("tag", "prefect.tag.team.blue"),
        aRelated("creator", `prefect.automation.${automation}`, "rerun"),
      ],
    });
    expect(readRunRelations(event)).toEqual({
      flowId: flow,
      flowRunId: null,
      deploymentId: deployment,
      workQueueId: queue,
      workQueueName: "default",
      workPoolName: "k8s",
      parentTaskRunId: task,
      creatorId: automation,
      creatorType: "AUTOMATION",
      tags: ["team.blue"],
    });
    expect(readRunRelations(aTaskRunEvent({ runId: RUN, type: "RUNNING", atUs: T })).flowRunId).toBeNull();
  });
});

describe("which state is the later one", () => {
  test("time decides, then follows, then received, then the terminal one", () => {
    const first = change({ type: "RUNNING", atUs: T });
    const later = change({ type: "FAILED", atUs: T + 1 });
    expect([isLaterState(later, first), isLaterState(first, later)]).toEqual([true, false]);
    const follower = change({ type: "RUNNING", atUs: T, follows: first.stateId, receivedUs: T });
    expect([isLaterState(follower, first), isLaterState(first, follower)]).toEqual([true, false]);
    const received = change({ type: "RUNNING", atUs: T, receivedUs: T + 90_000 });
    expect([isLaterState(received, first), isLaterState(first, received)]).toEqual([true, false]);
    const terminal = change({ type: "COMPLETED", atUs: T });
    expect([isLaterState(terminal, first), isLaterState(first, terminal)]).toEqual([true, false]);
    expect(isLaterState(first, first)).toBe(false);
  });
});

describe("folding", () => {
  const planned = change({ type: "SCHEDULED", atUs: T });
  const pending = change({ type: "PENDING", atUs: T + 10 * SECOND });
  const running = change({ type: "RUNNING", atUs: T + 12 * SECOND, runCount: 1 });
  const failed = change({ type: "FAILED", atUs: T + 20 * SECOND, runCount: 1, message: "boom" });

  test("gives the same columns as the server", () => {
    expect(foldChanges(NO_STATE, null, [planned, pending, running, failed], false)).toEqual({
      stateId: failed.stateId,
      type: "FAILED",
      name: "Failed",
      atUs: T + 20 * SECOND,
      message: "boom",
      runCount: 1,
      expectedUs: T + 10 * SECOND,
      nextUs: null,
      startUs: T + 12 * SECOND,
      endUs: T + 20 * SECOND,
      totalRunTime: 8,
    });
  });

  test("a retry leaves the terminal state: the end is removed, the first start stays", () => {
    const again = change({ type: "RUNNING", name: "Retrying", atUs: T + 30 * SECOND, runCount: 2 });
    const state = foldChanges(NO_STATE, null, [running, failed, again], false);
    expect([state.endUs, state.startUs, state.runCount, state.totalRunTime]).toEqual([null, T + 12 * SECOND, 2, 8]);
  });

  test("the start of a run that ends without running is its end", () => {
    const crashed = change({ type: "CRASHED", atUs: T + 5 * SECOND });
    const state = foldChanges(NO_STATE, null, [planned, crashed], false);
    expect([state.startUs, state.endUs]).toEqual([T + 5 * SECOND, T + 5 * SECOND]);
  });

  test("an expected start from REST is not replaced by a guess", () => {
    const held = { ...NO_STATE, expectedUs: T - SECOND };
    expect(foldChanges(held, null, [pending, running], true).expectedUs).toBe(T - SECOND);
  });

  test("any order and any division into batches gives the same state, and the state never goes back", () => {
    const types = ["SCHEDULED", "PENDING", "RUNNING", "RUNNING", "PAUSED", "RUNNING", "FAILED", "RUNNING", "COMPLETED"];
    const changes = types.map((type, index) =>
      change({
        type,
        atUs: T + index * SECOND,
        runCount: types.slice(0, index + 1).filter((t) => t === "RUNNING").length,
      }),
    );
    const truth = foldChanges(NO_STATE, null, changes, false);
    let seed = 7;
    const random = () => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
      return seed / 0x7fffffff;
    };
    for (let round = 0; round < 300; round += 1) {
      const shuffled = changes.map((item) => ({ item, key: random() })).sort((a, b) => a.key - b.key);
      let state = NO_STATE;
      let stamp: StateChange | null = null;
      const queue = shuffled.map(({ item }) => item);
      while (queue.length > 0) {
        const batch = sortChanges(queue.splice(0, 1 + Math.floor(random() * 4)));
        const next = foldChanges(state, stamp, batch, false);
        expect(next.atUs ?? 0).toBeGreaterThanOrEqual(state.atUs ?? 0);
        state = next;
        stamp = changes.find((item) => item.stateId === next.stateId) ?? null;
      }
      const { totalRunTime: _, ...rest } = state;
      expect(rest).toEqual((({ totalRunTime: __, ...all }) => all)(truth));
    }
  });
});
