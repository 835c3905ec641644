/** Details of a run as the record has them, without a request: for wider questions, and for runs that a cause leads to. */
import type { ServerUs } from "../../../lib/time.ts";
import { resourceId } from "../../../model/kinds.ts";
import type { FlowRun } from "../../../model/objects.ts";
import { FAILED_TYPES, isFailed, TERMINAL_TYPES } from "../../../model/state.ts";
import type { RecordDb } from "../../../store/database.ts";
import { findEvents } from "../../../store/events/events.ts";
import { findFlowRuns, findTaskRuns } from "../../../store/filters/find.ts";
import { findLogsOfFlowRun } from "../../../store/logs/logs.ts";
import { findObject, findObjectNames } from "../../../store/objects/objects.ts";
import { findFlowRunRow, toFlowRun } from "../../../store/runs/flow-runs.ts";
import { idText } from "../../../store/runs/run-columns.ts";
import { findTaskRunRow, toTaskRun } from "../../../store/runs/task-runs.ts";
import { acquiredNames } from "../findings/acquired-limits.ts";
import type { NamedRun, RunFacts } from "../findings/types.ts";
import { errorOfRun } from "./error-of-run.ts";
import { relevantLines } from "./run-log.ts";

const MAX_DEPTH = 4;
const MAX_EVENTS = 100;
const MAX_TASKS = 200;
const MAX_CHILDREN = 3;
const MAX_HISTORY = 20;
const ACQUIRED = "prefect.concurrency-limit.acquired";

/** Reads runs of one record; runs of the same deployment share their history. */
export class RecordedRuns {
  private readonly histories = new Map<string, readonly FlowRun[]>();
  private readonly limits = new Map<string, readonly string[]>();
  private readonly db: RecordDb;

  private readonly nowUs: ServerUs;

  constructor(db: RecordDb, nowUs: ServerUs) {
    this.db = db;
    this.nowUs = nowUs;
  }

  /** Null when the record does not have the run. */
  find(id: string): RunFacts | null {
    const named = this.named(id);
    return named ? this.detailsOf(named) : null;
  }

  detailsOf(named: NamedRun, depth = 0): RunFacts {
    const { run } = named;
    const { db } = this;
    const hasFailed = isFailed(run.state_type);
    const tasks = findTaskRuns(db, { task_runs: { flow_run_id: { any_: [run.id] } } }, "EXPECTED_START_TIME_DESC", {
      limit: MAX_TASKS,
      nowUs: this.nowUs,
    }).map(toTaskRun);
    const logs = relevantLines(findLogsOfFlowRun(db, run.id));
    const error = logs.length === 0 && !hasFailed ? null : errorOfRun(run, tasks, logs);
    return {
      ...named,
      deletedUs: null,
      deployment: run.deployment_id ? (findObject(db, "deployment", run.deployment_id)?.doc ?? null) : null,
      pool: null,
      tasks,
      logs,
      events: this.eventsOf(run.id),
      error,
      children: depth < MAX_DEPTH && run.state_type !== "COMPLETED" ? this.childrenOf(run, depth) : [],
      parent: depth === 0 ? this.parentOf(run) : null,
      history: depth === 0 ? this.historyOf(run) : [],
      input: null,
      historyLimits: run.state_type === "RUNNING" ? this.limitsOfFlow(run.flow_id, run.id) : [],
    };
  }

  /** The flow run whose task run represents the subflow. */
  parentOf(run: FlowRun): NamedRun | null {
    const task = run.parent_task_run_id ? findTaskRunRow(this.db, run.parent_task_run_id) : null;
    const parentId = idText(task?.flow_run_id ?? null);
    return parentId ? this.named(parentId) : null;
  }

  /** Null when the record does not have the run. */
  named(id: string): NamedRun | null {
    const row = findFlowRunRow(this.db, id);
    return row && row.deleted_us === null ? this.withNames(toFlowRun(row)) : null;
  }

  private withNames(run: FlowRun): NamedRun {
    const nameOf = (kind: "flow" | "deployment", id: string | null | undefined) =>
      id ? (findObjectNames(this.db, kind, [id]).get(id) ?? null) : null;
    return { run, flowName: nameOf("flow", run.flow_id), deploymentName: nameOf("deployment", run.deployment_id) };
  }

  private eventsOf(id: string): RunFacts["events"] {
    const filter = {
      any_resource: { id: [resourceId("flow_run", id)] },
      event: { exclude_prefix: ["prefect.task-run.", "prefect.asset."] },
    };
    const query = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER, order: "desc" as const, limit: MAX_EVENTS, filter };
    return findEvents(this.db, query).events.toReversed();
  }

  private childrenOf(run: FlowRun, depth: number): RunFacts[] {
    const state = { type: { any_: [...FAILED_TYPES, "SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLED"] } };
    const set = { flow_runs: { parent_flow_run_id: { any_: [run.id] }, state } };
    const rows = findFlowRuns(this.db, set, "EXPECTED_START_TIME_DESC", { limit: 20 }).map(toFlowRun);
    const order = (one: FlowRun) => (isFailed(one.state_type) ? 0 : 1);
    return rows
      .toSorted((a, b) => order(a) - order(b))
      .slice(0, MAX_CHILDREN)
      .map((child) => this.detailsOf(this.withNames(child), depth + 1));
  }

  /** Ended runs of the same deployment, without one of the same flow, that started before this one; newest first. */
  private historyOf(run: FlowRun): readonly FlowRun[] {
    const key = run.deployment_id ?? run.flow_id;
    let runs = this.histories.get(key);
    if (!runs) {
      const state = { type: { any_: [...TERMINAL_TYPES] } };
      const set = run.deployment_id
        ? { flow_runs: { state, deployment_id: { any_: [run.deployment_id] } } }
        : { flow_runs: { state }, flows: { id: { any_: [run.flow_id] } } };
      runs = findFlowRuns(this.db, set, "START_TIME_DESC", { limit: 3 * MAX_HISTORY }).map(toFlowRun);
      this.histories.set(key, runs);
    }
    const before = run.start_time ?? run.expected_start_time ?? "";
    return runs.filter((one) => one.id !== run.id && (one.start_time ?? "") < before).slice(0, MAX_HISTORY);
  }

  private limitsOfFlow(flowId: string, ownId: string): readonly string[] {
    const key = `${flowId}|${ownId}`;
    let names = this.limits.get(key);
    if (!names) {
      const filter = { event: { name: [ACQUIRED] }, related: { id: [resourceId("flow", flowId)] } };
      const query = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER, order: "desc" as const, limit: 100, filter };
      const own = resourceId("flow_run", ownId);
      names = acquiredNames(
        findEvents(this.db, query).events.filter(
          (event) => !event.related.some((one) => one["prefect.resource.id"] === own),
        ),
      );
      this.limits.set(key, names);
    }
    return names;
  }
}
