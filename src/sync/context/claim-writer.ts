import { ceilUs, floorUs, type LocalUs, latestUs, MINUTE_US, type ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { TaskRun } from "../../model/objects.ts";
import { TASK_RUN_ROW_DELAY_US } from "../../model/runs/server-delays.ts";
import { addCoverage, type CoverageSource, removeAllCoverage, removeCoverage } from "../../store/coverage.ts";
import type { RecordDb } from "../../store/database.ts";
import { findFlowRunRow } from "../../store/runs/flow-runs.ts";
import { findFlowRunsWithNewerTaskRuns } from "../../store/runs/task-runs.ts";
import { removeReadings } from "../../store/sync-state.ts";
import { retentionFloorUs } from "./retention-floor.ts";

/** See CoveredRange of the store. */
export interface EventClaim extends TimeRange {
  readonly source: CoverageSource;
  readonly verifiedUs: LocalUs;
  readonly serverCount?: number | null;
  readonly recordCount?: number | null;
}

/** No reading takes longer. A local clock that was set back further does not prevent claims. */
const LONGEST_READING_US = 10 * MINUTE_US;

/** Writes and withdraws claims. Its methods are called in the transactions of ingest. */
export class ClaimWriter {
  private readonly db: RecordDb;
  /** When a restored database was noticed last, and the start of the reading that has shown it; local clock. */
  private restoredUs: LocalUs = Number.NEGATIVE_INFINITY;
  private noticedByUs: LocalUs | null = null;

  constructor(db: RecordDb) {
    this.db = db;
  }

  /** Writes a claim, cut at the retention floor: events may have been dropped while the walk was running. */
  cover(kind: "event" | "flow_run" | "task_run", scope: string, claim: EventClaim): void {
    if (this.isOutdated(claim.verifiedUs)) return;
    const fromUs = ceilUs(latestUs(claim.fromUs, retentionFloorUs(this.db)));
    const toUs = floorUs(claim.toUs);
    const isWhole = fromUs === claim.fromUs && toUs === claim.toUs;
    addCoverage(this.db, kind, scope, {
      fromUs,
      toUs,
      source: claim.source,
      verifiedUs: floorUs(claim.verifiedUs),
      serverCount: isWhole ? (claim.serverCount ?? null) : null,
      recordCount: isWhole ? (claim.recordCount ?? null) : null,
    });
  }

  /** Claims all task runs or log lines of each run, as of one reading: a range that begins at 0. */
  coverRuns(kind: "task_run" | "log", ids: readonly string[], readUs: LocalUs, settledUs: ServerUs | null): void {
    if (settledUs === null || this.isOutdated(readUs)) return;
    for (const id of ids) {
      const range = { fromUs: 0, toUs: floorUs(settledUs), source: "live" as const, verifiedUs: floorUs(readUs) };
      addCoverage(this.db, kind, id.toLowerCase(), { ...range, serverCount: null, recordCount: null });
    }
  }

  /**
   * The flow runs without those that have a task run whose events are newer than its row, as long as that row may still be
   * written.
   */
  withAllTaskRows(ids: readonly string[], rows: readonly TaskRun[], settledUs: ServerUs): readonly string[] {
    const ahead = findFlowRunsWithNewerTaskRuns(this.db, ids, rows);
    if (ahead.size === 0) return ids;
    const isLate = (id: string) => settledUs - (findFlowRunRow(this.db, id)?.state_us ?? 0) < TASK_RUN_ROW_DELAY_US;
    return ids.filter((id) => !ahead.has(id.toLowerCase()) || !isLate(id));
  }

  /**
   * The database was restored, which was noticed at `noticedUs` (local clock): removes claims over events that occurred after
   * `sinceUs`, all claims over runs, task runs and logs, and the readings of all lists. `byUs`: start of the reading that has shown it.
   */
  withdrawAfterRestore(sinceUs: ServerUs, noticedUs: LocalUs, byUs: LocalUs | null): void {
    this.restoredUs = noticedUs;
    this.noticedByUs = byUs;
    removeCoverage(this.db, "event", "", { fromUs: sinceUs, toUs: Number.MAX_SAFE_INTEGER });
    removeAllCoverage(this.db, ["flow_run", "task_run", "log"]);
    removeReadings(this.db);
  }

  /** Withdraws claims over events of a range. */
  withdrawEvents(range: TimeRange): void {
    removeCoverage(this.db, "event", "", range);
  }

  /** The reading began before a restored database was noticed, and may have seen what was there before. */
  isOutdated(readUs: LocalUs): boolean {
    return readUs <= this.restoredUs && readUs > this.restoredUs - LONGEST_READING_US && readUs !== this.noticedByUs;
  }
}
