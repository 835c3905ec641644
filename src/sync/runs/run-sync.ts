/** The three loops that keep run rows true: after events, in rounds, and for what ended. */
import { MINUTE_US } from "../../lib/time.ts";
import { isTerminal } from "../../model/state.ts";
import { findRunsToReconcile, readFlowRunRow } from "../../store/runs/flow-runs.ts";
import type { Commit } from "../context/changes.ts";
import type { EngineContext } from "../context/engine-context.ts";
import type { Loop } from "../context/loop.ts";
import { Signal, UNTIL_NOTIFIED_MS } from "../context/signal.ts";
import { EndedRuns, LATE_ROWS_RETRY_MS } from "./ended-runs.ts";
import { fillFlowRuns } from "./flow-run-fill.ts";
import { Reconciler } from "./reconcile.ts";

/** Events of one change come together: their runs are asked for once, this much later. */
const GATHER_MS = 700;
/** A run whose row Prefect does not show as new as its event yet. */
const CHANGED_RETRY_MS = 5_000;
/** Rounds over everything that changes without an event: with a client present, while something happens, and otherwise. */
const ROUND_MS = { touched: 15_000, busy: 30_000, quiet: 300_000 };
const BUSY_MS = 120_000;
/** Requests of a quiet round, about. */
const ROUND_COST = 3;
/** Runs that are over are asked for again, a page at a time: no sooner than this after the last page, and after their own reading. */
const LOOK_MS = 60_000;
const UNREAD_US = 10 * MINUTE_US;
/** A run that ended is looked at often until its late log lines must have come, then now and then until the last ones have. */
const ENDING_MS = 80_000;
const LINGERING_MS = 630_000;
const ENDED_MS = 3_000;

export class RunSync {
  private readonly ctx: EngineContext;
  private readonly goalUs: () => number;
  private readonly isClientActive: () => boolean;
  private readonly reconciler: Reconciler;
  private readonly ended: EndedRuns;
  private readonly changed = new Signal();
  private readonly rounds = new Signal();
  private readonly endings = new Signal();
  private roundMs = Number.NEGATIVE_INFINITY;
  private changedMs = Number.NEGATIVE_INFINITY;
  private endedMs = Number.NEGATIVE_INFINITY;
  private lookedMs = Number.NEGATIVE_INFINITY;

  constructor(ctx: EngineContext, options: { goalUs: () => number; isClientActive: () => boolean }) {
    this.ctx = ctx;
    this.goalUs = options.goalUs;
    this.isClientActive = options.isClientActive;
    this.reconciler = new Reconciler(ctx);
    this.ended = new EndedRuns(ctx);
  }

  get loops(): Loop[] {
    return [
      { name: "changed runs", workReady: this.changed, iterate: (signal) => this.changedIteration(signal) },
      { name: "run rounds", workReady: this.rounds, iterate: (signal) => this.roundIteration(signal) },
      { name: "ended runs", workReady: this.endings, iterate: (signal) => this.endedIteration(signal) },
    ];
  }

  eventsStored(commit: Commit): void {
    if (commit.flowRunIds.length === 0 || !commit.kinds.includes("flow_run")) return;
    this.changedMs = this.ctx.clock.nowMs();
    this.changed.notify();
    for (const id of commit.flowRunIds) {
      const row = readFlowRunRow(this.ctx.db, id);
      if (row === null || row.state_us === null || !isTerminal(row.state_type)) continue;
      this.ended.runEnded(row.state_us);
      this.endedMs = this.changedMs;
      this.endings.notify();
    }
  }

  /** A client came. */
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
    const { clock, requests } = this.ctx;
    const nowMs = clock.nowMs();
    this.roundMs = Math.min(this.roundMs, nowMs);
    const isBusy = Math.abs(nowMs - this.changedMs) < BUSY_MS;
    const everyMs = this.isClientActive() ? ROUND_MS.touched : isBusy ? ROUND_MS.busy : ROUND_MS.quiet;
    const waitMs = this.roundMs + everyMs - nowMs;
    if (waitMs > 0) return Math.min(waitMs, ROUND_MS.busy);
    if (everyMs === ROUND_MS.quiet && this.roundMs !== Number.NEGATIVE_INFINITY) {
      const idleMs = requests.idleWaitMs(ROUND_COST);
      if (idleMs > 0) return Math.min(idleMs, ROUND_MS.busy);
    }
    await this.syncRound(signal);
    this.roundMs = nowMs;
    return Math.min(everyMs, ROUND_MS.busy);
  }

  /** New runs, plans, and whatever may have moved or gone without an event. */
  async syncRound(signal: AbortSignal, onPage?: (rows: number) => void): Promise<void> {
    const readBeforeUs = Math.floor(this.ctx.clock.nowUs()) - 10_000_000;
    const goalUs = this.goalUs();
    await fillFlowRuns(this.ctx, { goalUs, priority: "reconcile", signal, ...(onPage ? { onPage } : {}) });
    await this.reconciler.readPlannedRuns("reconcile", signal);
    await this.reconciler.readUnfinishedRuns(readBeforeUs, "reconcile", signal);
    await this.reconciler.readQuietTaskRuns(readBeforeUs, "reconcile", signal);
    const nowMs = this.ctx.clock.nowMs();
    if (Math.abs(nowMs - this.lookedMs) < LOOK_MS) return;
    this.lookedMs = nowMs;
    await this.reconciler.readEndedRuns(readBeforeUs - UNREAD_US, "verify", signal);
  }

  /** Every run whose event is newer than its row; for `sync --once`. */
  async syncChangedRuns(signal: AbortSignal): Promise<void> {
    while (await this.reconciler.readChangedRuns(signal));
  }

  /** Reads what belongs to ended runs until nothing is left for now. */
  async syncEndedRuns(signal: AbortSignal, onPage?: () => void): Promise<void> {
    while ((await this.ended.readTaskRuns("backfill", signal)) || (await this.ended.readLogs("backfill", signal)))
      onPage?.();
  }

  /** The same, waiting some seconds for what failed a moment ago; for `sync --once`. */
  async syncAllEndedRuns(signal: AbortSignal, onPage: () => void): Promise<void> {
    await this.syncEndedRuns(signal, onPage);
    const waitMs = this.ended.logsReadableInMs;
    if (waitMs === 0) return;
    await this.ctx.clock.sleep(waitMs, signal);
    await this.syncEndedRuns(signal, onPage);
  }

  private async endedIteration(signal: AbortSignal): Promise<number> {
    await this.syncEndedRuns(signal);
    const sinceMs = Math.abs(this.ctx.clock.nowMs() - this.endedMs);
    if (sinceMs < ENDING_MS) return ENDED_MS;
    return sinceMs < LINGERING_MS || this.ended.isRetryPending ? LATE_ROWS_RETRY_MS : UNTIL_NOTIFIED_MS;
  }
}
