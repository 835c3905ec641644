import { type AppError, toAppError } from "../../errors.ts";
import { DAY_US, formatIsoUs, NEVER_MS, type SteadyMs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { findFact } from "../../store/sync-state.ts";
import type { EngineContext } from "../context/engine-context.ts";
import { Signal, UNTIL_NOTIFIED_MS } from "../context/signal.ts";
import { EventQueue } from "./event-queue.ts";
import {
  dueInMs,
  INITIAL_STREAM_STATE,
  nextStreamState,
  type StreamEffect,
  type StreamEvent,
  type StreamState,
} from "./stream-state.ts";

/** As Prefect's own clients ask: https://github.com/PrefectHQ/prefect/blob/main/src/prefect/events/filters.py */
const SINCE_US = 180 * DAY_US;
/** Also a machine without a battery, whose clock starts in 1970, asks for the present. */
const UNTIL_US = 100 * 366 * DAY_US;
/** Most events of one transaction, by number and by size. */
const LARGEST_BATCH = { maxEvents: 1_000, maxChars: 8 * 1024 * 1024 };

/**
 * Keeps the websocket open, stores its events within a quarter of a second, and publishes when events may be missing.
 * It never claims a range: Prefect drops events of a full queue without a notice.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/stream.py
 */
export class EventFeed {
  private readonly ctx: EngineContext;
  private readonly arrived = new Signal();
  private readonly batchFull = new Signal();
  private readonly pending: EventQueue;
  private arrivals: { atMs: SteadyMs; count: number }[] = [];
  private burstMs = NEVER_MS;
  private current: StreamState = INITIAL_STREAM_STATE;

  private connection: AbortController | null = null;

  constructor(ctx: EngineContext) {
    this.ctx = ctx;
    const { maxPendingEvents, maxPendingChars } = ctx.tuning;
    this.pending = new EventQueue({ maxEvents: maxPendingEvents, maxChars: maxPendingChars });
    if (!ctx.settings.stream) this.current = { name: "off" };
  }

  get state(): StreamState {
    return this.current;
  }

  /** Connects, and connects again after each end, until `signal` aborts. Never throws. */
  async listen(signal: AbortSignal): Promise<void> {
    const { clock } = this.ctx;
    while (!signal.aborted && this.current.name !== "off") {
      const waitMs = dueInMs(this.current, clock.steadyMs());
      if (waitMs > 0) await clock.sleep(waitMs, signal);
      if (signal.aborted) break;
      if (dueInMs(this.current, clock.steadyMs()) > 0) continue;
      if (this.transition("due").includes("dial")) this.transition(await this.connect(signal));
    }
    this.transition("stop");
  }

  /** Closes the connection, which may be dead without a sign of it, and opens another one. */
  reconnect(): void {
    if (this.current.name === "open") this.connection?.abort();
  }

  /**
   * Stores received events until `signal` aborts, and then what is left, unless the engine ends because another server answers: they
   * may be its events. Never throws.
   */
  async store(signal: AbortSignal): Promise<void> {
    const { clock, tuning } = this.ctx;
    while (!signal.aborted) {
      if (this.pending.size === 0) await this.arrived.wait(clock, UNTIL_NOTIFIED_MS, signal);
      if (this.pending.size < tuning.batchEvents) await this.batchFull.wait(clock, tuning.batchMs, signal);
      if (!this.flush() && !signal.aborted) await clock.sleep(tuning.retryFirstMs, signal);
    }
    if (findFact(this.ctx.db, "otherServer") !== null) return;
    while (this.pending.size > 0 && this.flush());
  }

  /** One connection from its start to its end. Returns how it ended. */
  private async connect(signal: AbortSignal): Promise<StreamEvent> {
    const { api } = this.ctx.requests;
    const nowUs = this.ctx.serverClock.estimateUs();
    // The server moves `since` to 15 minutes before the connection, on its own clock. Both bounds are applied to live events too, so
    // they are so wide that a wrong local clock excludes none while the server clock is unknown.
    const occurred = { since: formatIsoUs(nowUs - SINCE_US), until: formatIsoUs(nowUs + UNTIL_US) };
    const closing = new AbortController();
    this.connection = closing;
    const stop = () => closing.abort();
    signal.addEventListener("abort", stop, { once: true });
    try {
      const stream = api.openEventStream({ occurred }, closing.signal);
      try {
        await stream.ready;
        if (signal.aborted) return "stop";
        this.ctx.connectivity.answered();
        this.transition("accepted");
        for await (const events of stream) {
          this.ctx.connectivity.answered();
          this.push(events);
        }
      } finally {
        stream.close();
      }
    } catch (error) {
      if (isRejection(toAppError(error))) return "rejected";
    } finally {
      signal.removeEventListener("abort", stop);
    }
    if (signal.aborted) return "stop";
    return this.ctx.connectivity.isReachable ? "lost" : "unreachable";
  }

  private push(events: readonly PrefectEvent[]): void {
    const { tuning, changes } = this.ctx;
    const wasEmpty = this.pending.size === 0;
    // The next catch-up reads dropped events over REST, if the server has stored them.
    if (this.pending.push(events) > 0) changes.publish("possibleGap", { reason: "dropped" });
    if (wasEmpty && this.pending.size > 0) this.arrived.notify();
    if (this.pending.size >= tuning.batchEvents) this.batchFull.notify();
    this.watchBurst(events.length);
  }

  private watchBurst(count: number): void {
    const { clock, tuning } = this.ctx;
    const nowMs = clock.steadyMs();
    this.arrivals.push({ atMs: nowMs, count });
    this.arrivals = this.arrivals.filter((one) => one.atMs > nowMs - tuning.burstMs);
    const recent = this.arrivals.reduce((sum, one) => sum + one.count, 0);
    if (recent <= tuning.burstEvents || nowMs - this.burstMs < tuning.burstMs) return;
    this.burstMs = nowMs;
    this.ctx.changes.publish("possibleGap", { reason: "burst" });
  }

  /** Returns false when the events could not be stored and remain in memory. */
  private flush(): boolean {
    const batch = this.pending.first(LARGEST_BATCH);
    if (batch.length === 0) return true;
    try {
      this.ctx.ingest.events(batch, "stream", null);
    } catch (error) {
      const failure = toAppError(error);
      this.ctx.changes.publish("failure", { part: "event stream", error: failure });
      // Only a full or busy disk may recover. Any other failure would repeat for ever, so the batch is dropped.
      if (failure.code === "unavailable") return false;
    }
    this.pending.remove(batch.length);
    this.ctx.changes.publish("success", { part: "event stream" });
    return true;
  }

  private transition(event: StreamEvent): readonly StreamEffect[] {
    const { clock, tuning, random } = this.ctx;
    const context = {
      nowMs: clock.steadyMs(),
      random: random(),
      dialMs: tuning.dialMs,
      rejectedMs: tuning.rejectedDialMs,
    };
    const step = nextStreamState(this.current, event, context);
    const changed = step.state.name !== this.current.name;
    this.current = step.state;
    const isOpen = step.state.name === "open";
    if (changed) this.ctx.changes.publish("stream", { isOpen });
    if (step.effects.includes("catch-up"))
      this.ctx.changes.publish("possibleGap", { reason: isOpen ? "connected" : "lost" });
    return step.effects;
  }
}

/** Credentials or filter were rejected: another attempt soon would end in the same way. */
function isRejection(error: AppError): boolean {
  return error.code === "unauthorized" || error.code === "invalid_input" || error.code === "invalid_config";
}
