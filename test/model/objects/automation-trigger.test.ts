import { describe, expect, test } from "bun:test";
import { ExactNumber } from "../../../src/lib/exact-json.ts";
import { formatIsoUs, SECOND_US } from "../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import { readTrigger, replayTrigger, type Trigger } from "../../../src/model/objects/automation-trigger.ts";

const START = 1_800_000_000 * SECOND_US;
let serial = 0;

function at(seconds: number, name: string, run = "a", over: Partial<PrefectEvent> = {}): PrefectEvent {
  const occurred = formatIsoUs(START + seconds * SECOND_US);
  serial += 1;
  return {
    id: `00000000-0000-7000-8000-${String(serial).padStart(12, "0")}`,
    occurred,
    event: `prefect.flow-run.${name}`,
    resource: { "prefect.resource.id": `prefect.flow-run.${run}` },
    related: [{ "prefect.resource.id": "prefect.tag.finance", "prefect.resource.role": "tag" }],
    payload: {},
    follows: null,
    received: occurred,
    ...over,
  };
}

function trigger(over: Record<string, unknown>): Trigger {
  const read = readTrigger({
    type: "event",
    match: { "prefect.resource.id": "prefect.flow-run.*" },
    expect: ["prefect.flow-run.Failed"],
    posture: "Reactive",
    threshold: 1,
    within: 0,
    ...over,
  });
  if (!read) throw new Error("not a trigger");
  return read;
}

const end = (seconds: number) => START + seconds * SECOND_US;

describe("reactive triggers", () => {
  test("fire on every match without a threshold", () => {
    const replay = replayTrigger(trigger({}), [at(0, "Failed"), at(5, "Completed"), at(9, "Failed")], end(60));
    expect(replay.firings.map((firing) => firing.atUs)).toEqual([end(0), end(9)]);
    expect(replay.missed).toEqual({ resource: [], related: [], notStarted: [], late: [] });
  });

  test("fire when the threshold is reached within the window; otherwise the fullest window is reported", () => {
    const spec = trigger({ threshold: 3, within: new ExactNumber("300.0") });
    const reached = replayTrigger(spec, [at(0, "Failed"), at(100, "Failed"), at(200, "Failed")], end(600));
    expect(reached.firings).toHaveLength(1);
    const short = replayTrigger(spec, [at(0, "Failed"), at(400, "Failed"), at(500, "Failed")], end(9000));
    expect(short.firings).toHaveLength(0);
    expect(short.nearest?.count).toBe(2);
  });

  test("count per for_each key", () => {
    const spec = trigger({ threshold: 2, within: 60, for_each: ["prefect.resource.id"] });
    const events = [at(0, "Failed", "a"), at(1, "Failed", "b"), at(2, "Failed", "b")];
    expect(replayTrigger(spec, events, end(60)).firings.map((firing) => firing.key)).toEqual([["prefect.flow-run.b"]]);
  });

  test("report which events missed by the resource, by a related one, or came late", () => {
    const spec = trigger({
      match: { "prefect.resource.id": "prefect.flow-run.a" },
      match_related: { "prefect.resource.id": "prefect.tag.finance" },
      within: 60,
      threshold: 1,
    });
    const late = at(-2, "Failed", "a", { received: formatIsoUs(end(50)) });
    const events = [at(0, "Failed", "b"), at(1, "Failed", "a", { related: [] }), at(2, "Failed", "a"), late];
    const replay = replayTrigger(spec, events, end(90));
    expect(replay.firings).toHaveLength(1);
    expect(replay.missed.resource).toHaveLength(1);
    expect(replay.missed.related).toHaveLength(1);
    expect(replay.missed.late).toEqual([late]);
  });
});

describe("proactive triggers", () => {
  const spec = trigger({
    posture: "Proactive",
    after: ["prefect.flow-run.Pending"],
    expect: ["prefect.flow-run.Running", "prefect.flow-run.Crashed"],
    for_each: ["prefect.resource.id"],
    within: 100,
  });

  test("fire when the window ends without the expected event", () => {
    const replay = replayTrigger(spec, [at(0, "Pending"), at(5, "Pending", "b"), at(20, "Running", "b")], end(200));
    expect(replay.firings).toEqual([{ atUs: end(100), key: ["prefect.flow-run.a"], count: 0, event: null }]);
  });

  test("do not fire while the window is open, and report its end", () => {
    const replay = replayTrigger(spec, [at(0, "Pending")], end(50));
    expect(replay.firings).toHaveLength(0);
    expect(replay.open.map((window) => window.toUs)).toEqual([end(100)]);
  });
});

describe("proactive triggers that each event starts again", () => {
  const heartbeats = trigger({
    posture: "Proactive",
    after: ["prefect.flow-run.heartbeat"],
    expect: ["prefect.flow-run.heartbeat", "prefect.flow-run.Completed"],
    for_each: ["prefect.resource.id"],
    within: 100,
  });

  test("fire when no event follows the last one in time", () => {
    const beats = [at(0, "heartbeat"), at(60, "heartbeat"), at(120, "heartbeat")];
    const replay = replayTrigger(heartbeats, beats, end(300));
    expect(replay.firings).toEqual([{ atUs: end(220), key: ["prefect.flow-run.a"], count: 0, event: null }]);
    const ended = replayTrigger(heartbeats, [...beats, at(130, "Completed")], end(300));
    expect(ended.firings).toEqual([]);
  });

  test.each([
    [false, [end(220)]],
    [true, []],
  ])("count an end that arrived before the last heartbeat: holdsExpected %p", (holdsExpected, fired) => {
    const late = at(120, "heartbeat", "a", { received: formatIsoUs(end(140)) });
    const beats = [at(0, "heartbeat"), at(60, "heartbeat"), at(130, "Completed"), late];
    const { firings, matched } = replayTrigger(heartbeats, beats, end(300), { holdsExpected });
    expect(firings.map(({ atUs }) => atUs)).toEqual(fired);
    expect(matched).toHaveLength(4);
  });
});

describe("events that a proactive trigger expects, and that arrive before its window opens", () => {
  const pending = trigger({
    posture: "Proactive",
    after: ["prefect.flow-run.Pending"],
    expect: ["prefect.flow-run.Running"],
    for_each: ["prefect.resource.id"],
    within: 100,
  });
  const opened = at(0, "Pending", "a", { received: formatIsoUs(end(20)) });
  const inside = at(10, "Running");
  const before = at(-10, "Running");

  test("count from Prefect 3.9 on, if they are inside of it", () => {
    const replay = replayTrigger(pending, [before, inside, opened], end(300), { holdsExpected: true });
    expect([replay.firings, replay.matched, replay.missed.notStarted]).toEqual([[], [inside], [before]]);
  });

  test("do not count before", () => {
    const replay = replayTrigger(pending, [before, inside, opened], end(300));
    expect([replay.firings.length, replay.missed.notStarted]).toEqual([1, [before, inside]]);
  });
});

describe("composite triggers", () => {
  const child = (name: string) => ({ type: "event", expect: [`prefect.flow-run.${name}`], posture: "Reactive" });

  test("compound fires when enough children fired within the time", () => {
    const spec = readTrigger({
      type: "compound",
      require: "all",
      within: 60,
      triggers: [child("Failed"), child("Crashed")],
    });
    if (!spec) throw new Error("not a trigger");
    expect(replayTrigger(spec, [at(0, "Crashed"), at(30, "Failed")], end(90)).firings).toHaveLength(1);
    expect(replayTrigger(spec, [at(0, "Crashed"), at(70, "Failed")], end(90)).firings).toHaveLength(0);
  });

  test("sequence fires in the order of its children only", () => {
    const spec = readTrigger({ type: "sequence", within: 60, triggers: [child("Failed"), child("Crashed")] });
    if (!spec) throw new Error("not a trigger");
    expect(replayTrigger(spec, [at(0, "Failed"), at(30, "Crashed")], end(90)).firings).toHaveLength(1);
    const wrong = replayTrigger(spec, [at(0, "Crashed"), at(30, "Failed")], end(90));
    expect(wrong.firings).toHaveLength(0);
    expect(wrong.children.map((one) => one.firings.length)).toEqual([1, 1]);
  });
});

describe("readTrigger", () => {
  test("returns null for metric triggers", () => {
    expect(readTrigger({ type: "metric", metric: {} })).toBeNull();
    expect(readTrigger({ type: "compound", triggers: [{ type: "metric", metric: {} }] })).toBeNull();
  });

  test("returns null for types that it does not know", () => {
    expect(readTrigger({ type: "sla", duration: 30 })).toBeNull();
  });
});

describe("triggers that would take very many steps are refused", () => {
  const refusal = "takes too many steps";
  const events = Array.from({ length: 2_000 }, (_, n) => at(n, "Failed", `run-${n}`));

  test("by many triggers inside one", () => {
    const inside = { type: "event", expect: ["prefect.flow-run.*"], match: {}, posture: "Reactive", threshold: 1 };
    const outer = (count: number) => trigger({ type: "compound", require: "all", triggers: Array(count).fill(inside) });
    expect(replayTrigger(outer(20), events, end(9_000)).children).toHaveLength(20);
    expect(() => replayTrigger(outer(20_000), events, end(9_000))).toThrow(refusal);
  });

  test("by many windows that end at each event", () => {
    const windows = { posture: "Proactive", threshold: 1, for_each: ["prefect.resource.id"] };
    expect(() => replayTrigger(trigger({ ...windows, within: 0.001 }), events, end(9_000))).toThrow(refusal);
    const ordinary = replayTrigger(trigger({ ...windows, within: 60 }), events.slice(0, 100), end(200));
    expect(ordinary.firings).toHaveLength(40);
  });

  test("by many conditions on many related resources", () => {
    const related = Array.from({ length: 1_000 }, (_, n) => ({ "prefect.resource.id": `a.${n}` }));
    const wide = events.slice(0, 200).map((event) => ({ ...event, related }));
    const match_related = Array.from({ length: 500 }, (_, n) => ({ "prefect.resource.id": `b.${n}*` }));
    const spec = trigger({ match_related: [{ "prefect.resource.id": Array(500).fill("b.*") }, ...match_related] });
    expect(() => replayTrigger(spec, wide, end(9_000))).toThrow(refusal);
  });
});
