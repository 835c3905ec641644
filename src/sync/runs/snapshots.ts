/** Snapshots: lists that are read whole, or their newest page where they grow without end. */

import { AppError } from "../../errors.ts";
import { markMoment } from "../../lib/clock.ts";
import { append, smallest } from "../../lib/lists.ts";
import { type LocalUs, NEVER_MS } from "../../lib/time.ts";
import { factsOf, KINDS, type KindFacts, type ListedKind, listBody, SNAPSHOT_KINDS } from "../../model/kinds.ts";
import type { SnapshotKind, SnapshotObjects } from "../../model/objects.ts";
import type { CallOptions, FilterBody, PrefectApi } from "../../prefect/api.ts";
import { readUnchangedList } from "../../prefect/paging/list-pages.ts";
import { areNamesByCodePoint, isListedByName } from "../../store/objects/name-order.ts";
import { findObjects } from "../../store/objects/objects.ts";
import { findFact } from "../../store/sync-state.ts";
import { isRecognisedBy } from "../context/database-check.ts";
import type { EngineContext } from "../context/engine-context.ts";
import { idleDelayMs, proveServer } from "../context/recognition.ts";
import type { Priority } from "../server/request-budget.ts";

interface Pace {
  /** Age at which a list is read again while a client is active. */
  readonly activeMs: number;
  /** Age at which it is read again otherwise, as far as the idle allowance permits. */
  readonly idleMs: number;
  /** Least time between two readings because of events. */
  readonly apartMs: number;
}

const PACES: Readonly<Record<KindFacts["readAgain"], Pace>> = {
  often: { activeMs: 15_000, idleMs: 10 * 60_000, apartMs: 5_000 },
  seldom: { activeMs: Number.POSITIVE_INFINITY, idleMs: 60 * 60_000, apartMs: 60_000 },
};
const paceOf = (kind: SnapshotKind): Pace => PACES[KINDS[kind].readAgain];

const ACTIVE_FOR_MS = 5 * 60_000;
/** Events of one kind come in bursts: its list is read so long after the first of them. */
const SOON_MS = 700;
const MAX_WAIT_MS = 60_000;
/** Time until a list is tried again after a failure, so that it does not block the other lists. */
const RETRY_MS = 30_000;

/** Kinds whose lists an event of this name makes stale. Submitting and finishing a run changes no worker. */
export function kindsChangedBy(eventName: string): readonly SnapshotKind[] {
  if (eventName.endsWith("-flow-run")) return [];
  return SNAPSHOT_KINDS.filter((kind) => {
    const { resource, staleAfter } = factsOf(kind);
    return [resource, ...staleAfter].some((cause) => eventName.startsWith(`${cause}.`));
  });
}

export interface SnapshotDue {
  readonly kind: SnapshotKind;
  /** Local clock. */
  readonly atMs: number;
  /** No client and no event asks for it: it is read from the idle allowance. */
  readonly isIdle: boolean;
  /** Approximate number of requests. */
  readonly cost: number;
}

export class Snapshots {
  private readonly ctx: EngineContext;
  /** Local clock, ms: when each list was read last, when it is due because of an event, and when reading it failed. */
  private readonly readMs = new Map<SnapshotKind, number>();
  private readonly wantedMs = new Map<SnapshotKind, number>();
  private readonly failedMs = new Map<SnapshotKind, number>();
  private clientActiveMs = NEVER_MS;

  constructor(ctx: EngineContext) {
    this.ctx = ctx;
  }

  markClientActive(): void {
    this.clientActiveMs = this.ctx.clock.steadyMs();
  }

  get isClientActive(): boolean {
    return this.ctx.clock.steadyMs() - this.clientActiveMs < ACTIVE_FOR_MS;
  }

  /** All lists are due at once: their stored time of reading is doubtful. */
  doubt(): void {
    this.readMs.clear();
  }

  /** To be called when events were stored. Returns true when a list became due because of them. */
  eventsStored(eventNames: Iterable<string>): boolean {
    const nowMs = this.ctx.clock.steadyMs();
    let isAnyDue = false;
    for (const name of eventNames) {
      for (const kind of kindsChangedBy(name)) {
        if (this.wantedMs.has(kind)) continue;
        const last = this.readMs.get(kind) ?? Number.NEGATIVE_INFINITY;
        const { apartMs } = paceOf(kind);
        this.wantedMs.set(kind, Math.max(nowMs + SOON_MS, Math.min(last + apartMs, nowMs + apartMs)));
        isAnyDue = true;
      }
    }
    return isAnyDue;
  }

  /** All lists are due now. */
  readAllAgain(): void {
    this.readMs.clear();
    this.failedMs.clear();
  }

  /** All lists in the order in which they are due. */
  schedule(): SnapshotDue[] {
    return SNAPSHOT_KINDS.map((kind) => this.due(kind)).sort((a, b) => a.atMs - b.atMs);
  }

  private due(kind: SnapshotKind): SnapshotDue {
    const due = this.dueWithoutFailure(kind);
    const failed = this.failedMs.get(kind);
    return failed === undefined ? due : { ...due, atMs: Math.max(due.atMs, failed + RETRY_MS) };
  }

  private dueWithoutFailure(kind: SnapshotKind): SnapshotDue {
    const last = this.readMs.get(kind);
    const cost = kind === "worker" ? Math.max(1, findObjects(this.ctx.db, "work_pool").length) : 1;
    if (last === undefined) return { kind, atMs: 0, isIdle: false, cost };
    const wanted = this.wantedMs.get(kind) ?? Number.POSITIVE_INFINITY;
    const { activeMs, idleMs } = paceOf(kind);
    const forClient = this.isClientActive ? last + activeMs : Number.POSITIVE_INFINITY;
    const soon = Math.min(wanted, forClient);
    // A list that is asked for comes before one that is only old, because the latter waits for the idle allowance.
    if (soon < Number.POSITIVE_INFINITY) return { kind, atMs: soon, isIdle: false, cost };
    return { kind, atMs: last + idleMs, isIdle: true, cost };
  }

  /**
   * Reads the lists that are due, idle ones as far as the allowance permits. Returns the milliseconds until the next.
   */
  async iterate(signal: AbortSignal): Promise<number> {
    for (;;) {
      const dues = this.schedule();
      const urgent = dues.find((one) => !one.isIdle && this.waitMs(one) === 0);
      const idle = dues.find((one) => one.isIdle && this.waitMs(one) === 0);
      const due = urgent ?? idle;
      const idleMs = due?.isIdle ? idleDelayMs(this.ctx, { name: "list", cost: due.cost, dueMs: due.atMs }) : 0;
      if (due && idleMs === 0) {
        await this.read(due.kind, "reconcile", signal);
        continue;
      }
      const waits = dues.filter((one) => one !== idle).map((one) => this.waitMs(one));
      return smallest([MAX_WAIT_MS, ...(idleMs > 0 ? [idleMs] : []), ...waits.filter((ms) => ms > 0)]);
    }
  }

  /** Milliseconds until the list is due. */
  private waitMs(due: SnapshotDue): number {
    return Math.max(0, due.atMs - this.ctx.clock.steadyMs());
  }

  /** Reads one whole list and stores it. Throws AppError. */
  async read(kind: SnapshotKind, priority: Priority, signal: AbortSignal): Promise<number> {
    let rows = 0;
    const startedMs = this.ctx.clock.steadyMs();
    const readUs = markMoment(this.ctx.clock);
    const wanted = this.wantedMs.get(kind);
    this.wantedMs.delete(kind);
    try {
      rows = await this.store(kind, readUs, priority, signal);
    } catch (error) {
      // An older Prefect has no such route, or the credential has no permission for it: asked again at the usual time.
      const isRefused = error instanceof AppError && !error.retryable && error.code !== "internal";
      if (!isRefused || signal.aborted) {
        this.failedMs.set(kind, this.ctx.clock.steadyMs());
        if (wanted !== undefined) this.wantedMs.set(kind, wanted);
        throw error;
      }
      this.ctx.logger.debug(`cannot read the list of ${KINDS[kind].plural}`, { error: error.message });
    }
    this.failedMs.delete(kind);
    this.readMs.set(kind, startedMs);
    return rows;
  }

  private async store(
    kind: SnapshotKind,
    readUs: () => LocalUs,
    priority: Priority,
    signal: AbortSignal,
  ): Promise<number> {
    const { holds } = factsOf(kind);
    if (kind !== "worker" && holds === "newest") {
      const limit = this.ctx.tuning.rowPage;
      const rows = await this.ask(priority, signal, kind, { limit, offset: 0 });
      await proveServer(this.ctx, priority, signal);
      if (rows.length < limit) this.ctx.ingest.snapshot(kind, rows, readUs(), true);
      else this.ctx.ingest.newestObjects(kind, rows, readUs());
      return rows.length;
    }
    if (kind !== "worker") {
      const { rows, isWhole } = await readUnchangedList(
        (body) => this.ask(priority, signal, kind, { ...body }),
        this.ctx.tuning.rowPage,
      );
      await proveServer(this.ctx, priority, signal, this.provenForMs(kind, rows));
      this.ctx.ingest.snapshot(kind, rows, readUs(), isWhole);
      if (isWhole && isListedByName(kind)) this.learnNameOrder(kind, rows);
      return rows.length;
    }
    // Prefect lists workers per pool only.
    const workers: SnapshotObjects["worker"][] = [];
    let isWhole = findFact(this.ctx.db, "read:work_pool") !== null;
    for (const pool of findObjects(this.ctx.db, "work_pool")) {
      const call = (api: PrefectApi, options: CallOptions) => api.filterWorkers(pool.name, options);
      const rows = await this.ctx.requests.call(priority, signal, call).catch((error: unknown) => {
        if (error instanceof AppError && error.code === "not_found" && !error.isUnknownRoute) return [];
        throw error;
      });
      if (rows.length >= this.ctx.tuning.rowPage) isWhole = false;
      append(workers, rows);
    }
    await proveServer(this.ctx, priority, signal);
    this.ctx.ingest.snapshot("worker", workers, readUs(), isWhole);
    return workers.length;
  }

  /** Stores how the server sorted the names of a whole list. */
  private learnNameOrder(kind: ListedKind, rows: readonly { readonly id: string }[]): void {
    const ids = rows.map(({ id }) => id);
    const isByCodePoint = areNamesByCodePoint(this.ctx.db, kind, ids);
    if (isByCodePoint === null || findFact(this.ctx.db, `names:${kind}`)?.isByCodePoint === isByCodePoint) return;
    this.ctx.ingest.putFact<`names:${ListedKind}`>(`names:${kind}`, { isByCodePoint });
  }

  private ask<K extends ListedKind>(
    priority: Priority,
    signal: AbortSignal,
    kind: K,
    body: FilterBody,
  ): Promise<readonly SnapshotObjects[K][]> {
    return this.ctx.requests.call(priority, signal, (api, options) =>
      api.filterObjects(kind, { ...body, ...listBody(kind) }, options),
    );
  }

  /** Where no event is recorded, the server is recognised by flows and deployments: the first ones must not be those of another server. */
  private provenForMs(kind: SnapshotKind, rows: readonly unknown[]): number | undefined {
    const isFirst = rows.length > 0 && isRecognisedBy(kind) && findObjects(this.ctx.db, kind).length === 0;
    return isFirst ? 0 : undefined;
  }
}
