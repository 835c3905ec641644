/**
 * The records of a fleet's node and their replicas. The owner of a tenant replicates its record to a place of its own, which the fencing
 * number names, so that an earlier owner that still runs cannot overwrite it. A new owner restores the newest replica, unless its own
 * file is as new.
 */
import { existsSync, renameSync, rmSync } from "node:fs";
import type { FleetStore, TenantName } from "../fleet/fleet-store.ts";
import type { Litestream } from "../fleet/replica/litestream.ts";
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
}

/** Enough for any number, so that the names sort. */
const FENCE_DIGITS = 12;

export class FleetRecords {
  private readonly options: FleetRecordsOptions;

  constructor(options: FleetRecordsOptions) {
    this.options = options;
  }

  /**
   * Brings the record of a tenant that this node owns now up to the newest replica, and replicates it from then on. `first`: see
   * `currentRecordFile`. Never throws: without a replica the record is filled from Prefect.
   */
  async take(tenant: TenantName, fence: number, first: string): Promise<void> {
    const { litestream, logger, store } = this.options;
    const name = { tenant: tenant.key.slice(0, 12), fence };
    try {
      const newest = await store.replicaFence(tenant.key);
      if (newest !== null && newest > localFence(first)) await this.restore(tenant, newest, fence, first);
    } catch (error) {
      logger.warn("a replica could not be restored; the record is filled from Prefect", {
        ...name,
        error: textOf(error),
      });
    }
    try {
      const file = currentRecordFile(first);
      openRecord(file, "write").close();
      await litestream.add(file, this.urlOf(tenant, fence));
      void this.publish(tenant, fence, file);
    } catch (error) {
      logger.warn("a record is not replicated", { ...name, error: textOf(error) });
    }
  }

  /** Stops replicating, after what is committed has been sent. */
  async leave(first: string): Promise<void> {
    const { litestream, logger } = this.options;
    const file = currentRecordFile(first);
    try {
      await litestream.sync(file);
    } catch (error) {
      logger.warn("the last changes of a record are not in its replica", { error: textOf(error) });
    }
    await litestream.remove(file).catch(() => undefined);
  }

  private async restore(tenant: TenantName, newest: number, fence: number, first: string): Promise<void> {
    const { litestream, logger } = this.options;
    const draft = `${first}.restored`;
    removeRecordFile(draft);
    await litestream.restore(this.urlOf(tenant, newest), draft);
    const db = openRecord(draft, "write");
    const isUsable = isIntact(db) && findFence(db) < fence;
    db.close();
    if (!isUsable) {
      removeRecordFile(draft);
      throw new Error("the restored file is damaged, or of a later owner");
    }
    removeRecordFile(first);
    renameSync(draft, first);
    for (const suffix of ["-wal", "-shm", ".setup"]) rmSync(draft + suffix, { force: true });
    setCurrentRecordFile(first, first);
    logger.info("a record was restored from its replica", { tenant: tenant.key.slice(0, 12), of_fence: newest });
  }

  /** From the first whole replica on, later owners restore this one. */
  private async publish(tenant: TenantName, fence: number, file: string): Promise<void> {
    try {
      await this.options.litestream.sync(file);
      await this.options.store.putReplicaFence(tenant.key, fence);
    } catch (error) {
      this.options.logger.warn("a record has no whole replica yet", { error: textOf(error) });
    }
  }

  private urlOf({ key }: TenantName, fence: number): string {
    return `${this.options.base.replace(/(?<!\/)\/+$/, "")}/${key}/${String(fence).padStart(FENCE_DIGITS, "0")}`;
  }
}

/** The number with which this node's own file was written last; 0: there is none that can be read. */
function localFence(first: string): number {
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
