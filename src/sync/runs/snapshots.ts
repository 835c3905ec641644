/** The lists that are small enough to be read whole: flows, deployments, pools, queues, workers, limits, automations. */
import { AppError } from "../../errors.ts";
import { eventPrefix, KINDS, type KindFacts, type ListedKind, SNAPSHOT_KINDS } from "../../model/kinds.ts";
import type { SnapshotKind, SnapshotObjects } from "../../model/objects.ts";
import type { CallOptions, FilterBody, PrefectApi } from "../../prefect/api.ts";
import { overlappingPages } from "../../prefect/paging/list-pages.ts";
import { findObjects } from "../../store/objects/objects.ts";
import { findFact } from "../../store/sync-state.ts";
import type { EngineContext } from "../context/engine-context.ts";
import type { Priority } from "../server/request-budget.ts";

/** A client that is active wants lists of at most this age. */
const CLIENT_ACTIVE_MS = 15_000;
const CLIENT_LASTS_MS = 5 * 60_000;
/** Otherwise each list is read again after this, as far as the idle allowance lasts. */
const QUIET_MS = 10 * 60_000;
/** Events that name a kind come in bursts: the first is answered within a second, the next ones this far apart. */
const SOON_MS = 700;
const APART_MS = 5_000;
const LOOK_MS = 60_000;
/** A list that could not be read waits this long, so that the others have their turn. */
const FAILED_MS = 30_000;
/** Readings of a list that moved between its pages. */
const READINGS = 3;

/** Kinds whose lists an event of this name makes stale. Submitting and finishing a run changes no worker. */
export function kindsChangedBy(eventName: string): readonly SnapshotKind[] {
  if (eventName.endsWith("-flow-run")) return [];
  return SNAPSHOT_KINDS.filter((kind) => {
    const { staleAfter }: KindFacts = KINDS[kind];
    return [kind, ...staleAfter].some((cause) => eventName.startsWith(eventPrefix(cause)));
  });
}

export interface SnapshotDue {
  readonly kind: SnapshotKind;
  /** Our clock. */
  readonly atMs: number;
  /** Nobody waits for it. */
  readonly isIdle: boolean;
  /** Requests it takes, about. */
  readonly cost: number;
}

export class Snapshots {
  private readonly ctx: EngineContext;
  /** Our clock, ms: when each kind was read last, and when it is wanted at the latest because an event named it. */
  private readonly readMs = new Map<SnapshotKind, number>();
  private readonly wantedMs = new Map<SnapshotKind, number>();
  private readonly failedMs = new Map<SnapshotKind, number>();
  private clientActiveMs = Number.NEGATIVE_INFINITY;

  constructor(ctx: EngineContext) {
    this.ctx = ctx;
  }

  markClientActive(): void {
    this.clientActiveMs = this.ctx.clock.nowMs();
  }

  get isClientActive(): boolean {
    return Math.abs(this.ctx.clock.nowMs() - this.clientActiveMs) < CLIENT_LASTS_MS;
  }

  /** Events were stored; true when a list became old by them. */
  eventsStored(eventNames: Iterable<string>): boolean {
    const nowMs = this.ctx.clock.nowMs();
    let isNews = false;
    for (const name of eventNames) {
      for (const kind of kindsChangedBy(name)) {
        if (this.wantedMs.has(kind)) continue;
        const last = this.readMs.get(kind) ?? Number.NEGATIVE_INFINITY;
        this.wantedMs.set(kind, Math.max(nowMs + SOON_MS, Math.min(last + APART_MS, nowMs + APART_MS)));
        isNews = true;
      }
    }
    return isNews;
  }

  /** The lists in the order in which they are due. */
  schedule(): SnapshotDue[] {
    return SNAPSHOT_KINDS.map((kind) => this.due(kind)).sort((a, b) => a.atMs - b.atMs);
  }

  private due(kind: SnapshotKind): SnapshotDue {
    const due = this.dueWithoutFailure(kind);
    const failed = this.failedMs.get(kind);
    return failed === undefined ? due : { ...due, atMs: Math.max(due.atMs, failed + FAILED_MS) };
  }

  private dueWithoutFailure(kind: SnapshotKind): SnapshotDue {
    const last = this.readMs.get(kind);
    const cost = kind === "worker" ? Math.max(1, findObjects(this.ctx.db, "work_pool").length) : 1;
    if (last === undefined) return { kind, atMs: 0, isIdle: false, cost };
    const wanted = this.wantedMs.get(kind) ?? Number.POSITIVE_INFINITY;
    const touched = this.isClientActive ? last + CLIENT_ACTIVE_MS : Number.POSITIVE_INFINITY;
    const soon = Math.min(wanted, touched);
    // Wanted beats overdue: what is overdue only waits for the idle allowance.
    if (soon < Number.POSITIVE_INFINITY) return { kind, atMs: soon, isIdle: false, cost };
    return { kind, atMs: last + QUIET_MS, isIdle: true, cost };
  }

  /** Reads what is due, and what nobody waits for as far as the idle allowance lasts. Answers the milliseconds until the next. */
  async iterate(signal: AbortSignal): Promise<number> {
    for (;;) {
      const dues = this.schedule();
      const urgent = dues.find((one) => !one.isIdle && this.waitMs(one) === 0);
      const idle = dues.find((one) => one.isIdle && this.waitMs(one) === 0);
      const due = urgent ?? idle;
      const idleMs = due?.isIdle ? this.ctx.requests.idleWaitMs(due.cost) : 0;
      if (due && idleMs === 0) {
        await this.read(due.kind, "reconcile", signal);
        continue;
      }
      const waits = dues.filter((one) => one !== idle).map((one) => this.waitMs(one));
      return Math.min(LOOK_MS, ...(idleMs > 0 ? [idleMs] : []), ...waits.filter((ms) => ms > 0));
    }
  }

  /** Whatever happens to our clock, nothing waits longer than its interval. */
  private waitMs(due: SnapshotDue): number {
    return Math.max(0, due.atMs - this.ctx.clock.nowMs());
  }

  /** Reads one list whole and stores it. Throws AppError. */
  async read(kind: SnapshotKind, priority: Priority, signal: AbortSignal): Promise<void> {
    const startedMs = this.ctx.clock.nowMs();
    const readUs = this.ctx.clock.nowUs();
    const wanted = this.wantedMs.get(kind);
    this.wantedMs.delete(kind);
    try {
      await this.store(kind, readUs, priority, signal);
    } catch (error) {
      // An older Prefect has no such route, a credential no right to it: asked again no sooner than usual.
      const isRefused = error instanceof AppError && !error.retryable && error.code !== "internal";
      if (!isRefused || signal.aborted) {
        this.failedMs.set(kind, this.ctx.clock.nowMs());
        if (wanted !== undefined) this.wantedMs.set(kind, wanted);
        throw error;
      }
      this.ctx.logger.debug(`cannot read the list of ${KINDS[kind].plural}`, { error: error.message });
    }
    this.failedMs.delete(kind);
    this.readMs.set(kind, startedMs);
  }

  private async store(kind: SnapshotKind, readUs: number, priority: Priority, signal: AbortSignal): Promise<void> {
    if (kind !== "worker") {
      const { rows, whole } = await this.list((body) => this.ask(priority, signal, kind, body));
      this.ctx.ingest.snapshot(kind, rows, readUs, whole);
      return;
    }
    // Workers are listed per pool only.
    const workers: SnapshotObjects["worker"][] = [];
    let isWhole = findFact(this.ctx.db, "read:work_pool") !== null;
    for (const pool of findObjects(this.ctx.db, "work_pool")) {
      const call = (api: PrefectApi, options: CallOptions) => api.filterWorkers(pool.name, options);
      const rows = await this.ctx.requests.call(priority, signal, call).catch((error: unknown) => {
        if (error instanceof AppError && error.code === "not_found") return [];
        throw error;
      });
      if (rows.length >= this.ctx.tuning.rowPage) isWhole = false;
      workers.push(...rows);
    }
    this.ctx.ingest.snapshot("worker", workers, readUs, isWhole);
  }

  private ask<K extends ListedKind>(
    priority: Priority,
    signal: AbortSignal,
    kind: K,
    body: FilterBody,
  ): Promise<readonly SnapshotObjects[K][]> {
    const sort = KINDS[kind].isSortable ? { sort: "NAME_ASC" } : {};
    return this.ctx.requests.call(priority, signal, (api, options) =>
      api.filterObjects(kind, { ...body, ...sort }, options),
    );
  }

  /** A list that changed between its pages is read again, up to three times; `whole` is false when it changed each time. */
  private async list<T extends { readonly id: string }>(
    ask: (body: FilterBody) => Promise<readonly T[]>,
  ): Promise<{ rows: T[]; whole: boolean }> {
    let rows: T[] = [];
    for (let reading = 1; reading <= READINGS; reading += 1) {
      rows = [];
      for await (const page of overlappingPages(ask, this.ctx.tuning.rowPage)) {
        if (!page.isContinuous) break;
        rows.push(...page.rows);
        if (page.isLast) return { rows, whole: true };
      }
    }
    return { rows, whole: false };
  }
}
