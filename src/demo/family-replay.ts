/** One replay of a recorded family: its rows as a Prefect server would show them at a given moment. */
import { largest } from "../lib/lists.ts";
import { parseIsoUs } from "../lib/time.ts";
import { type PrefectEvent, RESOURCE_ID } from "../model/events/event.ts";
import type { FlowRun, Json, JsonObject, Log, State, TaskRun } from "../model/objects.ts";
import { isTerminal } from "../model/state.ts";
import type { FamilyRows, RunState } from "./workspace.ts";

export const usOf = (text: string | null | undefined): number => (text ? (parseIsoUs(text) ?? 0) : 0);

export class FamilyReplay {
  readonly rows: FamilyRows;
  /** After this moment its rows no longer change. */
  readonly settledUs: number;
  private readonly states = new Map<string, RunState[]>();
  private readonly taskEvents = new Map<string, PrefectEvent[]>();

  constructor(rows: FamilyRows) {
    this.rows = rows;
    for (const state of rows.flow_run_states) pushTo(this.states, state.flow_run_id, state);
    for (const event of rows.events) {
      const id = event.resource[RESOURCE_ID] ?? "";
      if (id.startsWith("prefect.task-run.")) pushTo(this.taskEvents, id.slice("prefect.task-run.".length), event);
    }
    for (const list of this.states.values()) list.sort((a, b) => usOf(a.timestamp) - usOf(b.timestamp));
    for (const list of this.taskEvents.values()) list.sort((a, b) => usOf(a.occurred) - usOf(b.occurred));
    const moments = [
      ...rows.events.map((event) => event.received),
      ...rows.logs.map((log) => log.created),
      ...[...rows.flow_runs, ...rows.task_runs].flatMap((run) => [run.created, run.end_time]),
    ];
    this.settledUs = largest(moments.map(usOf));
  }

  flowRuns(nowUs: number): FlowRun[] {
    return this.rows.flow_runs.flatMap((run) => {
      if (usOf(run.created) > nowUs) return [];
      return [withLiveFigures(nowUs < this.settledUs ? this.flowRunAt(run, nowUs) : run, nowUs)];
    });
  }

  taskRuns(nowUs: number): TaskRun[] {
    return this.rows.task_runs.flatMap((run) => {
      if (usOf(run.created) > nowUs) return [];
      return [nowUs < this.settledUs ? this.taskRunAt(run, nowUs) : run];
    });
  }

  logs(nowUs: number): readonly Log[] {
    if (nowUs >= this.settledUs) return this.rows.logs;
    return this.rows.logs.filter((log) => usOf(log.created) <= nowUs);
  }

  flowRunStates(flowRunId: string, nowUs: number): State[] {
    return this.statesUntil(flowRunId, nowUs).map(({ flow_run_id: _, ...state }) => state as State);
  }

  taskRunStates(taskRunId: string, nowUs: number): State[] {
    const run = this.rows.task_runs.find((row) => row.id === taskRunId);
    const events = (this.taskEvents.get(taskRunId) ?? []).filter((event) => usOf(event.received) <= nowUs);
    if (events.length === 0) return run?.state ? [run.state] : [];
    return events.map((event) => stateOf(event, run));
  }

  private statesUntil(flowRunId: string, nowUs: number): RunState[] {
    return (this.states.get(flowRunId) ?? []).filter((state) => usOf(state.timestamp) <= nowUs);
  }

  /** The columns of a run by the server's own rules. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/database/orm_models.py */
  private flowRunAt(run: FlowRun, nowUs: number): FlowRun {
    const passed = this.statesUntil(run.id, nowUs);
    const current = passed.at(-1);
    if (!current) return run;
    const { flow_run_id: _, ...state } = current;
    let runSeconds = 0;
    for (const [index, one] of passed.entries()) {
      const next = passed[index + 1];
      if (one.type === "RUNNING" && next) runSeconds += (usOf(next.timestamp) - usOf(one.timestamp)) / 1e6;
    }
    const started = passed.find((one) => one.type === "RUNNING") ?? passed.find((one) => isTerminal(one.type));
    return {
      ...run,
      updated: current.timestamp,
      state: state as State,
      state_id: current.id,
      state_type: current.type,
      state_name: current.name,
      start_time: started?.timestamp ?? null,
      end_time: isTerminal(current.type) ? current.timestamp : null,
      total_run_time: runSeconds,
      estimated_run_time: runSeconds,
      run_count: passed.filter((one) => one.type === "RUNNING").length,
      next_scheduled_start_time: current.type === "SCHEDULED" ? (run.expected_start_time ?? null) : null,
      infrastructure_pid: current.type === "SCHEDULED" ? null : (run.infrastructure_pid ?? null),
    };
  }

  private taskRunAt(run: TaskRun, nowUs: number): TaskRun {
    const events = this.taskEvents.get(run.id);
    if (!events) return this.subflowTaskRunAt(run, nowUs);
    const passed = events.filter((event) => usOf(event.received) <= nowUs);
    const last = passed.at(-1);
    if (!last || passed.length === events.length) return run;
    const columns = (last.payload.task_run ?? {}) as Partial<TaskRun>;
    const state = stateOf(last, run);
    return {
      ...run,
      updated: last.received,
      start_time: columns.start_time ?? null,
      end_time: columns.end_time ?? null,
      total_run_time: columns.total_run_time ?? 0,
      run_count: columns.run_count ?? 0,
      next_scheduled_start_time: columns.next_scheduled_start_time ?? null,
      state,
      state_id: state.id,
      state_type: state.type,
      state_name: state.name,
    };
  }

  /** The task run of a subflow in its parent has the state of the subflow's run, and no events. */
  private subflowTaskRunAt(run: TaskRun, nowUs: number): TaskRun {
    const child = this.rows.flow_runs.find((row) => row.parent_task_run_id === run.id);
    if (!child || usOf(run.end_time) <= nowUs) return run;
    const { state, state_id, state_type, state_name, start_time, run_count } = this.flowRunAt(child, nowUs);
    const copied = { state: state ?? null, state_id: state_id ?? null, state_type: state_type ?? null };
    return {
      ...run,
      ...copied,
      state_name: state_name ?? null,
      start_time: start_time ?? null,
      end_time: null,
      run_count: run_count ?? 0,
    };
  }
}

/** Adds the figures that the server computes at each read: run time and lateness. */
export function withLiveFigures(run: FlowRun, nowUs: number): FlowRun {
  if (run.state_type === "RUNNING") {
    const sinceUs = nowUs - usOf(run.state?.timestamp);
    return { ...run, estimated_run_time: Number(run.total_run_time ?? 0) + sinceUs / 1e6 };
  }
  const dueUs = usOf(run.expected_start_time);
  if (run.start_time || isTerminal(run.state_type ?? null) || dueUs > nowUs) return run;
  return { ...run, estimated_start_time_delta: (nowUs - dueUs) / 1e6 };
}

function stateOf(event: PrefectEvent, run: TaskRun | undefined): State {
  const validated = (event.payload.validated_state ?? {}) as { [key: string]: Json };
  const details = (validated.state_details ?? {}) as JsonObject;
  return {
    ...run?.state,
    id: event.id,
    type: (validated.type ?? event.resource["prefect.state-type"] ?? "PENDING") as State["type"],
    name: String(validated.name ?? event.resource["prefect.state-name"] ?? ""),
    timestamp: event.occurred,
    message: String(validated.message ?? ""),
    state_details: { ...run?.state?.state_details, ...details },
  };
}

function pushTo<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
