/** Run rows told by REST: what events cannot tell, and what the server deleted without a word. */
import { MINUTE_US } from "../../lib/time.ts";
import type { FlowRun } from "../../model/objects.ts";
import { FLOW_RUN_ROW_DELAY_US, TASK_RUN_ROW_DELAY_US } from "../../model/runs/server-delays.ts";
import {
  findEndedRuns,
  findPlannedRuns,
  findRunsToReconcile,
  findUnfinishedRuns,
  readFlowRunRow,
} from "../../store/runs/flow-runs.ts";
import { timeUs } from "../../store/runs/run-columns.ts";
import { findMissingParentTaskRuns, findUnfinishedTaskRuns, readTaskRunRow } from "../../store/runs/task-runs.ts";
import type { EngineContext } from "../context/engine-context.ts";
import type { Priority } from "../server/request-budget.ts";
import type { ClockMark } from "../server/server-clock.ts";
import { ResetDetector } from "../verification/reset-detection.ts";

/** Pages of upcoming runs that are read. */
const PLAN_PAGES = 5;
/** Task runs that changed last before this are looked at again. */
const IDLE_TASK_US = 10 * MINUTE_US;

export class Reconciler {
  private readonly ctx: EngineContext;
  /** Parents of subflows that Prefect does not know; asked once. */
  private readonly unknownParents = new Set<string>();
  /** Since when (our clock) Prefect does not show runs that may be too young for it. */
  private readonly missingSinceUs = new Map<string, number>();

  constructor(ctx: EngineContext) {
    this.ctx = ctx;
  }

  /**
   * Asks Prefect for the runs whose events are newer than their row. True while more are waiting; a run that Prefect shows
   * no newer than before waits for the next call.
   */
  async readChangedRuns(signal: AbortSignal): Promise<boolean> {
    const { rowPage } = this.ctx.tuning;
    const ids = findRunsToReconcile(this.ctx.db, rowPage);
    if (ids.length === 0) return false;
    const changed = await this.readRuns(ids, "reconcile", signal);
    return ids.length === rowPage && changed > 0;
  }

  /** Runs that are not over, as far as Prefect was not asked since `readBeforeUs`: some may be gone or have moved silently. */
  async readUnfinishedRuns(readBeforeUs: number, priority: Priority, signal: AbortSignal): Promise<void> {
    const expectedBeforeUs = Math.floor(this.ctx.serverClock.estimateUs());
    const ids = findUnfinishedRuns(this.ctx.db, { limit: this.ctx.tuning.rowPage, readBeforeUs, expectedBeforeUs });
    if (ids.length > 0) await this.readRuns(ids, priority, signal);
  }

  /** Runs that are over, as far as Prefect was not asked since `readBeforeUs`: nobody tells when one is deleted. */
  async readEndedRuns(readBeforeUs: number, priority: Priority, signal: AbortSignal): Promise<void> {
    const ids = findEndedRuns(this.ctx.db, { limit: this.ctx.tuning.rowPage, readBeforeUs });
    if (ids.length === 0) return;
    const { rows, missing, atUs } = await this.findMissing(ids, priority, signal);
    // A server that knows none of them may have another database, which has deleted nothing.
    const isSame = rows.length > 0 || (await new ResetDetector(this.ctx).isSameDatabase(priority, signal));
    if (isSame) this.ctx.ingest.flowRuns(rows, atUs, { missing });
  }

  /** The plans that Prefect has, soonest first; plans that it has no more are marked deleted. */
  async readPlannedRuns(priority: Priority, signal: AbortSignal): Promise<void> {
    const { rowPage } = this.ctx.tuning;
    const readUs = this.ctx.clock.nowUs();
    const fromUs = Math.floor(this.ctx.serverClock.estimateUs());
    let untilUs = Number.MAX_SAFE_INTEGER;
    for (let page = 0; page < PLAN_PAGES; page += 1) {
      const rows = await this.ctx.requests.call(priority, signal, (api, call) =>
        api.filterFlowRuns(
          {
            flow_runs: { state: { type: { any_: ["SCHEDULED"] } } },
            sort: "NEXT_SCHEDULED_START_TIME_ASC",
            limit: rowPage,
            offset: page * rowPage,
          },
          call,
        ),
      );
      this.ctx.ingest.flowRuns(rows, readUs, {});
      if (rows.length < rowPage) break;
      if (page === PLAN_PAGES - 1) untilUs = (timeUs(rows.at(-1)?.expected_start_time) ?? 0) - 1;
    }
    // Not named is not proof: sorting has no tie-break, and a page may have shifted. Asked by id, absence is.
    const unnamed = findPlannedRuns(this.ctx.db, fromUs, untilUs, readUs).slice(0, rowPage);
    if (unnamed.length > 0) await this.readRuns(unnamed, priority, signal);
  }

  /** Task runs that look unfinished though their flow run is over, and the stand-ins of subflows, which have no events. */
  async readQuietTaskRuns(readBeforeUs: number, priority: Priority, signal: AbortSignal): Promise<void> {
    const { db, serverClock, tuning } = this.ctx;
    const idleSinceUs = Math.floor(serverClock.estimateUs() - IDLE_TASK_US);
    const unfinished = findUnfinishedTaskRuns(db, { limit: tuning.rowPage, readBeforeUs, idleSinceUs });
    const parents = findMissingParentTaskRuns(db, tuning.rowPage + this.unknownParents.size).filter(
      (id) => !this.unknownParents.has(id),
    );
    const ids = [...parents, ...unfinished].slice(0, tuning.rowPage);
    const asked = new Set(ids);
    if (ids.length === 0) return;
    const mark = serverClock.mark();
    const rows = await this.ctx.requests.call(priority, signal, (api, call) =>
      api.filterTaskRuns({ task_runs: { id: { any_: ids } }, limit: tuning.rowPage }, call),
    );
    const found = new Set(rows.map((row) => row.id));
    for (const id of parents) if (asked.has(id) && !found.has(id)) this.unknownParents.add(id);
    const missing = unfinished.filter((id) => {
      if (!asked.has(id)) return false;
      const row = readTaskRunRow(db, id);
      return this.isAbsent(id, found, row, mark, TASK_RUN_ROW_DELAY_US);
    });
    this.ctx.ingest.taskRuns(rows, mark.atUs, { missing });
  }

  /** Reads runs by id; those that Prefect does not know are marked deleted. Answers how many rows changed. */
  private async readRuns(ids: readonly string[], priority: Priority, signal: AbortSignal): Promise<number> {
    const { rows, missing, atUs } = await this.findMissing(ids, priority, signal);
    return this.ctx.ingest.flowRuns(rows, atUs, { missing });
  }

  private async findMissing(
    ids: readonly string[],
    priority: Priority,
    signal: AbortSignal,
  ): Promise<{ rows: readonly FlowRun[]; missing: readonly string[]; atUs: number }> {
    const mark = this.ctx.serverClock.mark();
    const rows = await this.ctx.requests.call(priority, signal, (api, call) =>
      api.filterFlowRuns({ flow_runs: { id: { any_: ids } }, limit: this.ctx.tuning.rowPage }, call),
    );
    const found = new Set(rows.map((row) => row.id));
    const missing = ids.filter((id) => {
      const row = readFlowRunRow(this.ctx.db, id);
      return this.isAbsent(id, found, row, mark, FLOW_RUN_ROW_DELAY_US);
    });
    return { rows, missing, atUs: mark.atUs };
  }

  /**
   * Prefect does not show the run, and it either did before or would by now: `latestUs` after its state, as of the question, since
   * an answer can come long after it, when the machine slept in between. While the server's clock is unknown, ours counts since
   * the run was first missed.
   */
  private isAbsent(
    id: string,
    found: ReadonlySet<string>,
    row: { readonly read_us: number | null; readonly state_us: number | null } | null,
    mark: ClockMark,
    latestUs: number,
  ): boolean {
    if (found.has(id) || row?.read_us != null) {
      this.missingSinceUs.delete(id);
      return !found.has(id);
    }
    const reachedUs = mark.reachedUs();
    const missedUs = this.missingSinceUs.get(id) ?? mark.atUs;
    const isLong = reachedUs === null ? mark.atUs - missedUs >= latestUs : reachedUs - (row?.state_us ?? 0) >= latestUs;
    if (isLong) this.missingSinceUs.delete(id);
    else this.missingSinceUs.set(id, missedUs);
    return isLong;
  }
}
