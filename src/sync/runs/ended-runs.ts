/** Reads all task runs and logs of ended flow runs, once Prefect should have them. */
import { append } from "../../lib/lists.ts";
import {
  addMs,
  addUs,
  earliestUs,
  floorUs,
  formatIsoUs,
  latestUs,
  parseIsoUs,
  SECOND_US,
  type ServerUs,
  type SteadyMs,
} from "../../lib/time.ts";
import type { Log } from "../../model/objects.ts";
import { LAST_LOG_DELAY_US } from "../../model/runs/server-delays.ts";
import { readUnchangedList } from "../../prefect/paging/list-pages.ts";
import { walkRows } from "../../prefect/paging/row-walk.ts";
import { findEndedRunsWithout, newestRunEnd } from "../../store/runs/ended-runs.ts";
import type { EngineContext } from "../context/engine-context.ts";
import { proveServer } from "../context/recognition.ts";
import type { Priority } from "../server/request-budget.ts";

/**
 * The server writes task-run rows up to 5 s after their events when it has nothing else to do, and clients send log
 * lines in batches of 2 s.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/services/task_run_recorder.py
 */
const FIRST_READING_US = 5 * SECOND_US;
/**
 * Log lines of a process that shuts down slowly come later, those of hooks and workers much later. The logs of a run
 * are read after each of these times since its end. The longest is tried first: after it no further lines are expected.
 */
const LOG_READINGS_US = [LAST_LOG_DELAY_US, 60 * SECOND_US, FIRST_READING_US];
/** The known lower bound of the server clock is a little behind it. */
const SLACK_US = 3 * SECOND_US;
/** Time until task runs are read again whose rows are older than their events. */
export const LATE_ROWS_RETRY_MS = 30_000;
/** Time until the logs of a run are tried again after a failure, so that it does not block the other runs. */
const LOGS_RETRY_MS = 600_000;
/** Flow runs whose task runs are read in one request. */
const FLOW_RUNS_PER_REQUEST = 50;
const FAR_FUTURE_US = Number.MAX_SAFE_INTEGER;

export class EndedRuns {
  private readonly ctx: EngineContext;
  /** Runs that ended before this (server clock) have been checked. */
  private checkedBeforeUs: Record<"task_run" | "log", ServerUs> = { task_run: 0, log: 0 };
  /** Runs whose logs could not be read, and when. */
  private readonly unreadable = new Map<string, SteadyMs>();
  /** When task runs are read again; null when no rows are late. */
  private retryAtMs: SteadyMs | null = null;

  constructor(ctx: EngineContext) {
    this.ctx = ctx;
  }

  /** A run ended at this moment (server clock): runs that ended since then have to be checked again. */
  runEnded(endUs: ServerUs): void {
    this.checkedBeforeUs = {
      task_run: earliestUs(this.checkedBeforeUs.task_run, endUs),
      log: earliestUs(this.checkedBeforeUs.log, endUs),
    };
  }

  /** Some task-run rows are older than their events and will be read again. */
  get isRetryPending(): boolean {
    return this.retryAtMs !== null;
  }

  /**
   * Reads task runs of some ended flow runs. Returns false when none is left for now, or when the reading could not be
   * claimed whole.
   */
  async readTaskRuns(priority: Priority, signal: AbortSignal): Promise<boolean> {
    if (this.retryAtMs !== null && this.ctx.clock.steadyMs() < this.retryAtMs) return false;
    this.retryAtMs = null;
    const ended = this.due("task_run", FIRST_READING_US, FIRST_READING_US, FLOW_RUNS_PER_REQUEST);
    if (ended.length === 0) return false;
    const mark = this.ctx.serverClock.mark();
    const ids = ended.map((run) => run.id);
    const ofFlowRuns = { flow_runs: { id: { any_: ids } }, sort: "ID_DESC" };
    // Where a task run is deleted between two pages, the second one leaves out another.
    const { rows, isWhole: isList } = await readUnchangedList(
      (page) =>
        this.ctx.requests.call(priority, signal, (api, call) => api.filterTaskRuns({ ...ofFlowRuns, ...page }, call)),
      this.ctx.tuning.rowPage,
    );
    await proveServer(this.ctx, priority, signal);
    const settledUs = mark.settledUs();
    const claimed = isList ? { ofFlowRuns: ids, settledUs } : {};
    const isWhole = this.ctx.ingest.taskRuns(rows, mark.atUs, claimed) && isList;
    if (!isWhole && settledUs !== null) this.retryAtMs = addMs(this.ctx.clock.steadyMs(), LATE_ROWS_RETRY_MS);
    return isWhole && ended.every((run) => isSettled(settledUs, run.endUs, FIRST_READING_US));
  }

  /**
   * Reads the logs of one failed or crashed run, after each of `LOG_READINGS_US` once. Returns whether another run may
   * be due.
   */
  async readLogs(priority: Priority, signal: AbortSignal): Promise<boolean> {
    const nowMs = this.ctx.clock.steadyMs();
    for (const [id, atMs] of this.unreadable) if (nowMs - atMs > LOGS_RETRY_MS) this.unreadable.delete(id);
    for (const settleUs of LOG_READINGS_US) {
      const due = this.due("log", settleUs, settleUs, 1 + this.unreadable.size);
      const run = due.find((one) => !this.unreadable.has(one.id));
      if (!run) continue;
      const settledUs = await this.readLogsOf(run.id, priority, signal).catch((error: unknown) => {
        this.unreadable.set(run.id, nowMs);
        throw error;
      });
      return isSettled(settledUs, run.endUs, settleUs);
    }
    return false;
  }

  /** Milliseconds until the logs of the run that failed last may be read; 0 when they may be read now. */
  get logsReadableInMs(): number {
    const readableUs = newestRunEnd(this.ctx.db, true) + FIRST_READING_US + SLACK_US;
    const waitMs = (readableUs - this.ctx.serverClock.settledUs()) / 1000;
    return Math.min((FIRST_READING_US + SLACK_US) / 1000, Math.max(0, Math.ceil(waitMs)));
  }

  private due(
    kind: "task_run" | "log",
    afterUs: number,
    settleUs: number,
    limit: number,
  ): { id: string; endUs: ServerUs }[] {
    const toUs = addUs(floorUs(this.ctx.serverClock.settledUs()), -afterUs - SLACK_US);
    const fromUs = this.checkedBeforeUs[kind];
    const isFailedOnly = kind === "log";
    if (fromUs > toUs || fromUs > newestRunEnd(this.ctx.db, isFailedOnly)) return [];
    const found = findEndedRunsWithout(this.ctx.db, { kind, isFailedOnly, fromUs, toUs, settleUs, limit });
    const isFinal = settleUs === (isFailedOnly ? LOG_READINGS_US[0] : FIRST_READING_US);
    if (found.length === 0 && isFinal) this.checkedBeforeUs[kind] = latestUs(fromUs, addUs(toUs, 1));
    return found;
  }

  private async readLogsOf(flowRunId: string, priority: Priority, signal: AbortSignal): Promise<ServerUs | null> {
    const mark = this.ctx.serverClock.mark();
    const rows: Log[] = [];
    const { rowPage } = this.ctx.tuning;
    const steps = walkRows<Log>({
      range: { fromUs: 0, toUs: FAR_FUTURE_US },
      order: "asc",
      pageSize: rowPage,
      read: (part, offset) =>
        this.ctx.requests.call(priority, signal, (api, call) => {
          const after = part.fromUs > 0 ? { after_: formatIsoUs(part.fromUs) } : {};
          const before = part.toUs < FAR_FUTURE_US ? { before_: formatIsoUs(part.toUs) } : {};
          const timestamp = { ...after, ...before };
          const isBounded = Object.keys(timestamp).length > 0;
          const logs = { flow_run_id: { any_: [flowRunId] }, ...(isBounded ? { timestamp } : {}) };
          return api.filterLogs({ logs, sort: "TIMESTAMP_ASC", limit: rowPage, offset }, call);
        }),
      at: (line) => parseIsoUs(line.timestamp) ?? null,
      id: (line) => line.id,
    });
    for await (const step of steps) append(rows, step.rows);
    await proveServer(this.ctx, priority, signal);
    const settledUs = mark.settledUs();
    this.ctx.ingest.logs(rows, mark.atUs, { ofFlowRun: flowRunId, settledUs });
    return settledUs;
  }
}

/**
 * Whether the reading is late enough to be claimed whole. If not, the same run is due again, and the loop must wait
 * first.
 */
function isSettled(settledUs: ServerUs | null, endUs: ServerUs, delayUs: number): boolean {
  return settledUs !== null && settledUs >= endUs + delayUs;
}
