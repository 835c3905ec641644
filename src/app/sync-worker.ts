import type { Settings } from "../config/settings.ts";
import type { HeldLease } from "../fleet/fleet.ts";
import { Backoff } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import { NEVER_MS } from "../lib/time.ts";
import type { LiveBatch } from "../model/events/live-batch.ts";
import type { AccountBudget } from "../prefect/transport/account-budget.ts";
import type { ChangeNotice } from "../sync/context/changes.ts";
import { decode, encode, type FromWorker, type ToWorker } from "./worker-messages.ts";
import type { EndStart, WriterStarts } from "./writer-starts.ts";

/** The Worker that writes the record, as the main thread uses it. It is restarted when it ends. */
export interface SyncWorker {
  /** Starts following Prefect. Has no effect when repeated. */
  follow(): void;
  /** Stores a live batch, unless too many wait already; starts the Worker when it is not running. */
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
  /** In a fleet: the lease of the tenant. The Worker writes only while it is held. */
  readonly lease?: HeldLease;
  /** The requests to the account, of all its workspaces. */
  readonly account?: AccountBudget | undefined;
  /** Shared by the Workers of a server with many tenants. Absent: it starts at once. */
  readonly starts?: WriterStarts | undefined;
}

/** After running for this time the wait before the next restart is short again. */
const STABLE_MS = 60_000;
/** Messages that wait while the Worker restarts; further ones are dropped. */
const MAX_WAITING = 200;
/**
 * Characters of live batches that the Worker has not processed yet. Further ones are dropped: nothing depends on them, and during a slow
 * write the queue of messages would grow without limit.
 */
const MAX_UNSAVED_CHARS = 32 * 1024 * 1024;
const MARK_EVERY_MS = 1000;

export function createSyncWorker(options: SyncWorkerOptions): SyncWorker {
  return new RestartingWorker(options);
}

class RestartingWorker implements SyncWorker {
  private readonly options: SyncWorkerOptions;
  private readonly backoff: Backoff;
  private readonly stopping = new AbortController();
  /** Encoded messages. */
  private readonly waiting: string[] = [];
  private unsavedChars = 0;
  private worker: Worker | null = null;
  private isReady = false;
  /** While it starts, or waits for its turn to do so. */
  private endStart: EndStart | null = null;
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
    const text = encode({ type: "save-live", batch });
    const isFull = this.unsavedChars > 0 && this.unsavedChars + text.length > MAX_UNSAVED_CHARS;
    if (isFull) this.options.logger.debug("a live answer is not stored, because the writer is busy");
    else if (this.postText(text)) this.unsavedChars += text.length;
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
    this.endStart?.();
    if (!worker) return;
    const giveUp = new AbortController();
    const isClosed = await Promise.race([
      this.closed.promise.then(() => true),
      this.options.clock.sleep(withinMs, giveUp.signal).then(() => false),
    ]);
    giveUp.abort();
    if (!isClosed) this.options.logger.warn("the sync worker did not end in time and is terminated");
    worker.terminate();
  }

  private post(message: ToWorker): void {
    this.postText(encode(message), message.type === "stop");
  }

  /** False when the message is dropped. */
  private postText(text: string, isLast = false): boolean {
    if (this.stopping.signal.aborted) return false;
    if (this.worker && this.isReady) {
      this.worker.postMessage(text);
      return true;
    }
    const isKept = this.waiting.length < MAX_WAITING || isLast;
    if (isKept) this.waiting.push(text);
    if (!this.worker) this.spawn();
    return isKept;
  }

  private spawn(): void {
    if (this.worker || this.endStart || this.stopping.signal.aborted) return;
    const { starts } = this.options;
    if (starts) this.endStart = starts.add(() => this.start());
    else this.start();
  }

  private started(): void {
    this.endStart?.();
    this.endStart = null;
  }

  private start(): void {
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
    else if (message.type === "started") this.started();
    else if (message.type === "change") this.options.onChange(message.change);
    else if (message.type === "lease") this.answerLease(worker, message.askedMs);
    else if (message.type === "saved") this.unsavedChars = Math.max(0, this.unsavedChars - message.chars);
    else this.closed.resolve();
  }

  private onReady(worker: Worker): void {
    const { settings, version, label = null, lease, account, clock } = this.options;
    const fence = lease?.fence ?? null;
    this.isReady = true;
    if (account) worker.postMessage(account.memory);
    const steadyMs = clock.steadyMs();
    worker.postMessage(encode({ type: "open", settings, version, label, fence, follow: this.isFollowing, steadyMs }));
    for (const text of this.waiting.splice(0)) worker.postMessage(text);
  }

  /** Not through `post`: it is answered while the Worker ends, too, and never waits in a queue. */
  private answerLease(worker: Worker, askedMs: number): void {
    const leftMs = this.options.lease?.leftMs() ?? 0;
    worker.postMessage(encode({ type: "lease", askedMs, leftMs }));
  }

  private onClosed(worker: Worker): void {
    if (worker !== this.worker) return;
    this.worker = null;
    this.isReady = false;
    this.started();
    // What the old Worker had not processed is lost.
    this.unsavedChars = this.waiting.reduce((sum, text) => sum + text.length, 0);
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
