/** The loops that keep run rows up to date: after events, in regular rounds, for ended runs, and for task runs of the past. */
import { addMs, addUs, floorUs, MINUTE_US, NEVER_MS, type ServerUs, type SteadyMs } from "../../lib/time.ts";
import { isTerminal } from "../../model/state.ts";
import { coverageEnd } from "../../store/coverage.ts";
import { findFlowRunRow, findRunsToReconcile } from "../../store/runs/flow-runs.ts";
import type { Commit } from "../context/changes.ts";
import type { EngineContext } from "../context/engine-context.ts";
import type { Loop } from "../context/loop.ts";
import { idleDelayMs } from "../context/recognition.ts";
import { Signal, UNTIL_NOTIFIED_MS } from "../context/signal.ts";
import type { ClockMark } from "../server/server-clock.ts";
import { AbsentRuns } from "./absent-runs.ts";
import { EndedRuns, LATE_ROWS_RETRY_MS } from "./ended-runs.ts";
import { fillFlowRuns } from "./flow-run-fill.ts";
import { claimNothingOlder } from "./oldest-runs.ts";
import { Reconciler } from "./reconcile.ts";
import { fillNewestTaskRuns, fillTaskRunGap } from "./task-run-fill.ts";
import { readAllUnfinishedRuns } from "./unfinished-runs.ts";
import { verifyRuns } from "./verify-runs.ts";

/** Several events of one change arrive together: their runs are read once, this much later. */
const GATHER_MS = 700;
/** Time until a run is read again whose row at Prefect is still older than its event. */
const CHANGED_RETRY_MS = 5_000;
/**
 * Time between rounds, which read what changes without an event: with an active client, while rows change, and
 * otherwise.
 */
const ROUND_MS = { clientActive: 15_000, busy: 30_000, quiet: 300_000 };
const BUSY_MS = 120_000;
/** Approximate number of requests of a quiet round. */
const ROUND_COST = 5;
/** Ended runs are read again one page at a time: least time between two pages, and since the run itself was read. */
const ENDED_PAGE_MS = 60_000;
const UNREAD_US = 10 * MINUTE_US;
/**
 * After a run has ended, its logs are checked often for `ENDING_MS`, then seldom until `LINGERING_MS`, when the last
 * lines have arrived.
 */
const ENDING_MS = 80_000;
const LINGERING_MS = 630_000;
const ENDED_MS = 3_000;
/** The newest task runs are read again after this long for each page that they filled, so that a busy workspace costs no more. */
const TASK_RUN_PAGE_MS = 3_000;
/** The same for all unfinished flow runs. */
const UNFINISHED_PAGE_MS = 3_000;
/** Time until the history of runs is checked for gaps again. */
const HISTORY_MS = 60_000;
/** Time between two counts of all runs: doubling from the first to the second while they differ. Their usual number of requests. */
const COUNT_MS = 5 * 60_000;
const COUNT_MAX_MS = 60 * 60_000;
const COUNT_COST = 3;
/** Time until Prefect is asked again for runs before the history, where it has some. */
const OLDER_MS = 60 * 60_000;

export class RunSync {
  private readonly ctx: EngineContext;
  private readonly goalUs: () => ServerUs;
  private readonly isClientActive: () => boolean;
  private readonly absentRuns: AbsentRuns;
  private readonly reconciler: Reconciler;
  private readonly ended: EndedRuns;
  private readonly changed = new Signal();
  private readonly rounds = new Signal();
  private readonly endings = new Signal();
  private readonly history = new Signal();
  private roundMs = NEVER_MS;
  /** All runs have to be read again, so the round that is running was not enough. */
  private isStartedOver = false;
  private changedMs = NEVER_MS;
  private endedMs = NEVER_MS;
  private endedPageMs = NEVER_MS;
  /** When the newest task runs may be read again. */
  private taskRunsDueMs = NEVER_MS;
  /** When all unfinished flow runs may be read again. */
  private unfinishedDueMs = NEVER_MS;
  private countedMs: SteadyMs;
  private countEveryMs = COUNT_MS;
  private olderMs = NEVER_MS;

  constructor(ctx: EngineContext, options: { goalUs: () => ServerUs; isClientActive: () => boolean }) {
    this.ctx = ctx;
    this.goalUs = options.goalUs;
    this.isClientActive = options.isClientActive;
    this.absentRuns = new AbsentRuns(ctx);
    this.reconciler = new Reconciler(ctx, this.absentRuns);
    this.ended = new EndedRuns(ctx);
    this.countedMs = ctx.clock.steadyMs();
  }

  get loops(): Loop[] {
    return [
      { name: "changed runs", workReady: this.changed, iterate: (signal) => this.changedIteration(signal) },
      { name: "run rounds", workReady: this.rounds, iterate: (signal) => this.roundIteration(signal) },
      { name: "ended runs", workReady: this.endings, iterate: (signal) => this.endedIteration(signal) },
      { name: "run history", workReady: this.history, iterate: (signal) => this.historyIteration(signal) },
    ];
  }

  rowsStored(commit: Commit): void {
    if (commit.flowRunIds.length === 0 || !commit.kinds.includes("flow_run")) return;
    this.changedMs = this.ctx.clock.steadyMs();
    this.changed.notify();
    for (const id of commit.flowRunIds) {
      const row = findFlowRunRow(this.ctx.db, id);
      if (row === null || row.state_us === null || !isTerminal(row.state_type)) continue;
      this.ended.runEnded(row.state_us);
      this.endedMs = this.changedMs;
      this.endings.notify();
    }
  }

  /** A clock was set: rounds are due at once. */
  clockSet(): void {
    this.roundMs = NEVER_MS;
    this.changed.notify();
    this.rounds.notify();
    this.endings.notify();
    this.history.notify();
  }

  /** The claims over runs, task runs and logs were removed: all are read again. */
  readAllAgain(): void {
    this.ended.runEnded(0);
    this.endedMs = this.ctx.clock.steadyMs();
    this.roundMs = NEVER_MS;
    this.taskRunsDueMs = NEVER_MS;
    this.olderMs = NEVER_MS;
    this.unfinishedDueMs = NEVER_MS;
    this.isStartedOver = true;
    for (const signal of [this.rounds, this.endings, this.history]) signal.notify();
  }

  /** A catch-up has recognised the server: quiet rounds may begin. */
  serverRecognised(): void {
    this.rounds.notify();
    this.history.notify();
  }

  /** The first client became active. */
  clientArrived(): void {
    this.rounds.notify();
  }

  private async changedIteration(signal: AbortSignal): Promise<number> {
    await this.ctx.clock.sleep(GATHER_MS, signal);
    if (signal.aborted) return 0;
    if (await this.reconciler.readChangedRuns(signal)) return 0;
    return findRunsToReconcile(this.ctx.db, 1).length > 0 ? CHANGED_RETRY_MS : UNTIL_NOTIFIED_MS;
  }

  private async roundIteration(signal: AbortSignal): Promise<number> {
    const nowMs = this.ctx.clock.steadyMs();
    const isBusy = nowMs - this.changedMs < BUSY_MS;
    const everyMs = this.isClientActive() ? ROUND_MS.clientActive : isBusy ? ROUND_MS.busy : ROUND_MS.quiet;
    const waitMs = this.roundMs + everyMs - nowMs;
    if (waitMs > 0) return Math.min(waitMs, ROUND_MS.busy);
    if (everyMs === ROUND_MS.quiet && this.roundMs !== NEVER_MS) {
      const idleMs = idleDelayMs(this.ctx, {
        name: "run round",
        cost: ROUND_COST,
        dueMs: addMs(this.roundMs, everyMs),
      });
      if (idleMs > 0) return Math.min(idleMs, ROUND_MS.busy);
    }
    this.isStartedOver = false;
    await this.syncRound(signal);
    if (!this.isStartedOver) this.roundMs = nowMs;
    return Math.min(everyMs, ROUND_MS.busy);
  }

  /** Reads new runs, scheduled runs, and those that may have changed or been deleted without an event. */
  async syncRound(signal: AbortSignal, onPage?: (rows: number) => void): Promise<void> {
    const readBeforeUs = addUs(floorUs(this.ctx.clock.nowUs()), -10_000_000);
    const goalUs = this.goalUs();
    const { absentRuns } = this;
    const mark = this.ctx.serverClock.mark();
    await fillFlowRuns(this.ctx, { goalUs, absentRuns, priority: "reconcile", signal, ...(onPage ? { onPage } : {}) });
    await this.readTaskRuns(goalUs, signal, onPage);
    await this.reconciler.readScheduledRuns("reconcile", signal);
    await this.readUnfinishedRuns(mark, signal);
    await this.reconciler.readUnfinishedRuns(readBeforeUs, "reconcile", signal);
    const nowMs = this.ctx.clock.steadyMs();
    if (nowMs - this.endedPageMs < ENDED_PAGE_MS) return;
    this.endedPageMs = nowMs;
    await this.reconciler.readEndedRuns(addUs(readBeforeUs, -UNREAD_US), "verify", signal);
  }

  private async readUnfinishedRuns(coveredAt: ClockMark, signal: AbortSignal): Promise<void> {
    const nowMs = this.ctx.clock.steadyMs();
    if (nowMs < this.unfinishedDueMs) return;
    const pages = await readAllUnfinishedRuns(this.ctx, coveredAt, "reconcile", signal);
    this.unfinishedDueMs = addMs(nowMs, pages * UNFINISHED_PAGE_MS);
  }

  /**
   * Reads unfinished task runs before the newest ones. The claim ends where the first of these readings began: later, a task run that
   * has no event may be in another state.
   */
  private async readTaskRuns(goalUs: ServerUs, signal: AbortSignal, onPage?: (rows: number) => void): Promise<void> {
    const mark = this.ctx.serverClock.mark();
    await this.reconciler.readTaskRunsWithoutEvents(mark.atUs, "reconcile", signal);
    const nowMs = this.ctx.clock.steadyMs();
    if (nowMs < this.taskRunsDueMs) return;
    const wasEmpty = coverageEnd(this.ctx.db, "task_run", "") === null;
    const pages = await fillNewestTaskRuns(this.ctx, {
      goalUs,
      absentRuns: this.absentRuns,
      priority: "reconcile",
      signal,
      mark,
      ...(onPage ? { onPage } : {}),
    });
    this.taskRunsDueMs = addMs(nowMs, pages * TASK_RUN_PAGE_MS);
    if (wasEmpty) this.history.notify();
  }

  /** Reads the gaps in the history of task runs, newest first, and claims the time before where Prefect has no runs. */
  async syncTaskRunHistory(signal: AbortSignal, onPage?: (rows: number) => void): Promise<void> {
    const { absentRuns } = this;
    const options = { goalUs: this.goalUs(), absentRuns, priority: "backfill", signal } as const;
    while (await fillTaskRunGap(this.ctx, { ...options, ...(onPage ? { onPage } : {}) }));
    await claimNothingOlder(this.ctx, options);
  }

  private async historyIteration(signal: AbortSignal): Promise<number> {
    const { absentRuns, ctx } = this;
    const options = { goalUs: this.goalUs(), absentRuns, priority: "backfill", signal } as const;
    const hasMore = await fillTaskRunGap(ctx, options);
    if (hasMore) return 0;
    const nowMs = ctx.clock.steadyMs();
    if (nowMs - this.olderMs >= OLDER_MS && (await claimNothingOlder(ctx, options))) this.olderMs = nowMs;
    const dueMs = addMs(this.countedMs, this.countEveryMs);
    if (nowMs < dueMs) return HISTORY_MS;
    const idleMs = idleDelayMs(ctx, { name: "count of runs", cost: COUNT_COST, dueMs });
    if (idleMs > 0) return Math.min(idleMs, HISTORY_MS);
    const read = await verifyRuns(ctx, { absentRuns, signal });
    this.countedMs = nowMs;
    this.countEveryMs = read === 0 ? COUNT_MS : Math.min(COUNT_MAX_MS, 2 * this.countEveryMs);
    return HISTORY_MS;
  }

  /** Reads all runs whose event is newer than their row; for `sync --once`. */
  async syncChangedRuns(signal: AbortSignal): Promise<void> {
    while (await this.reconciler.readChangedRuns(signal));
  }

  /** Reads task runs and logs of ended runs until none are due. */
  async syncEndedRuns(signal: AbortSignal, onPage?: () => void): Promise<void> {
    while ((await this.ended.readTaskRuns("backfill", signal)) || (await this.ended.readLogs("backfill", signal)))
      onPage?.();
  }

  /** The same, and waits some seconds for the logs of a run that has just failed; for `sync --once`. */
  async syncAllEndedRuns(signal: AbortSignal, onPage: () => void): Promise<void> {
    await this.syncEndedRuns(signal, onPage);
    const waitMs = this.ended.logsReadableInMs;
    if (waitMs === 0) return;
    await this.ctx.clock.sleep(waitMs, signal);
    await this.syncEndedRuns(signal, onPage);
  }

  private async endedIteration(signal: AbortSignal): Promise<number> {
    await this.syncEndedRuns(signal);
    const sinceMs = this.ctx.clock.steadyMs() - this.endedMs;
    if (sinceMs < ENDING_MS) return ENDED_MS;
    return sinceMs < LINGERING_MS || this.ended.isRetryPending ? LATE_ROWS_RETRY_MS : UNTIL_NOTIFIED_MS;
  }
}
