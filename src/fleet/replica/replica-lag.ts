/** How far replicas are behind their records: Litestream retries by itself and reports no failure, so it is asked. */
import { statSync } from "node:fs";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import type { SteadyMs } from "../../lib/time.ts";

export interface ReplicaLagOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  files(): readonly string[];
  /** When each file was last replicated, milliseconds since 1970. */
  syncedAt(): Promise<ReadonlyMap<string, number>>;
  /** Resolves when all that is committed is in the replica; rejects when it is not after a few seconds. */
  sync(file: string): Promise<void>;
}

const CHECK_EVERY_MS = 5_000;
/** Litestream replicates every second. */
const USUAL_MS = 3_000;
/** Files that are asked for in one check. The oldest are asked first. */
const MAX_ASKED = 8;
/** From here on it is a fault, which is logged and shown by `/readyz`. */
const LATE_REPLICA_MS = 30_000;

export class ReplicaLag {
  private readonly options: ReplicaLagOptions;
  /** Since when a file has commits that its replica lacks. */
  private readonly behind = new Map<string, SteadyMs>();
  private isReported = false;

  constructor(options: ReplicaLagOptions) {
    this.options = options;
  }

  /** For how long the replica that is furthest behind has lacked a commit, milliseconds. */
  get lagMs(): number {
    const nowMs = this.options.clock.steadyMs();
    return this.behind.values().reduce((most, sinceMs) => Math.max(most, nowMs - sinceMs), 0);
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.options.clock.sleep(CHECK_EVERY_MS, signal);
      if (!signal.aborted) await this.check().catch(() => undefined);
    }
  }

  async check(): Promise<void> {
    const { clock, logger, files, syncedAt, sync } = this.options;
    const open = files();
    for (const file of this.behind.keys()) if (!open.includes(file)) this.behind.delete(file);
    // The program may be starting; then nothing is known to be replicated.
    const synced = await syncedAt().catch(() => new Map<string, number>());
    const nowMs = clock.steadyMs();
    const suspects = open.filter((file) => changedAt(file) > (synced.get(file) ?? 0) + USUAL_MS);
    for (const file of suspects) if (!this.behind.has(file)) this.behind.set(file, nowMs);
    for (const file of open) if (!suspects.includes(file)) this.behind.delete(file);
    const asked = [...this.behind].toSorted((one, other) => one[1] - other[1]).slice(0, MAX_ASKED);
    // A change of the file need not be a commit.
    await Promise.all(
      asked.map(([file]) =>
        sync(file).then(
          () => this.behind.delete(file),
          () => false,
        ),
      ),
    );
    const { lagMs } = this;
    if (lagMs >= LATE_REPLICA_MS && !this.isReported)
      logger.warn("replicas of records are behind; the storage may not answer", { seconds: Math.round(lagMs / 1000) });
    if (this.isReported && lagMs === 0) logger.info("the replicas of all records are up to date again");
    this.isReported = lagMs >= LATE_REPLICA_MS || (this.isReported && lagMs > 0);
  }
}

function changedAt(file: string): number {
  const at = (name: string) => statSync(name, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return Math.max(at(file), at(`${file}-wal`));
}
