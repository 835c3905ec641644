/**
 * The writing side of one record: waits for the leader lock, then runs the engine. One process may hold several
 * sessions, one per record, so nothing is kept in module scope.
 */

import { type AppError, toAppError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import { ceilUs, floorUs, type ServerUs } from "../lib/time.ts";
import type { LiveBatch } from "../model/events/live-batch.ts";
import type { Redact } from "../model/secrets/redact.ts";
import type { SyncSettings } from "../model/sync-settings.ts";
import type { PrefectApi } from "../prefect/api.ts";
import type { AccountBudget } from "../prefect/transport/account-budget.ts";
import { type RecordDb, rebuildRecord } from "../store/database.ts";
import { fenceWrites, type WriterLease } from "../store/fence.ts";
import { type LeaderLock, tryBecomeLeader } from "../store/file/leader-lock.ts";
import { isDamage } from "../store/file/store-error.ts";
import { type Fact, type FactKey, findFact } from "../store/sync-state.ts";
import { type AuditOptions, type AuditReport, audit } from "./audit.ts";
import { changeRecord, withdrawUnproven } from "./change-record.ts";
import type { ChangeNotice } from "./context/changes.ts";
import { clockFact, isSameLocalClock, setBackUs } from "./context/clock-fact.ts";
import { createBudget, createContext } from "./context/create-context.ts";
import { type EngineContext, horizonUs } from "./context/engine-context.ts";
import { OtherServerError } from "./context/loop.ts";
import { proveServer } from "./context/recognition.ts";
import { refreshServerFacts } from "./context/server-facts.ts";
import { TUNING, type Tuning } from "./context/tuning.ts";
import { Engine } from "./engine.ts";
import { forgetBefore } from "./retention.ts";
import type { RequestBudget } from "./server/request-budget.ts";
import { recordsOnDisk, type ServerRecords, singleRecord } from "./server-records.ts";
import { type SyncProgress, syncOnce } from "./sync-once.ts";

export interface SyncSessionOptions {
  /** The file of the first server that answered at the URL; the files of others lie beside it. */
  readonly file: string;
  readonly api: PrefectApi;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: SyncSettings;
  readonly redact: Redact;
  /** In a fleet: what every write has to prove. */
  readonly lease?: WriterLease;
  /**
   * A record that is open for writing and that the caller closes. Without it the session opens the file in use and closes it.
   */
  readonly db?: RecordDb;
  /** Default: the files on disk. */
  readonly records?: ServerRecords;
  /** Default: takes the lock beside the file. Returns null while another process holds it. */
  readonly acquireLeader?: () => LeaderLock | null;
  readonly random?: () => number;
  readonly tuning?: Partial<Tuning>;
  /** Default: a budget of this session alone. */
  readonly account?: AccountBudget;
  /** Called after each commit, for subscriptions and waiting calls. */
  readonly onChange?: (change: ChangeNotice) => void;
}

/** The failure that was logged last and has not been overcome. */
interface Problem {
  /** The loop that failed, or `record`. */
  readonly part: string;
  readonly error: AppError;
}

export interface SyncSession {
  /**
   * Waits for the leader lock and runs the engine, until `signal` aborts. Failures are logged and tried again, not
   * thrown.
   */
  run(signal: AbortSignal): Promise<void>;
  /**
   * One complete pass (`sync --once`): resolves when the record is up to date. Throws AppError when Prefect or the
   * record fails.
   */
  once(
    options: { readonly sinceUs?: ServerUs },
    onProgress: (progress: SyncProgress) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Resolves when the live batch is stored or dropped. A failure is logged. */
  saveLive(batch: LiveBatch): Promise<void>;
  /** Resolves when all live batches are stored or dropped, at the latest after `withinMs`. To be called before `close`. */
  finishLive(withinMs: number): Promise<void>;
  /** A client is active: lists are read again every 15 s for the next 5 minutes. */
  markClientActive(): void;
  /** Compares the record with Prefect. Throws AppError when Prefect cannot be asked. */
  audit(options: AuditOptions, signal: AbortSignal): Promise<AuditReport>;
  /**
   * Deletes events, runs and logs from before `beforeUs` (microseconds, server clock). Returns the number of deleted
   * events.
   */
  forget(beforeUs: ServerUs, signal: AbortSignal): Promise<number>;
  close(): void;
}

export function createSyncSession(options: SyncSessionOptions): SyncSession {
  return new Session(options);
}

/** Wait before the record is opened again after the engine has ended with an error. */
const RETRY_MS = 3_000;

class Session implements SyncSession {
  private readonly options: SyncSessionOptions;
  private readonly tuning: Tuning;
  private readonly records: ServerRecords;
  /** A pause that Prefect has asked for outlasts the record. */
  private readonly budget: RequestBudget;
  private db: RecordDb | null;
  private ctx: EngineContext | null = null;
  private engine: Engine | null = null;
  private problem: Problem | null = null;
  /** Live batches of which it is not certain yet that they come from the server of this record. */
  private readonly unproven: { readonly batch: LiveBatch; readonly resolve: () => void }[] = [];
  /** Ends when no live batch waits. */
  private saving: Promise<void> = Promise.resolve();
  private readonly closing = new AbortController();

  constructor(options: SyncSessionOptions) {
    this.options = options;
    this.tuning = { ...TUNING, ...options.tuning };
    this.db = options.db ?? null;
    const { file, settings } = options;
    this.budget = createBudget({ ...options, tuning: this.tuning });
    this.records =
      options.records ??
      (options.db ? singleRecord(options.db) : recordsOnDisk(file, settings.retentionBytes, (db) => this.fence(db)));
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.options;
    while (!signal.aborted) {
      const lock = this.tryLead();
      if (lock === null) {
        await clock.sleep(this.tuning.leaderPollMs, signal);
        continue;
      }
      try {
        await this.lead(signal);
      } catch (error) {
        const isChanged = error instanceof OtherServerError && (await this.tryChangeRecord(signal));
        if (!isChanged) {
          this.recover(error);
          await clock.sleep(RETRY_MS, signal);
        }
      } finally {
        lock.release();
      }
    }
  }

  async once(
    options: { readonly sinceUs?: ServerUs },
    onProgress: (progress: SyncProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    // Another process may hold the lock and sync at the same time: both write the same rows, and each row is stored
    // once.
    const lock = this.tryLead();
    try {
      await this.onRightRecord(lock, signal, (ctx) => syncOnce(ctx, options, onProgress, signal));
      const ctx = this.context();
      if (lock) ctx.ingest.facts(passFacts(ctx));
    } finally {
      lock?.release();
    }
  }

  async saveLive(batch: LiveBatch): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.unproven.push({ batch, resolve });
    if (this.unproven.length === 1) this.saving = this.saveProven();
    await promise;
  }

  async finishLive(withinMs: number): Promise<void> {
    const isDone = new AbortController();
    await Promise.race([this.saving, this.options.clock.sleep(withinMs, isDone.signal)]);
    isDone.abort();
  }

  /** Live answers may come from another server, so each is stored only when the right one was recognised after it. */
  private async saveProven(): Promise<void> {
    while (this.unproven.length > 0 && !this.closing.signal.aborted) {
      const taken = [...this.unproven];
      try {
        const ctx = this.context();
        if (findFact(ctx.db, "otherServer") === null) {
          await proveServer(ctx, "reconcile", this.closing.signal, 0);
          if (this.ctx === ctx) for (const { batch } of taken) this.saveBatch(ctx, batch);
        }
      } catch (error) {
        this.options.logger.warn("could not store a live answer", { error: toAppError(error).message });
      }
      this.unproven.splice(0, taken.length);
      for (const { resolve } of taken) resolve();
    }
    for (const { resolve } of this.unproven.splice(0)) resolve();
  }

  private saveBatch(ctx: EngineContext, batch: LiveBatch): void {
    ctx.clockWatch.check();
    ctx.ingest.saveLive(cutAtHorizon(batch, horizonUs(ctx)));
  }

  markClientActive(): void {
    this.engine?.markClientActive();
  }

  async audit(options: AuditOptions, signal: AbortSignal): Promise<AuditReport> {
    const run = async (ctx: EngineContext) => {
      await refreshServerFacts(ctx, signal);
      return await audit(ctx, options, signal);
    };
    try {
      return await run(this.context());
    } catch (error) {
      const lock = error instanceof OtherServerError ? this.tryLead() : null;
      // Another process syncs: it puts the right record in use.
      if (lock === null) throw error;
      try {
        await this.changeRecord(signal);
        return await run(this.context());
      } finally {
        lock.release();
      }
    }
  }

  forget(beforeUs: ServerUs, signal: AbortSignal): Promise<number> {
    return forgetBefore(this.context(), beforeUs, signal);
  }

  close(): void {
    this.closing.abort();
    if (!this.options.db) this.db?.close();
    this.db = null;
    this.ctx = null;
  }

  private tryLead(): LeaderLock | null {
    try {
      return (this.options.acquireLeader ?? (() => tryBecomeLeader(this.options.file)))();
    } catch (error) {
      this.report("record", toAppError(error));
      return null;
    }
  }

  /** Once more, when another server answers and this process may change the record. */
  private async onRightRecord<T>(
    lock: LeaderLock | null,
    signal: AbortSignal,
    work: (ctx: EngineContext) => Promise<T>,
  ): Promise<T> {
    try {
      return await work(this.context());
    } catch (error) {
      if (lock === null || !(error instanceof OtherServerError)) throw error;
      await this.changeRecord(signal);
      return await work(this.context());
    }
  }

  private async tryChangeRecord(signal: AbortSignal): Promise<boolean> {
    try {
      await this.changeRecord(signal);
      return true;
    } catch (error) {
      if (!signal.aborted) this.report("change of the record", toAppError(error));
      return false;
    }
  }

  /** Puts the record of the server that answers in use. To be called by the process that holds the lock. */
  private async changeRecord(signal: AbortSignal): Promise<void> {
    await changeRecord(this.context(), this.records, signal);
    this.closeRecord();
    const ctx = this.context();
    ctx.ingest.putFact("serverChanged", { sinceUs: floorUs(ctx.clock.nowUs()) });
    this.resolved("change of the record");
  }

  private closeRecord(): void {
    if (this.db !== this.options.db) this.db?.close();
    this.db = this.options.db ?? null;
    this.ctx = null;
  }

  private async lead(signal: AbortSignal): Promise<void> {
    const ctx = this.context();
    // An earlier process ended while another server answered.
    if (findFact(ctx.db, "otherServer") !== null) withdrawUnproven(ctx.db);
    const engine = new Engine(ctx);
    this.resolved("record");
    this.engine = engine;
    try {
      await engine.run(signal);
    } finally {
      this.engine = null;
    }
  }

  /** The engine has thrown: the record is damaged, or its file was removed or replaced. */
  private recover(error: unknown): void {
    this.report("record", toAppError(error));
    if (this.options.db) return;
    const db = this.db;
    this.db = null;
    this.ctx = null;
    try {
      if (db && isDamage(error)) {
        this.db = rebuildRecord(db, toAppError(error).message);
        this.fence(this.db);
      } else db?.close();
    } catch (failure) {
      this.report("record", toAppError(failure));
    }
  }

  private fence(db: RecordDb): void {
    const { lease, clock } = this.options;
    if (lease) fenceWrites(db, lease, () => clock.nowUs());
  }

  private context(): EngineContext {
    // A running engine notices by itself when its record is no longer in use.
    if (this.db && !this.engine && !this.records.isCurrent(this.db)) this.closeRecord();
    if (this.ctx) return this.ctx;
    this.db ??= this.records.open();
    const { db } = this;
    if (db.notice !== null) this.options.logger.warn(db.notice);
    const { onChange } = this.options;
    this.ctx = createContext({
      ...this.options,
      db,
      isRecordCurrent: () => this.records.isCurrent(db),
      random: this.options.random ?? Math.random,
      tuning: this.tuning,
      budget: this.budget,
    });
    // Another process may have written with a clock that was set back since, or in another run of the machine.
    const { clock, ingest } = this.ctx;
    if (!isSameLocalClock(db, clock)) ingest.repairs.localClockSetBack(setBackUs(db, clock));
    this.ctx.changes.subscribe({
      ...(onChange ? { commit: onChange } : {}),
      failure: ({ part, error }) => this.report(part, error),
      success: ({ part }) => this.resolved(part),
    });
    return this.ctx;
  }

  private report(part: string, error: AppError): void {
    const isNew = this.problem?.part !== part || this.problem.error.message !== error.message;
    this.problem = { part, error };
    if (!isNew) return;
    this.options.logger.warn(`sync: ${part} failed and is tried again`, { code: error.code, error: error.message });
  }

  private resolved(part: string): void {
    if (this.problem?.part !== part) return;
    this.problem = null;
    this.options.logger.debug(`sync: ${part} works again`);
  }
}

/** Facts for readers after a single pass. A running engine writes them itself. */
function passFacts(ctx: EngineContext): { readonly [K in FactKey]?: Fact<K> | null } {
  const clock = clockFact(ctx);
  return {
    connection: ctx.connectivity.fact,
    requests: ctx.requests.counts,
    ...(clock === null ? {} : { clock }),
  };
}

/** Cuts the claim at the retention horizon: the server may have deleted earlier events before it answered. */
function cutAtHorizon(batch: LiveBatch, horizonUs: ServerUs): LiveBatch {
  if (batch.kind !== "event" || !batch.covered || batch.covered.fromUs >= horizonUs) return batch;
  return { ...batch, covered: { ...batch.covered, fromUs: ceilUs(horizonUs) } };
}
