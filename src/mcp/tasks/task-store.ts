/**
 * Calls that continue after their request was answered. They are held in memory, each for one caller of one tenant, and their results
 * until their time to live has passed.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Sentence } from "../../lib/shown-text.ts";
import { addMs, type LocalUs, type SteadyMs } from "../../lib/time.ts";

export interface TaskStoreOptions {
  readonly clock: Clock;
  /** +1 when a task begins to run, -1 when it has ended. */
  readonly onRunning?: (change: 1 | -1) => void;
}

/** One call as a task. */
export interface Task<Result> {
  readonly id: string;
  readonly createdUs: LocalUs;
  updatedUs: LocalUs;
  ttlMs: number;
  /** What it is doing. */
  message: Sentence | null;
  isCancelled: boolean;
  /** Null while it runs. */
  result: Result | null;
  readonly ended: Promise<Result>;
}

/** What a running call gets. */
export interface TaskHandle {
  /** Aborts when the task is cancelled. */
  readonly signal: AbortSignal;
  report(message: Sentence): void;
}

interface Held<Result> extends Task<Result> {
  readonly owner: string;
  readonly stop: AbortController;
  endMs: SteadyMs;
}

/** The longest call waits 10 minutes for its effect; what was asked for as a shorter time is made so long. */
const MIN_TTL_MS = 15 * 60_000;
const MAX_TTL_MS = 60 * 60_000;
/** A result is held at least this long, however long its call took. */
const RESULT_MS = 60_000;
const MAX_RUNNING = 20;
const MAX_HELD = 100;
const MAX_OF_ALL = 500;

export class TaskStore<Result> {
  private readonly options: TaskStoreOptions;
  /** Oldest first. */
  private readonly held = new Map<string, Held<Result>>();

  constructor(options: TaskStoreOptions) {
    this.options = options;
  }

  get size(): number {
    this.dropOld();
    return this.held.size;
  }

  /** Null when this caller, or all callers together, have as many tasks as are allowed; nothing is run then. `run` never rejects. */
  start(owner: string, ttlMs: number | undefined, run: (handle: TaskHandle) => Promise<Result>): Task<Result> | null {
    this.dropOld();
    const own = [...this.held.values()].filter((one) => one.owner === owner);
    const running = own.filter(({ result }) => result === null);
    if (this.held.size >= MAX_OF_ALL || own.length >= MAX_HELD || running.length >= MAX_RUNNING) return null;
    const { clock, onRunning } = this.options;
    const nowUs = clock.nowUs();
    const stop = new AbortController();
    const { promise, resolve } = Promise.withResolvers<Result>();
    const livesMs = Math.min(MAX_TTL_MS, Math.max(MIN_TTL_MS, Math.floor(ttlMs ?? MAX_TTL_MS)));
    const task: Held<Result> = {
      // Who knows the id and is this caller gets the result: 128 random bits.
      id: crypto.getRandomValues(new Uint8Array(16)).toHex(),
      owner,
      createdUs: nowUs,
      updatedUs: nowUs,
      ttlMs: livesMs,
      message: null,
      isCancelled: false,
      result: null,
      ended: promise,
      stop,
      endMs: addMs(clock.steadyMs(), livesMs),
    };
    this.held.set(task.id, task);
    onRunning?.(1);
    const report = (message: Sentence) => {
      task.message = message;
      task.updatedUs = clock.nowUs();
    };
    void run({ signal: stop.signal, report }).then((result) => {
      task.result = result;
      task.updatedUs = clock.nowUs();
      const leftMs = task.endMs - clock.steadyMs();
      if (leftMs < RESULT_MS) {
        task.ttlMs += RESULT_MS - leftMs;
        task.endMs = addMs(clock.steadyMs(), RESULT_MS);
      }
      onRunning?.(-1);
      resolve(result);
    });
    return task;
  }

  /** Null for the task of another caller, too. */
  find(owner: string, id: string): Task<Result> | null {
    this.dropOld();
    const task = this.held.get(id);
    return task?.owner === owner ? task : null;
  }

  /** Asks the call to end. What it has sent is not taken back. */
  cancel(task: Task<Result>): void {
    const held = this.held.get(task.id);
    if (held === undefined || held.result !== null) return;
    held.isCancelled = true;
    held.updatedUs = this.options.clock.nowUs();
    held.stop.abort();
  }

  /** Forgets a task whose result was given as the answer of its request. */
  drop(task: Task<Result>): void {
    this.held.delete(task.id);
  }

  /** Ends all of them. */
  close(): void {
    for (const { stop } of this.held.values()) stop.abort();
    this.held.clear();
  }

  private dropOld(): void {
    const nowMs = this.options.clock.steadyMs();
    for (const [id, task] of this.held) if (task.result !== null && task.endMs <= nowMs) this.held.delete(id);
  }
}
