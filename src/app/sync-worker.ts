import type { Settings } from "../config/settings.ts";
import { Backoff } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import type { LiveBatch } from "../model/events/live-batch.ts";
import type { ChangeNotice } from "../sync/context/changes.ts";
import { decode, encode, type FromWorker, type ToWorker, type WorkerTrouble } from "./worker-messages.ts";

/** The answering thread's hold on the Worker that writes the record. */
export interface Syncer {
  /** Starts following Prefect. Again: nothing. */
  follow(): void;
  /** Stores a live answer; starts the Worker when it is not there yet. */
  saveLive(batch: LiveBatch): void;
  /** A client is active. */
  touch(): void;
  /** Why the record cannot be written at the moment, or null. */
  readonly trouble: WorkerTrouble | null;
  /** Lets the Worker finish what it was given and close the record; gives up after `withinMs`. */
  stop(withinMs: number): Promise<void>;
}

export interface SyncerOptions {
  /** The program's own file: the Worker re-enters it (source, bundle and compiled binary alike). */
  readonly entry: string;
  readonly settings: Settings;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onChange: (change: ChangeNotice) => void;
  readonly label?: string;
}

/** A Worker that lived this long was healthy: the next restart is quick again. */
const HEALTHY_MS = 60_000;
/** Live answers that wait while the Worker restarts. */
const MAX_WAITING = 200;
const TOUCH_EVERY_MS = 1000;

export function createSyncer(options: SyncerOptions): Syncer {
  return new WorkerSyncer(options);
}

class WorkerSyncer implements Syncer {
  trouble: WorkerTrouble | null = null;
  private readonly options: SyncerOptions;
  private readonly backoff: Backoff;
  private readonly stopping = new AbortController();
  private readonly waiting: ToWorker[] = [];
  private worker: Worker | null = null;
  private isReady = false;
  private isFollowing = false;
  private touchedMs = 0;
  private bornMs = 0;
  private whenGone = Promise.withResolvers<void>();

  constructor(options: SyncerOptions) {
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

  touch(): void {
    const nowMs = this.options.clock.nowMs();
    if (!this.isReady || nowMs - this.touchedMs < TOUCH_EVERY_MS) return;
    this.touchedMs = nowMs;
    this.post({ type: "touch" });
  }

  async stop(withinMs: number): Promise<void> {
    if (this.stopping.signal.aborted) return;
    const { worker } = this;
    if (worker) this.post({ type: "stop" });
    this.stopping.abort();
    if (!worker) return;
    const giveUp = new AbortController();
    await Promise.race([this.whenGone.promise, this.options.clock.sleep(withinMs, giveUp.signal)]);
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
    this.bornMs = this.options.clock.nowMs();
    worker.addEventListener("message", (event: MessageEvent) => this.receive(worker, decode<FromWorker>(event.data)));
    worker.addEventListener("error", (event: ErrorEvent) => {
      event.preventDefault();
      this.options.logger.error("the sync worker failed", { error: lastLine(event.message) });
    });
    worker.addEventListener("close", () => this.gone(worker));
  }

  private receive(worker: Worker, message: FromWorker): void {
    if (worker !== this.worker) return;
    if (message.type === "ready") this.ready(worker);
    else if (message.type === "change") this.options.onChange(message.change);
    else if (message.type === "trouble") this.trouble = message.error;
    else this.whenGone.resolve();
  }

  private ready(worker: Worker): void {
    const { settings, version, label = null } = this.options;
    this.isReady = true;
    worker.postMessage(encode({ type: "open", settings, version, label, follow: this.isFollowing }));
    for (const message of this.waiting.splice(0)) worker.postMessage(encode(message));
  }

  private gone(worker: Worker): void {
    if (worker !== this.worker) return;
    this.worker = null;
    this.isReady = false;
    this.whenGone.resolve();
    if (this.stopping.signal.aborted) return;
    const { clock, logger } = this.options;
    if (clock.nowMs() - this.bornMs > HEALTHY_MS) this.backoff.reset();
    const waitMs = this.backoff.next();
    logger.warn("the sync worker ended and is started again", { wait_ms: waitMs });
    this.whenGone = Promise.withResolvers<void>();
    void clock.sleep(waitMs, this.stopping.signal).then(() => this.spawn());
  }
}

/** Bun puts an excerpt of the source before the error itself. */
function lastLine(message: string): string {
  const lines = message.split("\n").filter((line) => /^\s*(\w*[Ee]rror|\w+Exception)\b/.test(line));
  return lines.at(-1)?.trim() ?? message.slice(-300);
}
