import { addUs, floorUs, type ServerUs, type SteadyMs } from "../lib/time.ts";
import { KINDS, SNAPSHOT_KINDS } from "../model/kinds.ts";
import { coveredRanges } from "../store/coverage.ts";
import type { EngineContext } from "./context/engine-context.ts";
import { refreshServerFacts } from "./context/server-facts.ts";
import { Backfill } from "./events/backfill.ts";
import { catchUp } from "./events/catch-up.ts";
import { RunSync } from "./runs/run-sync.ts";
import { Snapshots } from "./runs/snapshots.ts";

/** Progress of `sync --once`. */
export interface SyncProgress {
  readonly phase: "events" | "objects" | "runs" | "logs" | "done";
  /** What is read at the moment: `work pools`, `task runs`. */
  readonly reading: string;
  /** Rows of this phase so far: events, objects, runs, or runs whose logs were read. */
  readonly rows: number;
  /** All events that were read. */
  readonly events: number;
  readonly pages: number;
  readonly requests: number;
  readonly eventsPerSecond: number;
  /** 0..1 of the requested history. */
  readonly fraction: number;
  /** Estimated milliseconds until the events are complete; null while unknown. */
  readonly etaMs: number | null;
}

/**
 * One complete pass: events since `sinceUs` (default: the history of the settings), lists of objects, runs, and the
 * task runs and logs of ended runs. What the record covers already is not fetched again. Throws AppError.
 */
export async function syncOnce(
  ctx: EngineContext,
  options: { readonly sinceUs?: ServerUs },
  onProgress: (progress: SyncProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  await refreshServerFacts(ctx, signal);
  const goalUs = floorUs(options.sinceUs ?? addUs(ctx.serverClock.estimateUs(), -ctx.settings.backfillUs));
  const progress = new Progress(ctx, goalUs, onProgress);
  progress.enter("events");
  progress.page((await catchUp(ctx, signal)).gained);
  const backfill = new Backfill(ctx);
  const firstMissing = missingUs(backfill, goalUs);
  for (;;) {
    const { state } = await backfill.step({ goalUs, signal, onPage: (events) => progress.page(events.length) });
    const missing = missingUs(backfill, goalUs);
    progress.fraction(firstMissing === 0 ? 1 : 1 - missing / firstMissing);
    if (state !== "more") break;
  }
  progress.enter("objects");
  const snapshots = new Snapshots(ctx);
  // In this order pools come before workers, which are listed per pool.
  for (const kind of SNAPSHOT_KINDS) {
    progress.reads(KINDS[kind].plural);
    progress.rows(await snapshots.read(kind, "backfill", signal));
  }
  progress.enter("runs");
  progress.reads("flow runs and task runs");
  const runs = new RunSync(ctx, { goalUs: () => goalUs, isClientActive: () => false });
  await runs.syncRound(signal, (rows) => progress.page(rows));
  await runs.syncTaskRunHistory(signal, (rows) => progress.page(rows));
  await runs.syncChangedRuns(signal);
  progress.enter("logs");
  await runs.syncAllEndedRuns(signal, () => progress.page(1));
  await catchUp(ctx, signal);
  await runs.syncChangedRuns(signal);
  progress.enter("done");
}

function missingUs(backfill: Backfill, goalUs: ServerUs): number {
  return backfill.gaps(goalUs).reduce((sum, gap) => sum + gap.toUs - gap.fromUs + 1, 0);
}

class Progress {
  private readonly ctx: EngineContext;
  private readonly startedMs: SteadyMs;
  private readonly onProgress: (progress: SyncProgress) => void;
  private phase: SyncProgress["phase"] = "events";
  private reading = "events";
  private phaseRows = 0;
  private events = 0;
  private pages = 0;
  private part = 0;

  constructor(ctx: EngineContext, goalUs: ServerUs, onProgress: (progress: SyncProgress) => void) {
    this.ctx = ctx;
    this.onProgress = onProgress;
    this.startedMs = ctx.clock.steadyMs();
    if (coveredRanges(ctx.db, "event", "").at(0)?.fromUs === goalUs) this.part = 1;
  }

  enter(phase: SyncProgress["phase"]): void {
    this.phase = phase;
    this.reading = phase;
    this.phaseRows = 0;
    if (phase !== "events") this.part = 1;
    this.publish();
  }

  /** `what`: the plural of a kind. */
  reads(what: string): void {
    this.reading = what;
    this.publish();
  }

  rows(count: number): void {
    this.phaseRows += count;
    this.publish();
  }

  page(rows: number): void {
    this.phaseRows += rows;
    if (this.phase === "events") this.events += rows;
    this.pages += 1;
    this.publish();
  }

  fraction(part: number): void {
    this.part = Math.max(0, Math.min(1, part));
    this.publish();
  }

  private publish(): void {
    const passedMs = Math.max(1, this.ctx.clock.steadyMs() - this.startedMs);
    const isKnown = this.part > 0.01 && this.part < 1;
    this.onProgress({
      phase: this.phase,
      reading: this.reading,
      rows: this.phaseRows,
      events: this.events,
      pages: this.pages,
      requests: this.ctx.requests.counts.total,
      eventsPerSecond: Math.round((this.events * 1000) / passedMs),
      fraction: this.part,
      etaMs: isKnown ? Math.round((passedMs * (1 - this.part)) / this.part) : null,
    });
  }
}
