import type { Settings } from "../config/settings.ts";
import { Backoff } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import { NEVER_MS } from "../lib/time.ts";
import type { LiveBatch } from "../model/events/live-batch.ts";
import type { ChangeNotice } from "../sync/context/changes.ts";
import { decode, encode, type FromWorker, type ToWorker } from "./worker-messages.ts";

/** The Worker that writes the record, as the main thread uses it. It is restarted when it ends. */
export interface SyncWorker {
  /** Starts following Prefect. Has no effect when repeated. */
  follow(): void;
  /** Stores a live batch; starts the Worker when it is not running. */
  saveLive(batch: LiveBatch): void;
  /** A client has just asked something, so the Worker refreshes more often. */
  markClientActive(): void;
  /** Lets the Worker store what it has received and close the record; terminates it after `withinMs`. */
  stop(withinMs: number): Promise<void>;
}

export interface SyncWorkerOptions {
  /** The program's own file, which the Worker runs: source, bundle or compiled binary. */
  readonly entry: string;
  readonly settings: Settings;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onChange: (change: ChangeNotice) => void;
  readonly label?: string;
}

/** After running for this time the wait before the next restart is short again. */
const STABLE_MS = 60_000;
/** Messages that wait while the Worker restarts; further ones are dropped. */
const MAX_WAITING = 200;
const MARK_EVERY_MS = 1000;

export function createSyncWorker(options: SyncWorkerOptions): SyncWorker {
  return new RestartingWorker(options);
}

class RestartingWorker implements SyncWorker {
  private readonly options: SyncWorkerOptions;
  private readonly backoff: Backoff;
  private readonly stopping = new AbortController();
  private readonly waiting: ToWorker[] = [];
  private worker: Worker | null = null;
  private isReady = false;
  private isFollowing = false;
  private markedMs = NEVER_MS;
  private spawnedMs = NEVER_MS;
  private closed = Promise.withResolvers<void>();

  constructor(options: SyncWorkerOptions) {
    this.options = options;
    this.backoff = new Backoff({ firstMs: 500, maxMs: 10_000 });
  }

  follow(): void {
    if (this.isFollowing) return;
    this.isFollowing = true;
    if (this.worker) this.post({ type: "follow" });
    else this.spawn();
  }

  saveLive(batch: LiveBatch): void {
    this.post({ type: "save-live", batch });
  }

  markClientActive(): void {
    const nowMs = this.options.clock.steadyMs();
    if (!this.isReady || nowMs - this.markedMs < MARK_EVERY_MS) return;
    this.markedMs = nowMs;
    this.post({ type: "client-active" });
  }

  async stop(withinMs: number): Promise<void> {
    if (this.stopping.signal.aborted) return;
    const { worker } = this;
    if (worker) this.post({ type: "stop" });
    this.stopping.abort();
    if (!worker) return;
    const giveUp = new AbortController();
    await Promise.race([this.closed.promise, this.options.clock.sleep(withinMs, giveUp.signal)]);
    giveUp.abort();
    worker.terminate();
  }

  private post(message: ToWorker): void {
    if (this.stopping.signal.aborted) return;
    if (this.worker && this.isReady) {
      this.worker.postMessage(encode(message));
      return;
    }
    if (this.waiting.length < MAX_WAITING || message.type === "stop") this.waiting.push(message);
    if (!this.worker) this.spawn();
  }

  private spawn(): void {
    if (this.worker || this.stopping.signal.aborted) return;
    const worker = new Worker(this.options.entry);
    this.worker = worker;
    this.spawnedMs = this.options.clock.steadyMs();
    worker.addEventListener("message", (event: MessageEvent) => this.receive(worker, decode<FromWorker>(event.data)));
    worker.addEventListener("error", (event: ErrorEvent) => {
      event.preventDefault();
      this.options.logger.error("the sync worker failed", { error: lastLine(event.message) });
    });
    worker.addEventListener("close", () => this.onClosed(worker));
  }

  private receive(worker: Worker, message: FromWorker): void {
    if (worker !== this.worker) return;
    if (message.type === "ready") this.onReady(worker);
    else if (message.type === "change") this.options.onChange(message.change);
    else this.closed.resolve();
  }

  private onReady(worker: Worker): void {
    const { settings, version, label = null } = this.options;
    this.isReady = true;
    worker.postMessage(encode({ type: "open", settings, version, label, follow: this.isFollowing }));
    for (const message of this.waiting.splice(0)) worker.postMessage(encode(message));
  }

  private onClosed(worker: Worker): void {
    if (worker !== this.worker) return;
    this.worker = null;
    this.isReady = false;
    this.closed.resolve();
    if (this.stopping.signal.aborted) return;
    const { clock, logger } = this.options;
    if (clock.steadyMs() - this.spawnedMs > STABLE_MS) this.backoff.reset();
    const waitMs = this.backoff.next();
    logger.warn("the sync worker ended and is started again", { wait_ms: waitMs });
    this.closed = Promise.withResolvers<void>();
    void clock.sleep(waitMs, this.stopping.signal).then(() => this.spawn());
  }
}

/** The error itself: Bun puts an excerpt of the source before it. */
function lastLine(message: string): string {
  const lines = message.split("\n").filter((line) => /^\s*(\w*[Ee]rror|\w+Exception)\b/.test(line));
  return lines.at(-1)?.trim() ?? message.slice(-300);
}
