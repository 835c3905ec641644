/** The three loops that keep run rows true: after events, in rounds, and for what ended. */
import { MINUTE_US } from "../../lib/time.ts";
import { isTerminal } from "../../model/state.ts";
import { findRunsToReconcile, readFlowRunRow } from "../../store/runs/flow-runs.ts";
import type { EngineContext } from "../context/engine-context.ts";
import type { Commit } from "../context/ingest.ts";
import type { Loop } from "../context/loop.ts";
import { Wake } from "../context/signal.ts";
import { EndedRuns, LAGGING_MS } from "./ended-runs.ts";
import { fillFlowRuns } from "./flow-run-fill.ts";
import { Reconciler } from "./reconcile.ts";

/** Events of one change come together: their runs are asked for once, this much later. */
const GATHER_MS = 700;
/** A run whose row Prefect does not show as new as its event yet. */
const AGAIN_MS = 5_000;
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
const FOREVER_MS = 3_600_000;

export class RunsKeeper {
  private readonly ctx: EngineContext;
  private readonly goalUs: () => number;
  private readonly isTouched: () => boolean;
  private readonly reconciler: Reconciler;
  private readonly ended: EndedRuns;
  private readonly changed = new Wake();
  private readonly rounds = new Wake();
  private readonly endings = new Wake();
  private roundMs = Number.NEGATIVE_INFINITY;
  private changedMs = Number.NEGATIVE_INFINITY;
  private endedMs = Number.NEGATIVE_INFINITY;
  private lookedMs = Number.NEGATIVE_INFINITY;

  constructor(ctx: EngineContext, options: { goalUs: () => number; isTouched: () => boolean }) {
    this.ctx = ctx;
    this.goalUs = options.goalUs;
    this.isTouched = options.isTouched;
    this.reconciler = new Reconciler(ctx);
    this.ended = new EndedRuns(ctx);
  }

  get loops(): Loop[] {
    return [
      { name: "changed runs", wake: this.changed, step: (signal) => this.changedTurn(signal) },
      { name: "runs in rounds", wake: this.rounds, step: (signal) => this.roundTurn(signal) },
      { name: "ended runs", wake: this.endings, step: (signal) => this.endedTurn(signal) },
    ];
  }

  note(commit: Commit): void {
    if (commit.flowRunIds.length === 0 || !commit.kinds.includes("flow_run")) return;
    this.changedMs = this.ctx.clock.nowMs();
    this.changed.ring();
    for (const id of commit.flowRunIds) {
      const row = readFlowRunRow(this.ctx.db, id);
      if (row === null || row.state_us === null || !isTerminal(row.state_type)) continue;
      this.ended.note(row.state_us);
      this.endedMs = this.changedMs;
      this.endings.ring();
    }
  }

  /** A client came. */
  touch(): void {
    this.rounds.ring();
  }

  private async changedTurn(signal: AbortSignal): Promise<number> {
    await this.ctx.clock.sleep(GATHER_MS, signal);
    if (signal.aborted) return 0;
    if (await this.reconciler.dirtyRuns(signal)) return 0;
    return findRunsToReconcile(this.ctx.db, 1).length > 0 ? AGAIN_MS : FOREVER_MS;
  }

  private async roundTurn(signal: AbortSignal): Promise<number> {
    const { clock, requests } = this.ctx;
    const nowMs = clock.nowMs();
    this.roundMs = Math.min(this.roundMs, nowMs);
    const isBusy = Math.abs(nowMs - this.changedMs) < BUSY_MS;
    const everyMs = this.isTouched() ? ROUND_MS.touched : isBusy ? ROUND_MS.busy : ROUND_MS.quiet;
    const waitMs = this.roundMs + everyMs - nowMs;
    if (waitMs > 0) return Math.min(waitMs, ROUND_MS.busy);
    if (everyMs === ROUND_MS.quiet && this.roundMs !== Number.NEGATIVE_INFINITY) {
      const idleMs = requests.idleWaitMs(ROUND_COST);
      if (idleMs > 0) return Math.min(idleMs, ROUND_MS.busy);
    }
    await this.round(signal);
    this.roundMs = nowMs;
    return Math.min(everyMs, ROUND_MS.busy);
  }

  /** New runs, plans, and whatever may have moved or gone without an event. */
  async round(signal: AbortSignal, onPage?: (rows: number) => void): Promise<void> {
    const readBeforeUs = Math.floor(this.ctx.clock.nowUs()) - 10_000_000;
    const goalUs = this.goalUs();
    await fillFlowRuns(this.ctx, { goalUs, priority: "reconcile", signal, ...(onPage ? { onPage } : {}) });
    await this.reconciler.plannedRuns("reconcile", signal);
    await this.reconciler.unfinishedRuns(readBeforeUs, "reconcile", signal);
    await this.reconciler.quietTaskRuns(readBeforeUs, "reconcile", signal);
    const nowMs = this.ctx.clock.nowMs();
    if (Math.abs(nowMs - this.lookedMs) < LOOK_MS) return;
    this.lookedMs = nowMs;
    await this.reconciler.endedRuns(readBeforeUs - UNREAD_US, "verify", signal);
  }

  /** Every run whose event is newer than its row; for `sync --once`. */
  async changedRuns(signal: AbortSignal): Promise<void> {
    while (await this.reconciler.dirtyRuns(signal));
  }

  /** Reads what belongs to ended runs until nothing is left for now. */
  async endedRuns(signal: AbortSignal, onPage?: () => void): Promise<void> {
    while ((await this.ended.taskRuns("backfill", signal)) || (await this.ended.logs("backfill", signal))) onPage?.();
  }

  /** The same, waiting some seconds for what failed a moment ago; for `sync --once`. */
  async allEndedRuns(signal: AbortSignal, onPage: () => void): Promise<void> {
    await this.endedRuns(signal, onPage);
    const waitMs = this.ended.youngMs;
    if (waitMs === 0) return;
    await this.ctx.clock.sleep(waitMs, signal);
    await this.endedRuns(signal, onPage);
  }

  private async endedTurn(signal: AbortSignal): Promise<number> {
    await this.endedRuns(signal);
    const sinceMs = Math.abs(this.ctx.clock.nowMs() - this.endedMs);
    if (sinceMs < ENDING_MS) return ENDED_MS;
    return sinceMs < LINGERING_MS || this.ended.isWaiting ? LAGGING_MS : FOREVER_MS;
  }
}
