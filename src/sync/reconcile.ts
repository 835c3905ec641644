/** Run rows told by REST: what events cannot tell, and what the server deleted without a word. */
import { MINUTE_US, SECOND_US } from "../lib/time.ts";
import type { FlowRun } from "../model/objects.ts";
import { findPlannedRuns, findRunsToReconcile, findUnfinishedRuns, readFlowRunRow } from "../store/flow-runs.ts";
import { findMissingParentTaskRuns, findUnfinishedTaskRuns } from "../store/task-runs.ts";
import type { Priority } from "./budget.ts";
import type { EngineContext } from "./engine-context.ts";

/** Events are published before the row is committed: a run this young may not be visible yet. */
const YOUNG_US = 30 * SECOND_US;
/** Pages of upcoming runs that are read. */
const PLAN_PAGES = 5;
/** Task runs that changed last before this are looked at again. */
const IDLE_TASK_US = 10 * MINUTE_US;

export class Reconciler {
  private readonly ctx: EngineContext;
  /** Parents of subflows that Prefect does not know; asked once. */
  private readonly unknownParents = new Set<string>();

  constructor(ctx: EngineContext) {
    this.ctx = ctx;
  }

  /**
   * Asks Prefect for the runs whose events are newer than their row. True while more are waiting; a run that Prefect shows
   * no newer than before waits for the next call.
   */
  async dirtyRuns(signal: AbortSignal): Promise<boolean> {
    const { rowPage } = this.ctx.tuning;
    const ids = findRunsToReconcile(this.ctx.db, rowPage);
    if (ids.length === 0) return false;
    const changed = await this.readRuns(ids, "reconcile", signal);
    return ids.length === rowPage && changed > 0;
  }

  /** Runs that are not over, as far as Prefect was not asked since `readBeforeUs`: some may be gone or have moved silently. */
  async unfinishedRuns(readBeforeUs: number, priority: Priority, signal: AbortSignal): Promise<void> {
    const expectedBeforeUs = Math.floor(this.ctx.serverClock.guessUs());
    const ids = findUnfinishedRuns(this.ctx.db, { limit: this.ctx.tuning.rowPage, readBeforeUs, expectedBeforeUs });
    if (ids.length > 0) await this.readRuns(ids, priority, signal);
  }

  /** The plans that Prefect has, soonest first; plans that it has no more are marked deleted. */
  async plannedRuns(priority: Priority, signal: AbortSignal): Promise<void> {
    const { rowPage } = this.ctx.tuning;
    const readUs = this.ctx.clock.nowUs();
    const fromUs = Math.floor(this.ctx.serverClock.guessUs());
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
      if (page === PLAN_PAGES - 1) untilUs = 0;
    }
    // Not named is not proof: sorting has no tie-break, and a page may have shifted. Asked by id, absence is.
    const unnamed = findPlannedRuns(this.ctx.db, fromUs, untilUs, readUs).slice(0, rowPage);
    if (unnamed.length > 0) await this.readRuns(unnamed, priority, signal);
  }

  /** Task runs that look unfinished though their flow run is over, and the stand-ins of subflows, which have no events. */
  async quietTaskRuns(readBeforeUs: number, priority: Priority, signal: AbortSignal): Promise<void> {
    const { db, clock, tuning } = this.ctx;
    const idleSinceUs = Math.floor(this.ctx.serverClock.guessUs() - IDLE_TASK_US);
    const unfinished = findUnfinishedTaskRuns(db, { limit: tuning.rowPage, readBeforeUs, idleSinceUs });
    const parents = findMissingParentTaskRuns(db, tuning.rowPage + this.unknownParents.size).filter(
      (id) => !this.unknownParents.has(id),
    );
    const ids = [...unfinished, ...parents].slice(0, tuning.rowPage);
    if (ids.length === 0) return;
    const readUs = clock.nowUs();
    const rows = await this.ctx.requests.call(priority, signal, (api, call) =>
      api.filterTaskRuns({ task_runs: { id: { any_: ids } }, limit: tuning.rowPage }, call),
    );
    const found = new Set(rows.map((row) => row.id));
    for (const id of parents) if (!found.has(id)) this.unknownParents.add(id);
    this.ctx.ingest.taskRuns(rows, readUs, { missing: unfinished.filter((id) => !found.has(id)) });
  }

  /** Reads runs by id; those that Prefect does not know are marked deleted. Answers how many rows changed. */
  private async readRuns(ids: readonly string[], priority: Priority, signal: AbortSignal): Promise<number> {
    const readUs = this.ctx.clock.nowUs();
    // Young as of the question: an answer can come long after it, when the machine slept in between.
    const askedUs = this.ctx.serverClock.guessUs();
    const rows: readonly FlowRun[] = await this.ctx.requests.call(priority, signal, (api, call) =>
      api.filterFlowRuns({ flow_runs: { id: { any_: ids } }, limit: this.ctx.tuning.rowPage }, call),
    );
    const found = new Set(rows.map((row) => row.id));
    const missing = ids.filter((id) => !found.has(id) && !this.isYoung(id, askedUs));
    return this.ctx.ingest.flowRuns(rows, readUs, { missing });
  }

  private isYoung(id: string, askedUs: number): boolean {
    const stateUs = readFlowRunRow(this.ctx.db, id)?.state_us ?? 0;
    return askedUs - stateUs < YOUNG_US;
  }
}
