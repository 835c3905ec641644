/**
 * The records of a fleet's node and their replicas. The owner of a tenant replicates its record to a place of its own, which the fencing
 * number names, so that an earlier owner that still runs cannot overwrite it. A new owner restores the newest replica, unless its own
 * file is as new.
 */
import { existsSync, renameSync, rmSync } from "node:fs";
import type { HeldLease } from "../fleet/fleet.ts";
import type { FleetStore, TenantName, WholeReplica } from "../fleet/fleet-store.ts";
import type { Litestream } from "../fleet/replica/litestream.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import { openRecord } from "../store/database.ts";
import { findFence, isIntact } from "../store/fence.ts";
import { currentRecordFile, removeRecordFile, setCurrentRecordFile } from "../store/file/server-records.ts";

export interface FleetRecordsOptions {
  readonly litestream: Litestream;
  readonly store: FleetStore;
  /** Where replicas are kept: a URL of Litestream, such as `s3://bucket/fleet` or `file:///mnt/fleet`. */
  readonly base: string;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Enough for any number, so that the names sort. */
const FENCE_DIGITS = 12;
/** Restores that are tried before the record is filled from Prefect: the storage may be away for a moment. */
const MAX_RESTORES = 3;
const RESTORE_AGAIN_MS = 3_000;

export class FleetRecords {
  private readonly options: FleetRecordsOptions;
  /** What was begun last with a record. A lease that is lost and won again must not restore the same file twice at once. */
  private readonly last = new Map<string, Promise<void>>();
  private readonly taking = new Map<string, AbortController>();

  constructor(options: FleetRecordsOptions) {
    this.options = options;
  }

  /** For how long the replica that is furthest behind has lacked a commit, milliseconds. */
  get lagMs(): number {
    return this.options.litestream.lagMs;
  }

  /**
   * Brings the record of a tenant that this node owns now up to the newest replica, and replicates it from then on. `first`: see
   * `currentRecordFile`. Never throws: without a replica the record is filled from Prefect.
   */
  take(tenant: TenantName, lease: HeldLease, first: string): Promise<void> {
    const stop = new AbortController();
    this.taking.set(first, stop);
    return this.afterLast(first, () => this.takeNow(tenant, untilAborted(lease, stop.signal), first, stop.signal));
  }

  /** Stops replicating, after what is committed has been sent. A restore that runs is given up. */
  leave(first: string): Promise<void> {
    this.taking.get(first)?.abort();
    this.taking.delete(first);
    return this.afterLast(first, () => this.leaveNow(first));
  }

  private afterLast(first: string, task: () => Promise<void>): Promise<void> {
    const running = (this.last.get(first) ?? Promise.resolve()).then(task);
    this.last.set(first, running);
    return running.finally(() => {
      if (this.last.get(first) === running) this.last.delete(first);
    });
  }

  private async takeNow(tenant: TenantName, lease: HeldLease, first: string, stop: AbortSignal): Promise<void> {
    const { litestream, logger } = this.options;
    const { fence } = lease;
    const name = { tenant: tenant.key.slice(0, 12), fence };
    for (let attempt = 1; lease.leftMs() > 0; attempt += 1) {
      try {
        await this.restoreNewer(tenant, lease, first, stop);
        break;
      } catch (error) {
        if (stop.aborted) return;
        const isLast = attempt >= MAX_RESTORES;
        const next = isLast ? "the record is filled from Prefect" : "it is tried again";
        logger.warn(`a replica could not be restored; ${next}`, { ...name, error: textOf(error) });
        if (isLast) break;
        await this.options.clock.sleep(RESTORE_AGAIN_MS, stop);
      }
    }
    // A later lease takes the record itself.
    if (lease.leftMs() <= 0) return;
    try {
      const file = currentRecordFile(first);
      openRecord(file, "write").close();
      const replica = { fence, name: placeOf(lease) };
      await litestream.add(file, this.urlOf(tenant, replica.name));
      void this.publish(tenant, replica, file);
    } catch (error) {
      logger.warn("a record is not replicated", { ...name, error: textOf(error) });
    }
  }

  private async leaveNow(first: string): Promise<void> {
    const { litestream, logger } = this.options;
    const file = currentRecordFile(first);
    if (!litestream.replicates(file)) return;
    try {
      await litestream.sync(file);
    } catch (error) {
      logger.warn("the last changes of a record are not in its replica", { error: textOf(error) });
    }
    await litestream.remove(file).catch(() => undefined);
  }

  private async restoreNewer(tenant: TenantName, lease: HeldLease, first: string, stop: AbortSignal): Promise<void> {
    const newest = await this.options.store.replica(tenant.key);
    if (newest === null || newest.fence <= localFence(first)) return;
    const draft = `${first}.restored`;
    removeRecordFile(draft);
    await this.options.litestream.restore(this.urlOf(tenant, newest.name), draft, stop);
    this.useRestored(draft, lease, first);
    this.options.logger.info("a record was restored from its replica", {
      tenant: tenant.key.slice(0, 12),
      of_fence: newest.fence,
    });
  }

  private useRestored(draft: string, lease: HeldLease, first: string): void {
    const db = openRecord(draft, "write");
    const isUsable = isIntact(db) && findFence(db) < lease.fence;
    db.close();
    if (!isUsable) {
      removeRecordFile(draft);
      throw new Error("the restored file is damaged, or of a later owner");
    }
    // The next owner may be this node again, with its record open.
    if (lease.leftMs() <= 0) {
      removeRecordFile(draft);
      throw new Error("the lease was lost meanwhile");
    }
    removeRecordFile(first);
    renameSync(draft, first);
    for (const suffix of ["-wal", "-shm", ".setup"]) rmSync(draft + suffix, { force: true });
    setCurrentRecordFile(first, first);
  }

  /** From the first whole replica on, later owners restore this one. */
  private async publish(tenant: TenantName, replica: WholeReplica, file: string): Promise<void> {
    try {
      await this.options.litestream.sync(file);
      await this.options.store.putReplica(tenant.key, replica);
    } catch (error) {
      this.options.logger.warn("a record has no whole replica yet", { error: textOf(error) });
    }
  }

  private urlOf({ key }: TenantName, replica: string): string {
    const [place = "", ...query] = this.options.base.split("?");
    const path = `${place.replace(/(?<!\/)\/+$/, "")}/${key}/${replica}`;
    return [path, ...query].join("?");
  }
}

/** Has the session too: a database that lost commits may give a number twice. */
function placeOf({ fence, incarnation }: HeldLease): string {
  return `${String(fence).padStart(FENCE_DIGITS, "0")}-${incarnation.slice(0, 8)}`;
}

function untilAborted(lease: HeldLease, signal: AbortSignal): HeldLease {
  return { ...lease, leftMs: () => (signal.aborted ? 0 : lease.leftMs()) };
}

/** The number with which this node's own file was written last; 0: there is none that can be read. */
export function localFence(first: string): number {
  const file = currentRecordFile(first);
  if (!existsSync(file)) return 0;
  try {
    const db = openRecord(file, "read");
    const fence = findFence(db);
    db.close();
    return fence;
  } catch {
    return 0;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
