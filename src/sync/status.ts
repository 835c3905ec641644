import { hostname } from "node:os";
import type { AppError } from "../errors.ts";
import { addUs, floorUs, type LocalUs } from "../lib/time.ts";
import type { Fact, FactKey } from "../store/sync-state.ts";
import { clockFact } from "./context/clock-fact.ts";
import type { EngineContext } from "./context/engine-context.ts";
import { type StreamState, shownState } from "./events/stream-state.ts";

/** Writes the engine's state into the record, for readers. A fact is written only when it has changed. */
export class Status {
  private readonly ctx: EngineContext;
  private readonly stream: () => StreamState;
  private startedUs: LocalUs;
  private readonly written = new Map<string, string>();
  private shown: ReturnType<typeof shownState> | null = null;
  private streamSinceUs: LocalUs = 0;
  private lastError: Fact<"lastError"> | null = null;

  constructor(ctx: EngineContext, stream: () => StreamState) {
    this.ctx = ctx;
    this.stream = stream;
    this.startedUs = floorUs(ctx.clock.nowUs());
  }

  /** The wall clock was set by this much: the moments that are written stay as long ago as they were. */
  localClockSet(byMs: number): void {
    const byUs = Math.round(byMs * 1000);
    this.startedUs = addUs(this.startedUs, byUs);
    this.streamSinceUs = addUs(this.streamSinceUs, byUs);
    if (this.lastError) this.lastError = { ...this.lastError, atUs: addUs(this.lastError.atUs, byUs) };
  }

  failed(error: AppError): void {
    this.lastError = { atUs: floorUs(this.ctx.clock.nowUs()), code: error.code, message: error.message };
  }

  /** Writes the heartbeat and all facts that changed. Throws AppError when the record cannot be written. */
  publish(): void {
    const nowUs = floorUs(this.ctx.clock.nowUs());
    const { connectivity, requests, settings } = this.ctx;
    const state = shownState(this.stream());
    if (state !== this.shown) {
      this.shown = state;
      this.streamSinceUs = nowUs;
    }
    const clock = clockFact(this.ctx);
    const facts: { [K in FactKey]?: Fact<K> | null } = {
      syncer: {
        pid: process.pid,
        host: hostname(),
        sinceUs: this.startedUs,
        heartbeatUs: nowUs,
        bootedUs: floorUs(this.ctx.clock.bootedUs()),
        pollMs: settings.pollMs,
      },
      connection: connectivity.fact,
      stream: { state, sinceUs: this.streamSinceUs },
      requests: requests.counts,
      ...(clock === null ? {} : { clock }),
      ...(this.lastError ? { lastError: this.lastError } : {}),
    };
    const changed = Object.entries(facts).filter(([key, value]) => this.written.get(key) !== JSON.stringify(value));
    this.ctx.ingest.facts(Object.fromEntries(changed));
    for (const [key, value] of changed) this.written.set(key, JSON.stringify(value));
  }

  /** The engine ends: readers must not wait for the heartbeat to expire. */
  end(): void {
    this.ctx.ingest.facts({ syncer: null, stream: { state: "off", sinceUs: floorUs(this.ctx.clock.nowUs()) } });
  }
}
