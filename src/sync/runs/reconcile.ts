/**
 * Reads run rows over REST: for columns that events do not have, and to find runs that the server deleted, which causes
 * no event.
 */
import { addUs, floorUs, type LocalUs, MINUTE_US } from "../../lib/time.ts";
import {
  findEndedRuns,
  findRunsToReconcile,
  findScheduledRuns,
  findUnfinishedRuns,
} from "../../store/runs/flow-runs.ts";
import { timeUs } from "../../store/runs/run-columns.ts";
import { findMissingParentTaskRuns, findUnfinishedTaskRuns } from "../../store/runs/task-runs.ts";
import { findFact } from "../../store/sync-state.ts";
import type { EngineContext } from "../context/engine-context.ts";
import type { Priority } from "../server/request-budget.ts";
import type { AbsentRuns } from "./absent-runs.ts";

/** Most pages of scheduled runs that are read. */
const MAX_SCHEDULED_PAGES = 5;
/** Most pages of unfinished task runs that one round reads. */
const MAX_TASK_PAGES = 5;
/** Unfinished task runs are read again when they have not changed for this long. */
const IDLE_TASK_US = 10 * MINUTE_US;

export class Reconciler {
  private readonly ctx: EngineContext;
  /** Parent task runs of subflows that Prefect does not have; each is asked for once. */
  private readonly unknownParents = new Set<string>();
  private readonly absentRuns: AbsentRuns;

  constructor(ctx: EngineContext, absentRuns: AbsentRuns) {
    this.ctx = ctx;
    this.absentRuns = absentRuns;
  }

  /**
   * Reads the runs whose events are newer than their row. Returns true when a further call should follow at once: a
   * full page was read and at least one row changed. Runs whose row is still old wait for the next call.
   */
  async readChangedRuns(signal: AbortSignal): Promise<boolean> {
    const { rowPage } = this.ctx.tuning;
    const ids = findRunsToReconcile(this.ctx.db, rowPage);
    if (ids.length === 0) return false;
    const changed = await this.readRuns(ids, "reconcile", signal);
    return ids.length === rowPage && changed > 0;
  }

  /**
   * Reads unfinished runs that were read last before `readBeforeUs`: they may have been deleted, or changed without an
   * event.
   */
  async readUnfinishedRuns(readBeforeUs: LocalUs, priority: Priority, signal: AbortSignal): Promise<void> {
    const expectedBeforeUs = Math.floor(this.ctx.serverClock.estimateUs());
    const { db, tuning } = this.ctx;
    const ids = findUnfinishedRuns(db, { limit: tuning.rowPage, readBeforeUs, expectedBeforeUs });
    const asked = new Set([...this.findSortedDifferently(), ...ids]);
    if (asked.size > 0) await this.readRuns([...asked].slice(0, tuning.rowPage), priority, signal);
  }

  /** A run that has not ended and one that has, of which the answer shows how the server sorts, as long as none has shown it. */
  private findSortedDifferently(): string[] {
    const { db } = this.ctx;
    const instance = findFact(db, "instance");
    if (instance === null || instance.areNullsLargest !== undefined) return [];
    const any = { limit: 1, readBeforeUs: Number.MAX_SAFE_INTEGER as LocalUs };
    const pair = [...findUnfinishedRuns(db, any), ...findEndedRuns(db, any)];
    return pair.length === 2 ? pair : [];
  }

  /** Reads ended runs that were read last before `readBeforeUs`: deleting a run causes no event. */
  async readEndedRuns(readBeforeUs: LocalUs, priority: Priority, signal: AbortSignal): Promise<void> {
    const ids = findEndedRuns(this.ctx.db, { limit: this.ctx.tuning.rowPage, readBeforeUs });
    if (ids.length === 0) return;
    const { rows, missing, atUs, database } = await this.absentRuns.askForFlowRuns(ids, priority, signal);
    // Where nothing shows whether a server that has none of them is still the same one, the record keeps them.
    if (database !== "unknown") this.ctx.ingest.flowRuns(rows, atUs, { missing });
  }

  /** Reads scheduled runs, soonest first, and marks those deleted that Prefect no longer has. */
  async readScheduledRuns(priority: Priority, signal: AbortSignal): Promise<void> {
    const { rowPage } = this.ctx.tuning;
    const mark = this.ctx.serverClock.mark();
    const fromUs = floorUs(this.ctx.serverClock.estimateUs());
    let untilUs = Number.MAX_SAFE_INTEGER;
    for (let page = 0; page < MAX_SCHEDULED_PAGES; page += 1) {
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
      this.ctx.ingest.flowRuns(rows, mark.atUs, {});
      if (rows.length < rowPage) break;
      if (page === MAX_SCHEDULED_PAGES - 1) untilUs = addUs(timeUs(rows.at(-1)?.expected_start_time) ?? 0, -1);
    }
    // A run that is on no page may exist all the same: the sort has no tie-break, and pages shift. A request by id is
    // proof.
    const unnamed = findScheduledRuns(this.ctx.db, fromUs, untilUs, mark.atUs).slice(0, rowPage);
    if (unnamed.length > 0) await this.readRuns(unnamed, priority, signal);
  }

  /** Reads task runs that look unfinished, and the parent task runs of subflows, for which Prefect emits no events. */
  async readTaskRunsWithoutEvents(readBeforeUs: LocalUs, priority: Priority, signal: AbortSignal): Promise<void> {
    for (let page = 0; page < MAX_TASK_PAGES; page += 1)
      if (!(await this.readUnfinishedTaskRuns(readBeforeUs, priority, signal))) return;
  }

  /** Reads one page of them. Returns whether there may be more. */
  private async readUnfinishedTaskRuns(
    readBeforeUs: LocalUs,
    priority: Priority,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { db, serverClock, tuning } = this.ctx;
    const idleSinceUs = Math.floor(serverClock.estimateUs() - IDLE_TASK_US);
    const unfinished = findUnfinishedTaskRuns(db, { limit: tuning.rowPage, readBeforeUs, idleSinceUs });
    const parents = findMissingParentTaskRuns(db, tuning.rowPage + this.unknownParents.size).filter(
      (id) => !this.unknownParents.has(id),
    );
    const ids = [...parents, ...unfinished].slice(0, tuning.rowPage);
    const asked = new Set(ids);
    if (ids.length === 0) return false;
    const { rows, missing, atUs } = await this.absentRuns.askForTaskRuns(ids, priority, signal);
    const found = new Set(rows.map((row) => row.id));
    for (const id of parents) if (asked.has(id) && !found.has(id)) this.unknownParents.add(id);
    this.ctx.ingest.taskRuns(rows, atUs, { missing });
    return rows.length > 0 && ids.length === tuning.rowPage;
  }

  /** Reads runs by id and marks those deleted that Prefect does not have. Returns how many rows changed. */
  private async readRuns(ids: readonly string[], priority: Priority, signal: AbortSignal): Promise<number> {
    const { rows, missing, atUs } = await this.absentRuns.askForFlowRuns(ids, priority, signal);
    return this.ctx.ingest.flowRuns(rows, atUs, { missing });
  }
}
