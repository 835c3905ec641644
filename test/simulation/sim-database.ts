/** What one Prefect database holds, and has held: it can be restored to any earlier moment. */
import { formatIsoUs } from "../../src/lib/time.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import type { FlowRun, Log, TaskRun } from "../../src/model/objects.ts";
import type { StateType } from "../../src/model/state.ts";
import type { Prng } from "./prng.ts";

/** Name of task runs that were made for a time in the past, or changed over REST after their end, which takes longer to find. */
export const LATE_TASK = "task for the past";

export interface StoredEvent {
  readonly event: PrefectEvent;
  readonly us: number;
  readonly seq: number;
  readonly storedMs: number;
  removedMs: number;
  removedBy: "vacuum" | "restored" | null;
}

export interface SimRun {
  row: FlowRun;
  readonly expectedUs: number;
  readonly createdMs: number;
  deletedMs: number;
}

export interface SimLog {
  readonly line: Log;
  readonly storedMs: number;
}

export interface SimTaskRun {
  row: TaskRun;
  readonly expectedUs: number;
  readonly storedMs: number;
  deletedMs: number;
}

/** A run that a restored database no longer has. */
export interface LostRun {
  readonly id: string;
  readonly expectedUs: number;
  readonly lostMs: number;
}

interface Version<Row> {
  readonly atMs: number;
  readonly row: Row;
}

const BLOCK_TYPES = ["webhook", "secret", "local-file-system"];

export class SimDatabase {
  readonly history: StoredEvent[] = [];
  /** Events that REST returns, ascending by `occurred`, then by insertion. */
  rows: StoredEvent[] = [];
  readonly published = new Map<string, PrefectEvent[]>();
  readonly runs = new Map<string, SimRun>();
  logs: SimLog[] = [];
  readonly taskRuns = new Map<string, SimTaskRun>();
  readonly held = new Set<string>();
  readonly blockTypes: ReadonlyMap<string, string>;
  readonly lostRuns: LostRun[] = [];
  /** Flow runs whose first event is published and whose row is not committed yet. */
  readonly pendingRuns = new Set<string>();
  restoredMs = Number.NEGATIVE_INFINITY;
  /** False once it was replaced for good. */
  isAlive = true;
  private readonly runVersions = new Map<string, Version<FlowRun>[]>();
  private readonly taskVersions = new Map<string, Version<TaskRun>[]>();
  private seq = 0;

  /** `template`: a database of which this one is a copy, with the same block types. */
  constructor(random: Prng, template: SimDatabase | null) {
    this.blockTypes = template?.blockTypes ?? new Map(BLOCK_TYPES.map((slug) => [slug, random.uuid()]));
  }

  get isRestored(): boolean {
    return this.restoredMs >= 0;
  }

  store(event: PrefectEvent, us: number, nowMs: number): void {
    if (this.held.has(event.id)) return;
    this.held.add(event.id);
    this.seq += 1;
    const row: StoredEvent = {
      event,
      us,
      seq: this.seq,
      storedMs: nowMs,
      removedMs: Number.POSITIVE_INFINITY,
      removedBy: null,
    };
    this.history.push(row);
    let i = this.rows.length;
    while (i > 0 && (this.rows[i - 1] as StoredEvent).us > us) i -= 1;
    this.rows.splice(i, 0, row);
  }

  /** Removes events that occurred before `beforeUs`. */
  vacuum(beforeUs: number, nowMs: number): void {
    while (this.rows.length > 0 && (this.rows[0] as StoredEvent).us < beforeUs) {
      const row = this.rows.shift() as StoredEvent;
      row.removedMs = nowMs;
      row.removedBy = "vacuum";
      this.held.delete(row.event.id);
    }
  }

  /** Commits a row of a flow run. */
  commitRun(id: string, row: FlowRun, expectedUs: number, nowMs: number): void {
    const known = this.runs.get(id);
    if (known) known.row = row;
    else this.runs.set(id, { row, expectedUs, createdMs: nowMs, deletedMs: Number.POSITIVE_INFINITY });
    versionsOf(this.runVersions, id).push({ atMs: nowMs, row });
  }

  commitTaskRun(id: string, row: TaskRun, expectedUs: number, nowMs: number): void {
    const known = this.taskRuns.get(id);
    if (known) known.row = row;
    else this.taskRuns.set(id, { row, expectedUs, storedMs: nowMs, deletedMs: Number.POSITIVE_INFINITY });
    versionsOf(this.taskVersions, id).push({ atMs: nowMs, row });
  }

  /**
   * Deletes ended task runs and makes as many that were expected some minutes before them. Another one gets another state. `random`
   * chooses.
   */
  exchangeTaskRuns(count: number, random: Prng, us: number, nowMs: number): void {
    const ended = [...this.taskRuns.values()].filter(
      (one) => one.row.state_type === "COMPLETED" && one.row.name !== LATE_TASK && one.deletedMs > nowMs,
    );
    for (const deleted of random.shuffle(ended).slice(0, count)) {
      deleted.deletedMs = nowMs;
      this.commitLate({ ...deleted.row, id: random.uuid() }, "COMPLETED", deleted.expectedUs - 200_000_000, {
        random,
        us,
        nowMs,
      });
    }
    const changed = random.shuffle(ended.filter((one) => one.deletedMs > nowMs))[0];
    if (changed) this.commitLate(changed.row, "FAILED", changed.expectedUs, { random, us, nowMs });
  }

  private commitLate(
    row: TaskRun,
    type: StateType,
    expectedUs: number,
    { random, us, nowMs }: { random: Prng; us: number; nowMs: number },
  ): void {
    const state = { id: random.uuid(), type, name: type, timestamp: formatIsoUs(us) };
    const late = { expected_start_time: formatIsoUs(expectedUs), state_id: state.id, state_type: type, state };
    this.commitTaskRun(row.id, { ...row, ...late, name: LATE_TASK }, expectedUs, nowMs);
  }

  /** Back to the state of `toMs`. Deletions by age stay, those of runs are undone. */
  restore(toMs: number, nowMs: number): void {
    this.restoredMs = nowMs;
    for (const row of this.rows.filter((one) => one.storedMs > toMs)) {
      row.removedMs = nowMs;
      row.removedBy = "restored";
      this.held.delete(row.event.id);
    }
    this.rows = this.rows.filter((row) => row.storedMs <= toMs);
    for (const [id, run] of [...this.runs]) {
      const row = stateAt(this.runVersions, id, toMs);
      if (row === null) {
        this.runs.delete(id);
        this.lostRuns.push({ id, expectedUs: run.expectedUs, lostMs: nowMs });
      } else {
        run.row = row;
        if (run.deletedMs > toMs) run.deletedMs = Number.POSITIVE_INFINITY;
      }
    }
    for (const [id, task] of [...this.taskRuns]) {
      const row = stateAt(this.taskVersions, id, toMs);
      if (row === null || !this.runs.has(row.flow_run_id ?? "")) this.taskRuns.delete(id);
      else {
        task.row = row;
        if (task.deletedMs > toMs) task.deletedMs = Number.POSITIVE_INFINITY;
      }
    }
    this.logs = this.logs.filter((log) => log.storedMs <= toMs);
  }
}

function versionsOf<Row>(versions: Map<string, Version<Row>[]>, id: string): Version<Row>[] {
  const known = versions.get(id) ?? [];
  versions.set(id, known);
  return known;
}

/** The row as of `toMs`; null when it did not exist. Later versions are forgotten. */
function stateAt<Row>(versions: Map<string, Version<Row>[]>, id: string, toMs: number): Row | null {
  const kept = (versions.get(id) ?? []).filter((version) => version.atMs <= toMs);
  versions.set(id, kept);
  return kept.at(-1)?.row ?? null;
}
