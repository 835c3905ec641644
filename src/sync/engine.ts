/** Everything that runs while this process syncs: under one abort signal and one request budget. */
import type { AppError } from "../errors.ts";
import { coverageEnd } from "../store/coverage.ts";
import { isReplaced } from "../store/database.ts";
import type { EngineContext } from "./context/engine-context.ts";
import type { Commit } from "./context/ingest.ts";
import { type Loop, RecordReplaced, turnLoop } from "./context/loop.ts";
import { learnServer } from "./context/server-facts.ts";
import { Wake } from "./context/signal.ts";
import { Backfill } from "./events/backfill.ts";
import { catchUp } from "./events/catch-up.ts";
import { CatchUpSchedule } from "./events/catch-up-schedule.ts";
import { EventFeed } from "./events/event-feed.ts";
import { retentionTurn } from "./retention.ts";
import { RunsKeeper } from "./runs/run-sync.ts";
import { Snapshots } from "./runs/snapshots.ts";
import { Status } from "./status.ts";
import { Verifier } from "./verification/verifier.ts";

/**
 * The server stores what it publishes up to 5 s later, in batches, and loses what was published before a subscription and
 * not stored by then: catch-ups follow a doubt at once and when that time is over.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/services/event_persister.py
 */
const FLUSHED_MS = 6_500;
const SETTLED_MS = 11_000;
/** Two catch-ups begin at least this far apart. */
const APART_MS = 500;
/** With websockets refused and nothing happening, a poll this often. */
const QUIET_POLL_MS = 20_000;
const QUIET_AFTER_MS = 120_000;
/** Version and retention of the server are asked for again: as a rule, and after a question that failed. */
const LEARN_MS = 3_600_000;
const LEARN_AGAIN_MS = 60_000;
const BACKFILL_LOOK_MS = 60_000;
const FOREVER_MS = 3_600_000;

export interface EngineHooks {
  /** A loop failed and will try again. */
  onFailure(part: string, error: AppError): void;
  /** A loop that may have failed before has done its work. */
  onSuccess(part: string): void;
}

export class Engine {
  private readonly ctx: EngineContext;
  private readonly hooks: EngineHooks;
  private readonly feed: EventFeed;
  private readonly schedule = new CatchUpSchedule();
  private readonly backfill: Backfill;
  private readonly snapshots: Snapshots;
  private readonly runs: RunsKeeper;
  private readonly verifier: Verifier;
  private readonly status: Status;
  private readonly wakes = {
    status: new Wake(),
    catchUp: new Wake(),
    backfill: new Wake(),
    verify: new Wake(),
    snapshots: new Wake(),
  };
  private readonly onLearnt: Wake[] = [];
  /** Server's clock; null while that is unknown. */
  private fixedGoalUs: number | null = null;
  /** Our clock; null before Prefect was first asked about itself. */
  private learntMs: number | null = null;
  private gainedMs = Number.NEGATIVE_INFINITY;
  private changedMs = Number.NEGATIVE_INFINITY;
  private shownBackfill = "";

  constructor(ctx: EngineContext, hooks: EngineHooks) {
    this.ctx = ctx;
    this.hooks = hooks;
    this.feed = new EventFeed(ctx, {
      onDoubt: (why) => this.doubt(why),
      onTurn: () => this.wakes.status.ring(),
      onFailure: (error) => this.fail("event stream", error),
      onStored: () => this.hooks.onSuccess("event stream"),
    });
    this.backfill = new Backfill(ctx);
    this.snapshots = new Snapshots(ctx);
    this.runs = new RunsKeeper(ctx, { goalUs: () => this.goalUs, isTouched: () => this.snapshots.isTouched });
    this.verifier = new Verifier(ctx);
    this.status = new Status(ctx, () => this.feed.state);
  }

  /** Until `signal` aborts. Throws only when the record is damaged or was replaced: it has to be opened anew. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const abort = () => stop.abort();
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    const loopHooks = {
      onFailure: (name: string, error: AppError) => this.fail(name, error),
      onSuccess: this.hooks.onSuccess,
    };
    const running = [
      this.feed.listen(stop.signal),
      this.feed.store(stop.signal),
      ...this.loops.map((loop) => turnLoop(this.ctx, loop, loopHooks, stop.signal)),
    ];
    try {
      await Promise.all(running);
    } finally {
      // One loop that gave up takes the others with it, and nobody writes after the end.
      abort();
      await Promise.allSettled(running);
      signal.removeEventListener("abort", abort);
      this.end();
    }
  }

  /** To be called after each commit. */
  note(commit: Commit): void {
    this.changedMs = this.ctx.clock.nowMs();
    this.runs.note(commit);
    if (this.snapshots.note(commit.eventNames)) this.wakes.snapshots.ring();
    if (commit.late !== null) {
      this.verifier.note(commit.late);
      this.wakes.verify.ring();
    }
  }

  /** A client is active. */
  touch(): void {
    if (!this.snapshots.isTouched) {
      this.wakes.snapshots.ring();
      this.runs.touch();
    }
    this.snapshots.touch();
  }

  /** Contact with Prefect was lost or found. */
  turned(): void {
    this.wakes.status.ring();
    if (!this.ctx.contact.isReachable) return;
    // A server that comes back stores what its senders kept for it. With a socket the same follows from connecting.
    const nowMs = this.ctx.clock.nowMs();
    this.schedule.want(nowMs + FLUSHED_MS);
    this.schedule.want(nowMs + SETTLED_MS);
    this.wakes.catchUp.ring();
  }

  private get loops(): Loop[] {
    const { wakes } = this;
    const first: Loop[] = [
      { name: "status", wake: wakes.status, step: () => this.statusTurn() },
      { name: "catch-up", wake: wakes.catchUp, step: (signal) => this.catchUpTurn(signal) },
    ];
    const others: Loop[] = [
      { name: "backfill", wake: wakes.backfill, step: (signal) => this.backfillTurn(signal) },
      { name: "verification", wake: wakes.verify, step: (signal) => this.verifier.turn(signal) },
      { name: "objects", wake: wakes.snapshots, step: (signal) => this.snapshots.turn(signal) },
      { name: "retention", wake: new Wake(), step: (signal) => retentionTurn(this.ctx, signal) },
      ...this.runs.loops,
    ];
    for (const loop of others) this.onLearnt.push(loop.wake);
    // What the server keeps decides what may be asked and claimed, so everything begins with asking it.
    const waiting = others.map((loop) => ({
      ...loop,
      step: (signal: AbortSignal) => (this.learntMs === null ? FOREVER_MS : loop.step(signal)),
    }));
    return [...first, ...waiting];
  }

  private statusTurn(): number {
    if (this.ctx.db.file !== ":memory:" && isReplaced(this.ctx.db)) throw new RecordReplaced();
    this.status.beat();
    return this.ctx.tuning.heartbeatMs;
  }

  private async catchUpTurn(signal: AbortSignal): Promise<number> {
    const { clock } = this.ctx;
    const waitMs = this.schedule.waitMs(clock.nowMs(), this.pollMs());
    if (waitMs > 0) return waitMs;
    await this.learn(signal);
    const startedMs = clock.nowMs();
    const { gained, isFresh } = await catchUp(this.ctx, signal);
    this.schedule.done(startedMs);
    if (gained > 0) this.gainedMs = clock.nowMs();
    if (isFresh) this.wakes.backfill.ring();
    return Math.max(APART_MS, this.schedule.waitMs(clock.nowMs(), this.pollMs()));
  }

  /** The more the socket can be relied on, and the less happens, the seldomer. */
  private pollMs(): number {
    const { pollMs, pollWithoutStreamMs } = this.ctx.settings;
    const nowMs = this.ctx.clock.nowMs();
    const isQuiet = (sinceMs: number) => Math.abs(nowMs - sinceMs) > QUIET_AFTER_MS;
    if (this.feed.state.name === "open") return isQuiet(this.gainedMs) ? pollMs : Math.min(pollMs, pollWithoutStreamMs);
    return isQuiet(this.changedMs) ? Math.max(pollWithoutStreamMs, QUIET_POLL_MS) : pollWithoutStreamMs;
  }

  private async learn(signal: AbortSignal): Promise<void> {
    const { clock } = this.ctx;
    if (this.learntMs !== null && Math.abs(clock.nowMs() - this.learntMs) < LEARN_MS) return;
    const isTold = await learnServer(this.ctx, signal);
    const isFirst = this.learntMs === null;
    this.learntMs = clock.nowMs() - (isTold ? 0 : LEARN_MS - LEARN_AGAIN_MS);
    if (isFirst) for (const wake of this.onLearnt) wake.ring();
  }

  /** How far back history is fetched: fixed at the start, so that it does not run away from what is being fetched. */
  private get goalUs(): number {
    const { settings, serverClock } = this.ctx;
    const goalUs = this.fixedGoalUs ?? Math.floor(serverClock.guessUs() - settings.backfillUs);
    if (serverClock.skewMs !== null) this.fixedGoalUs = goalUs;
    return goalUs;
  }

  private async backfillTurn(signal: AbortSignal): Promise<number> {
    if (coverageEnd(this.ctx.db, "event", "") === null) return BACKFILL_LOOK_MS;
    const { goalUs } = this;
    const { state, reachedUs } = await this.backfill.step({ goalUs, signal });
    const fact = { goalUs, reachedUs, done: state === "done" };
    const text = JSON.stringify(fact);
    if (text !== this.shownBackfill) this.ctx.ingest.fact("backfill", fact);
    this.shownBackfill = text;
    return state === "more" ? 0 : BACKFILL_LOOK_MS;
  }

  private doubt(why: "connected" | "lost" | "burst"): void {
    const nowMs = this.ctx.clock.nowMs();
    this.schedule.want(nowMs);
    if (why !== "lost") this.schedule.want(nowMs + FLUSHED_MS);
    if (why === "connected") this.schedule.want(nowMs + SETTLED_MS);
    this.wakes.catchUp.ring();
  }

  private fail(name: string, error: AppError): void {
    this.status.failed(error);
    this.hooks.onFailure(name, error);
  }

  private end(): void {
    try {
      this.status.end();
    } catch (error) {
      this.ctx.logger.debug("the record could not be told that syncing ended", { error: String(error) });
    }
  }
}
