/** All loops that run while this process syncs, under one abort signal and one request budget. */
import { addMs, addUs, floorUs, formatIsoUs, NEVER_MS, type ServerUs, type SteadyMs } from "../lib/time.ts";
import { DISPUTE_MS } from "../prefect/transport/server-offset.ts";
import { coverageEnd } from "../store/coverage.ts";
import type { Changes, Commit } from "./context/changes.ts";
import type { EngineContext } from "./context/engine-context.ts";
import { type Loop, OtherServerError, RecordReplacedError, runLoop } from "./context/loop.ts";
import { refreshServerFacts } from "./context/server-facts.ts";
import { Signal, UNTIL_NOTIFIED_MS } from "./context/signal.ts";
import { Backfill } from "./events/backfill.ts";
import { type CatchUpResult, catchUp } from "./events/catch-up.ts";
import { CatchUpSchedule } from "./events/catch-up-schedule.ts";
import { EventFeed } from "./events/event-feed.ts";
import { retentionIteration } from "./retention.ts";
import { RunSync } from "./runs/run-sync.ts";
import { Snapshots } from "./runs/snapshots.ts";
import { Status } from "./status.ts";
import { Verifier } from "./verification/verifier.ts";

/**
 * The server publishes an event to websockets at once and stores it up to 5 s later, in batches. An event that was
 * published before a subscription and stored after the first catch-up would be missed. So catch-ups follow a possible
 * gap at once, and again when these times are over.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/services/event_persister.py
 */
const FLUSHED_MS = 6_500;
const SETTLED_MS = 11_000;
/** Least time between the starts of two catch-ups. */
const MIN_CATCH_UP_MS = 500;
/** Time between catch-ups while websockets are refused and nothing has changed for `QUIET_AFTER_MS`. */
const QUIET_POLL_MS = 20_000;
const QUIET_AFTER_MS = 120_000;
/** Time until version and retention of the server are read again, and the same after a failure. */
const SERVER_FACTS_MS = 3_600_000;
const SERVER_FACTS_RETRY_MS = 60_000;
const BACKFILL_MS = 60_000;
const CLOCK_MS = 1_000;
/** Least time between two reactions to the setting of one clock. */
const CLOCK_SET_APART_MS = 10_000;
/** Less than the 15 minutes before a connection whose events Prefect sends. */
const STREAM_BACK_MS = 10 * 60_000;
/** Longer without an iteration of the clock loop means that the process did not run. */
const PAUSE_MS = 10_000;

export class Engine {
  private readonly ctx: EngineContext;
  private readonly feed: EventFeed;
  private readonly schedule = new CatchUpSchedule();
  private readonly backfill: Backfill;
  private readonly snapshots: Snapshots;
  private readonly runs: RunSync;
  private readonly verifier: Verifier;
  private readonly status: Status;
  private readonly signals = {
    status: new Signal(),
    serverClock: new Signal(),
    catchUp: new Signal(),
    retryCatchUp: new Signal(),
    backfill: new Signal(),
    verify: new Signal(),
    snapshots: new Signal(),
  };
  private readonly afterFirstCatchUp: Signal[] = [];
  private isStarted = false;
  private isStreamOpen = false;
  /** Server clock, microseconds; null while that clock is unknown. */
  private fixedGoalUs: ServerUs | null = null;
  /** Null before version and retention were first read. */
  private factsReadMs: SteadyMs | null = null;
  private lastGainMs = NEVER_MS;
  private lastChangeMs = NEVER_MS;
  private writtenBackfill = "";
  /** When there was a reaction to it last. */
  private readonly clockSetMs: Record<"local" | "server", SteadyMs> = { local: NEVER_MS, server: NEVER_MS };
  private clockCheckedMs: SteadyMs | null = null;

  constructor(ctx: EngineContext) {
    this.ctx = ctx;
    this.feed = new EventFeed(ctx);
    this.backfill = new Backfill(ctx);
    this.snapshots = new Snapshots(ctx);
    this.runs = new RunSync(ctx, { goalUs: () => this.goalUs, isClientActive: () => this.snapshots.isClientActive });
    this.verifier = new Verifier(ctx);
    this.status = new Status(ctx, () => this.feed.state);
  }

  /**
   * Runs until `signal` aborts. Throws only when the record is damaged or was replaced, because then it has to be
   * opened again.
   */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const abort = () => stop.abort();
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    const unsubscribe = this.subscribe();
    const running = [
      this.feed.listen(stop.signal),
      this.feed.store(stop.signal),
      ...this.createLoops().map((loop) => runLoop(this.ctx, loop, stop.signal)),
    ];
    try {
      await Promise.all(running);
    } finally {
      // When one loop throws, the others must end too, and none may write after `run` has returned.
      abort();
      await Promise.allSettled(running);
      signal.removeEventListener("abort", abort);
      unsubscribe();
      this.end();
    }
  }

  private subscribe(): () => void {
    return this.ctx.changes.subscribe({
      commit: (commit) => this.rowsStored(commit),
      connectivity: ({ isReachable }) => this.connectivityChanged(isReachable),
      stream: ({ isOpen }) => this.streamChanged(isOpen),
      possibleGap: ({ reason }) => this.catchUpAfter(reason),
      clockSet: ({ which, byMs }) => this.clockSet(which, byMs),
      clockDisputed: () => this.clockDisputed(),
      databaseRestored: () => this.readAllAgain(),
      failure: ({ error }) => this.status.failed(error),
    });
  }

  /** What has lost its claims is read now, not when it would be due. */
  private readAllAgain(): void {
    this.snapshots.readAllAgain();
    this.runs.readAllAgain();
    for (const signal of [this.signals.snapshots, this.signals.backfill]) signal.notify();
  }

  private rowsStored(commit: Commit): void {
    this.lastChangeMs = this.ctx.clock.steadyMs();
    this.runs.rowsStored(commit);
    if (this.snapshots.eventsStored(commit.eventNames)) this.signals.snapshots.notify();
    if (commit.lateRange !== null) {
      this.verifier.lateEventsStored(commit.lateRange);
      this.signals.verify.notify();
    }
  }

  /** A client of the MCP server is active: lists and runs are read more often for a while. */
  markClientActive(): void {
    // Prefect may be back, and the next try would be up to `retryMaxMs` later.
    if (!this.ctx.connectivity.isReachable) this.signals.retryCatchUp.notify();
    if (!this.snapshots.isClientActive) {
      this.signals.snapshots.notify();
      this.runs.clientArrived();
    }
    this.snapshots.markClientActive();
  }

  private connectivityChanged(isReachable: boolean): void {
    this.signals.status.notify();
    if (!isReachable) return;
    // Prefect's clients queue events while it is unreachable and send them when it is back. Where the websocket is in
    // use, its reconnection requests the same catch-ups.
    const nowMs = this.ctx.clock.steadyMs();
    this.ctx.server.recognisedMs = null;
    this.schedule.request(addMs(nowMs, FLUSHED_MS));
    this.schedule.request(addMs(nowMs, SETTLED_MS));
    this.signals.catchUp.notify();
  }

  /** Requests everything that depended on the clock again; nothing of it is claimed before that. */
  private clockSet(which: "local" | "server", byMs: number): void {
    if (which === "server") {
      this.fixedGoalUs = null;
      // The server sends no events from before the time of the connection, as its clock showed that.
      if (byMs < -STREAM_BACK_MS) this.feed.reconnect();
    } else {
      this.status.localClockSet(byMs);
      this.snapshots.doubt();
      if (byMs > PAUSE_MS) this.feed.reconnect();
    }
    this.signals.status.notify();
    const nowMs = this.ctx.clock.steadyMs();
    // Servers behind one address may have different clocks, and each answer then seems to set it.
    if (nowMs - this.clockSetMs[which] < CLOCK_SET_APART_MS) return;
    this.clockSetMs[which] = nowMs;
    this.schedule.request(nowMs);
    for (const signal of Object.values(this.signals)) signal.notify();
    this.runs.clockSet();
  }

  /** Readers must not wait for the next heartbeat, nor for the next catch-up. */
  private clockDisputed(): void {
    for (const signal of [this.signals.status, this.signals.serverClock]) signal.notify();
  }

  /** Asks Prefect for its time again, until an answer shows whether its clock was set back. */
  private async serverClockIteration(signal: AbortSignal): Promise<number> {
    const { clock, requests, serverClock } = this.ctx;
    if (!serverClock.isDisputed) return UNTIL_NOTIFIED_MS;
    await clock.sleep(DISPUTE_MS + 100, signal);
    signal.throwIfAborted();
    if (serverClock.isDisputed) await requests.call("catch-up", signal, (api, call) => api.readVersion(call), 0);
    return 0;
  }

  /** Notices within a second that a clock was set, or that the machine was suspended. */
  private clockIteration(): number {
    const { clock, clockWatch, logger } = this.ctx;
    clockWatch.check();
    const nowMs = clock.steadyMs();
    const pauseMs = nowMs - (this.clockCheckedMs ?? nowMs);
    this.clockCheckedMs = nowMs;
    if (pauseMs > PAUSE_MS) {
      logger.info("this process or its machine was suspended", { seconds: Math.round(pauseMs / 1000) });
      // The other side may have closed the connection long ago, which is only noticed by its silence.
      this.feed.reconnect();
      this.schedule.request(nowMs);
      this.signals.catchUp.notify();
    }
    return CLOCK_MS;
  }

  private createLoops(): Loop[] {
    const { signals } = this;
    const first: Loop[] = [
      { name: "clock", workReady: new Signal(), iterate: () => this.clockIteration() },
      { name: "status", workReady: signals.status, iterate: () => this.statusIteration() },
      {
        name: "server clock",
        workReady: signals.serverClock,
        iterate: (signal) => this.serverClockIteration(signal),
      },
      {
        name: "catch-up",
        workReady: signals.catchUp,
        retryNow: signals.retryCatchUp,
        iterate: (signal) => this.catchUpIteration(signal),
      },
    ];
    const others: Loop[] = [
      { name: "backfill", workReady: signals.backfill, iterate: (signal) => this.backfillIteration(signal) },
      { name: "verification", workReady: signals.verify, iterate: (signal) => this.verifier.iterate(signal) },
      { name: "objects", workReady: signals.snapshots, iterate: (signal) => this.snapshots.iterate(signal) },
      { name: "retention", workReady: new Signal(), iterate: (signal) => retentionIteration(this.ctx, signal) },
      ...this.runs.loops,
    ];
    for (const loop of others) this.afterFirstCatchUp.push(loop.workReady);
    // The server's retention decides what may be asked and claimed, and the first catch-up recognises the server: no other loop
    // begins before.
    const waiting = others.map(
      (loop): Loop => ({
        ...loop,
        iterate: (signal) => (!this.isStarted ? UNTIL_NOTIFIED_MS : loop.iterate(signal)),
      }),
    );
    return [...first, ...waiting];
  }

  private statusIteration(): number {
    if (!this.ctx.isRecordCurrent()) throw new RecordReplacedError();
    this.status.publish();
    return this.ctx.tuning.heartbeatMs;
  }

  private async catchUpIteration(signal: AbortSignal): Promise<number> {
    const { clock } = this.ctx;
    const waitMs = this.schedule.waitMs(clock.steadyMs(), this.pollMs());
    if (waitMs > 0) return waitMs;
    await this.refreshFacts(signal);
    const startedMs = clock.steadyMs();
    const { gained, throughUs, leavesGap } = await this.catchUpAndRelease(signal);
    const through = throughUs === null ? null : formatIsoUs(Math.floor(throughUs));
    this.ctx.logger.debug("sync: caught up", { gained, through, leaves_gap: leavesGap });
    this.schedule.completed(startedMs);
    if (gained > 0) this.lastGainMs = clock.steadyMs();
    if (leavesGap) this.signals.backfill.notify();
    // Idle work begins after a catch-up, which has recognised the server.
    for (const idle of [this.signals.snapshots, this.signals.verify]) idle.notify();
    this.runs.serverRecognised();
    return Math.max(MIN_CATCH_UP_MS, this.schedule.waitMs(clock.steadyMs(), this.pollMs()));
  }

  /** The other loops begin once the first catch-up has shown, or failed to show, which server answers. */
  private async catchUpAndRelease(signal: AbortSignal): Promise<CatchUpResult> {
    try {
      const result = await catchUp(this.ctx, signal);
      this.startOtherLoops();
      return result;
    } catch (error) {
      if (!(error instanceof OtherServerError)) this.startOtherLoops();
      throw error;
    }
  }

  private startOtherLoops(): void {
    if (this.isStarted) return;
    this.isStarted = true;
    for (const loop of this.afterFirstCatchUp) loop.notify();
  }

  /** Longest time between catch-ups: longer while the websocket is open, and while nothing happens. */
  private pollMs(): number {
    const { pollMs, pollWithoutStreamMs } = this.ctx.settings;
    const nowMs = this.ctx.clock.steadyMs();
    const isQuiet = (sinceMs: SteadyMs) => nowMs - sinceMs > QUIET_AFTER_MS;
    if (this.feed.state.name === "open")
      return isQuiet(this.lastGainMs) ? pollMs : Math.min(pollMs, pollWithoutStreamMs);
    return isQuiet(this.lastChangeMs) ? Math.max(pollWithoutStreamMs, QUIET_POLL_MS) : pollWithoutStreamMs;
  }

  private async refreshFacts(signal: AbortSignal): Promise<void> {
    const { clock } = this.ctx;
    if (this.factsReadMs !== null && clock.steadyMs() - this.factsReadMs < SERVER_FACTS_MS) return;
    const isAnswered = await refreshServerFacts(this.ctx, signal);
    this.factsReadMs = addMs(clock.steadyMs(), isAnswered ? 0 : SERVER_FACTS_RETRY_MS - SERVER_FACTS_MS);
  }

  /**
   * Start of the history to fetch. Fixed once the server clock is known, because a goal that moves would never be
   * reached.
   */
  private get goalUs(): ServerUs {
    const { settings, serverClock } = this.ctx;
    const goalUs = this.fixedGoalUs ?? floorUs(addUs(serverClock.estimateUs(), -settings.backfillUs));
    if (serverClock.isKnown) this.fixedGoalUs = goalUs;
    return goalUs;
  }

  private async backfillIteration(signal: AbortSignal): Promise<number> {
    if (coverageEnd(this.ctx.db, "event", "") === null) return BACKFILL_MS;
    const { goalUs } = this;
    const { state, reachedUs } = await this.backfill.step({ goalUs, signal });
    const fact = { goalUs, reachedUs, done: state === "done" };
    const text = JSON.stringify(fact);
    if (text !== this.writtenBackfill) this.ctx.ingest.putFact("backfill", fact);
    this.writtenBackfill = text;
    return state === "more" ? 0 : BACKFILL_MS;
  }

  private streamChanged(isOpen: boolean): void {
    this.ctx.logger.debug("sync: the websocket changed", { is_open: isOpen, state: this.feed.state.name });
    // Another connection may lead to another server.
    if (isOpen !== this.isStreamOpen) this.ctx.server.recognisedMs = null;
    this.isStreamOpen = isOpen;
    this.signals.status.notify();
  }

  private catchUpAfter(reason: Changes["possibleGap"]["reason"]): void {
    this.ctx.logger.debug("sync: the websocket may have missed events", { reason });
    const nowMs = this.ctx.clock.steadyMs();
    this.schedule.request(nowMs);
    if (reason !== "lost") this.schedule.request(addMs(nowMs, FLUSHED_MS));
    if (reason === "connected") this.schedule.request(addMs(nowMs, SETTLED_MS));
    this.signals.catchUp.notify();
  }

  private end(): void {
    try {
      this.status.end();
    } catch (error) {
      this.ctx.logger.debug("could not write to the record that syncing ended", { error: String(error) });
    }
  }
}
