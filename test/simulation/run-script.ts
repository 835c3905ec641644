/**
 * Simulates a flow run: its states, each with its event, and task runs and log lines whose rows are written a little
 * later. Some task runs are made, changed and deleted over REST, which causes no events.
 */
import { formatIsoUs, parseIsoUs } from "../../src/lib/time.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import type { StateType } from "../../src/model/state.ts";
import { Prng } from "./prng.ts";
import { LATE_TASK } from "./sim-database.ts";
import type { SimServer } from "./sim-server.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface RunScript {
  readonly seed: number;
  readonly fails: boolean;
  readonly deleted: boolean;
  readonly silent: boolean;
  readonly time: VirtualTime;
  readonly server: SimServer;
  readonly sent: { event: PrefectEvent; us: number }[];
}

export function runScript({ seed, fails, deleted, silent, time, server, sent }: RunScript): void {
  const random = new Prng(seed);
  const id = random.uuid();
  const flowId = random.uuid();
  const expectedUs = server.nowUs();
  // The run belongs to the server on which it begins, also while another one answers.
  const { database } = server;
  const whole: StateType[] = ["SCHEDULED", "PENDING", "RUNNING", fails ? "FAILED" : "COMPLETED"];
  const states = silent ? whole.slice(0, 1) : deleted ? whole.slice(0, random.int(1, 3)) : whole;
  let stepMs = 0;
  for (const [index, type] of states.entries()) {
    stepMs += index === 0 ? 0 : random.int(5, 3_000);
    time.after(stepMs, () => {
      const us = Math.max(server.nowUs(), expectedUs + index);
      const stateId = random.uuid();
      const event = stateEvent({ id, stateId, type, us, runCount: index >= 2 ? 1 : 0 });
      // The event is published before the row is committed.
      // The server emits it for a state that it has set, which it does not for a run that it does not have:
      // https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/orchestration/instrumentation_policies.py
      if (!silent && !isLost()) {
        sent.push({ event, us });
        server.publish([{ event, us }], database);
        if (!database.runs.has(id)) database.pendingRuns.add(id);
      }
      time.after(random.chance(0.02) ? 45_000 : random.pick([0, 20, 200, 2_000]), () => commit(type, stateId, us));
    });
  }
  if (fails && states.length === whole.length) {
    for (let line = 0; line < 6; line += 1) {
      const atMs = random.int(0, stepMs);
      time.after(atMs, () => {
        const log = {
          id: random.uuid(),
          name: "prefect.flow_runs",
          level: 40,
          message: `line ${line}`,
          timestamp: formatIsoUs(server.nowUs()),
          flow_run_id: id,
          task_run_id: null,
        };
        database.logs.push({ line: log, storedMs: time.nowMs + random.pick([500, 2_600, 20_000]) });
      });
    }
  }
  for (let task = 0; task < 3; task += 1) {
    const taskId = random.uuid();
    // That service of Prefect may give up, and then the row is never written.
    const isGivenUp = !silent && random.chance(0.04);
    const atMs = [random.int(0, stepMs), random.int(0, stepMs)];
    // A task run that has ended runs again only where an event says so.
    if (silent) atMs.sort((a, b) => a - b);
    for (const [index, type] of (["RUNNING", "COMPLETED"] as const).entries()) {
      time.after(atMs[index] ?? 0, () => {
        // No two states of a task run have the same time.
        const us = server.nowUs() + index;
        const change = { taskId, type, stateId: random.uuid(), us, expectedUs: expectedUs + task, isByEvent: !silent };
        if (!silent) {
          const event = taskEvent(change, id);
          sent.push({ event, us });
          server.publish([{ event, us }], database);
        }
        // Another service of Prefect writes the rows, late when the machine is busy.
        const lagMs = random.chance(0.2) ? random.int(5_000, 90_000) : random.int(0, 4_500);
        const sentMs = time.nowMs;
        time.after(lagMs, () => {
          // What that service had in memory was lost when the server was stopped.
          if (database.restoredMs < sentMs && !isGivenUp) commitTask(change);
        });
      });
    }
  }
  for (let task = 0; task < 2; task += 1) {
    const taskId = random.uuid();
    const madeMs = random.int(0, stepMs + 8_000);
    let madeUs = 0;
    let dueUs = 0;
    time.after(madeMs, () => {
      madeUs = server.nowUs();
      // A task run can be made for a time that has passed.
      dueUs = random.chance(0.15) ? madeUs - 300_000_000 : madeUs;
      commitTask({ taskId, type: "PENDING", stateId: random.uuid(), us: madeUs, expectedUs: dueUs, isByEvent: false });
    });
    if (random.chance(0.7)) {
      // Some end when the rounds do not read the time of their expected start any more.
      const lastsMs = random.chance(0.2) ? random.int(80_000, 110_000) : random.int(100, 30_000);
      time.after(madeMs + lastsMs, () => {
        const us = Math.max(server.nowUs(), madeUs + 1);
        commitTask({ taskId, type: "COMPLETED", stateId: random.uuid(), us, expectedUs: dueUs, isByEvent: false });
      });
    }
    if (random.chance(0.15)) {
      time.after(madeMs + 30_001, () => {
        const made = database.taskRuns.get(taskId);
        // It may have been deleted with its flow run.
        if (made) made.deletedMs = Math.min(made.deletedMs, time.nowMs);
      });
    }
  }
  if (deleted) {
    // Some are deleted when their time is not read again by each round any more.
    const laterMs = random.chance(0.3) ? random.int(135_000, 160_000) : random.int(300, 6_000);
    time.after(stepMs + laterMs, () => {
      const run = database.runs.get(id);
      if (run) run.deletedMs = time.nowMs;
      for (const one of database.taskRuns.values())
        if (one.row.flow_run_id === id) one.deletedMs = Math.min(one.deletedMs, time.nowMs);
    });
  }

  /** A restored database does not have the run, and refuses its further states. */
  const isLost = () => database.lostRuns.some((lost) => lost.id === id);

  function commitTask(change: TaskChange): void {
    const { taskId, type, stateId, us, expectedUs, isByEvent } = change;
    if (isLost()) return;
    if (!database.runs.has(id)) {
      // The foreign key of its row needs the flow run's.
      time.after(500, () => commitTask(change));
      return;
    }
    if ((database.runs.get(id)?.deletedMs ?? Number.POSITIVE_INFINITY) <= time.nowMs) return;
    const known = database.taskRuns.get(taskId);
    if (known && (parseIsoUs(known.row.state?.timestamp ?? "") ?? 0) > us) return;
    // An event makes the row that a restored database has lost; a request to change it is refused.
    if (!known && database.isRestored && !isByEvent && us !== expectedUs) return;
    const state = { id: stateId, type, name: type, timestamp: formatIsoUs(us) };
    const row = {
      id: taskId,
      name: us - expectedUs > 120_000_000 ? LATE_TASK : "task",
      flow_run_id: id,
      expected_start_time: formatIsoUs(expectedUs),
      state_id: stateId,
      state_type: type,
      state,
    };
    database.commitTaskRun(taskId, row, expectedUs, time.nowMs);
  }

  function commit(type: StateType, stateId: string, us: number): void {
    database.pendingRuns.delete(id);
    if (isLost()) return;
    const known = database.runs.get(id);
    if (known && known.deletedMs <= time.nowMs) return;
    // Commits of one run keep their order.
    if (known && (parseIsoUs(known.row.state?.timestamp ?? "") ?? 0) > us) return;
    const state = { id: stateId, type, name: type, timestamp: formatIsoUs(us) };
    const row = {
      id,
      name: "run",
      flow_id: flowId,
      expected_start_time: formatIsoUs(expectedUs),
      state_id: stateId,
      state_type: type,
      state_name: type,
      state,
    };
    database.commitRun(id, row, expectedUs, time.nowMs);
  }
}

interface TaskChange {
  readonly taskId: string;
  readonly type: StateType;
  readonly stateId: string;
  readonly us: number;
  readonly expectedUs: number;
  /** Prefect makes the row from an event, not from a request. */
  readonly isByEvent: boolean;
}

function taskEvent({ taskId, type, stateId, us, expectedUs }: TaskChange, flowRunId: string): PrefectEvent {
  const event = stateEvent({ id: taskId, stateId, type, us, runCount: 1 });
  return {
    ...event,
    event: `prefect.task-run.${type}`,
    payload: { task_run: { name: "task", expected_start_time: formatIsoUs(expectedUs) } },
    resource: { ...event.resource, "prefect.resource.id": `prefect.task-run.${taskId}` },
    related: [{ "prefect.resource.id": `prefect.flow-run.${flowRunId}`, "prefect.resource.role": "flow-run" }],
  };
}

function stateEvent(o: { id: string; stateId: string; type: StateType; us: number; runCount: number }): PrefectEvent {
  return {
    occurred: formatIsoUs(o.us),
    event: `prefect.flow-run.${o.type}`,
    resource: {
      "prefect.resource.id": `prefect.flow-run.${o.id}`,
      "prefect.resource.name": "run",
      "prefect.run-count": String(o.runCount),
      "prefect.state-message": "",
      "prefect.state-name": o.type,
      "prefect.state-timestamp": formatIsoUs(o.us),
      "prefect.state-type": o.type,
    },
    related: [],
    payload: {},
    id: o.stateId,
    follows: null,
    received: "",
  };
}
