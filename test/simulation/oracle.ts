/**
 * Checks the record of one server. At each commit: all claims are true of the server's history at the time of their reading. At
 * the end: the record has what the server has, and what was streamed and never stored, each event once and equal in all fields.
 *
 * While another server answers and the product has not noticed it yet, it may write what that one returns; before the record is used
 * for its own server again, that has to be withdrawn. So nothing is checked meanwhile, and everything afterwards.
 */
import type { Database } from "bun:sqlite";
import { DAY_US, parseIsoUs } from "../../src/lib/time.ts";
import { bytesToUuid, uuidToBytes } from "../../src/lib/uuid.ts";
import { EVENT_SOURCES, type PrefectEvent } from "../../src/model/events/event.ts";
import type { RunKind } from "../../src/model/kinds.ts";
import { TASK_RUN_ROW_DELAY_US } from "../../src/model/runs/server-delays.ts";
import { isTerminal } from "../../src/model/state.ts";
import type { RecordDb } from "../../src/store/database.ts";
import { findEventById } from "../../src/store/events/events.ts";
import { findFlowRunRow } from "../../src/store/runs/flow-runs.ts";
import { findTaskRunRow, type TaskRunRow } from "../../src/store/runs/task-runs.ts";
import type { Knobs } from "./plan.ts";
import type { SimWallClock } from "./sim-clocks.ts";
import { LATE_TASK, type SimDatabase, type SimTaskRun, type StoredEvent } from "./sim-database.ts";
import type { CommitInfo } from "./sim-disk.ts";
import { EPOCH_US, type VirtualTime } from "./virtual-time.ts";

interface ClaimRow {
  readonly kind: string;
  readonly scope: string;
  readonly from_us: number;
  readonly to_us: number;
  readonly verified_us: number;
}

/** The ledger merges claims that end this long before the newest one. */
const MERGED_MS = 9 * 60_000;

/** How much too early a time may be that another process has corrected: it knows only in seconds by how much the clock was set. */
const REDATED_US = 3_000_000;

/** By old headers, the server clock seems to have been set back by at most this much. */
const MARGIN_US = 60_000_000;

/** Each round reads the task runs that are expected since so long before the last one, less what is unknown of the server clock. */
const ROUND_REACH_US = 65_000_000;

/** Runs that a restored database has again are found within this time. */
const FOUND_AGAIN_MS = 120_000;

export class Oracle {
  private readonly o: {
    time: VirtualTime;
    localClock: SimWallClock;
    serverClock: SimWallClock;
    knobs: Knobs;
    sqlite: Database;
    /** The database that answers now. */
    answering: () => SimDatabase;
    /** Whether the record may be read as that of its own server: it is in use, and does not say that another server answers. */
    isReadable: () => boolean;
    /** Events that no filter makes the server list for certain. */
    unlistable: () => ReadonlySet<string>;
    fail: (what: string) => void;
  };
  /** When the record began. */
  private readonly begunMs: number;
  /** The database of which this is the record: known from the first claim on. */
  private owner: SimDatabase | null = null;
  /** Another server answered when this was checked last. */
  private wasAway = false;
  private readonly checked = new Set<string>();
  /** Ends of claims that were true: the latest per kind and scope, and that of each start. */
  private readonly ends = new Map<string, number>();
  /** Per kind and scope, all ends of claims that were true: until it is certain that the server clock was set back, parts of them remain. */
  private readonly trueEnds = new Set<string>();
  /** Per kind and scope, the times of the readings of claims that were true. */
  private readonly readings = new Set<string>();
  private readonly present = new Set<string>();
  private readonly hasEvent;
  private readonly readClaims;
  private readonly readDeletedTasks;
  private readonly readUnfinished;
  private readonly findRun;
  private readonly readFloor;
  private readonly readDeletedRuns;
  private readonly findAlive;
  /** Runs that are marked deleted. */
  private readonly deleted = new Map<string, RunKind>();
  private unfinished = "";
  /** Times of the states of flow runs, to check that none becomes older. */
  private readonly states = new Map<string, number>();
  /** Events that a restored database has lost, received after all those of the lost ones that REST had returned to the product. */
  private readonly lostUnseen = new Set<string>();

  constructor(o: Oracle["o"]) {
    this.o = o;
    this.begunMs = o.time.nowMs;
    this.hasEvent = o.sqlite.prepare<{ one: number }, [Uint8Array]>("SELECT 1 AS one FROM event WHERE id = ?");
    this.readClaims = o.sqlite.prepare<ClaimRow, []>("SELECT kind, scope, from_us, to_us, verified_us FROM coverage");
    this.readUnfinished = o.sqlite.prepare<{ value: string }, []>(
      "SELECT value FROM sync_state WHERE key = 'read:unfinished'",
    );
    this.readFloor = o.sqlite.prepare<{ value: string }, []>(
      "SELECT value FROM sync_state WHERE key = 'retention.kept-from'",
    );
    this.findRun = o.sqlite.prepare<{ one: number }, [Uint8Array]>("SELECT 1 AS one FROM flow_run WHERE id = ?");
    this.readDeletedRuns = o.sqlite.prepare<{ kind: RunKind; id: Uint8Array }, []>(
      `SELECT 'flow_run' AS kind, id FROM flow_run WHERE deleted_us IS NOT NULL
       UNION ALL SELECT 'task_run', id FROM task_run WHERE deleted_us IS NOT NULL`,
    );
    const findAlive = (kind: RunKind) =>
      o.sqlite.prepare<{ one: number }, [Uint8Array]>(
        `SELECT 1 AS one FROM ${kind} WHERE id = ? AND deleted_us IS NULL`,
      );
    this.findAlive = { flow_run: findAlive("flow_run"), task_run: findAlive("task_run") };
    this.readDeletedTasks = o.sqlite.prepare<{ id: Uint8Array }, []>(
      "SELECT id FROM task_run WHERE deleted_us IS NOT NULL",
    );
  }

  get database(): SimDatabase | null {
    return this.owner;
  }

  /** The database that answers is the one of this record. */
  private get isAnswering(): boolean {
    return this.owner === this.o.answering() && this.o.isReadable();
  }

  private get own(): SimDatabase {
    return this.owner ?? this.o.answering();
  }

  /** The events in the record say whose it is; without any, the server that answers. */
  private findOwner(databases: readonly SimDatabase[]): void {
    const ids = this.o.sqlite.prepare<{ id: Uint8Array }, []>("SELECT id FROM event ORDER BY blk, ofs LIMIT 1").all();
    const first = ids[0] && bytesToUuid(ids[0].id);
    const answering = this.o.answering();
    const isOf = (one: SimDatabase) => first === undefined || one.published.has(first);
    this.owner = isOf(answering) ? answering : (databases.find(isOf) ?? answering);
  }

  private isEmpty(): boolean {
    const count = "SELECT (SELECT count(*) FROM event) + (SELECT count(*) FROM coverage) AS n";
    return this.o.sqlite.prepare<{ n: number }, []>(count).get()?.n === 0;
  }

  afterCommit(info: CommitInfo, databases: readonly SimDatabase[]): void {
    // A record without events and claims is that of any server.
    if (info.touchedCoverage && this.isEmpty()) this.owner = null;
    else if (this.owner === null && info.touchedCoverage) this.findOwner(databases);
    if (!this.isAnswering) {
      this.wasAway = true;
      return;
    }
    if (this.wasAway) {
      this.wasAway = false;
      this.states.clear();
      this.checkAll();
    }
    if (info.deletedRows) {
      this.present.clear();
      this.checked.clear();
    }
    if (info.touchedCoverage || info.deletedRows) {
      const floorUs = this.floorUs();
      for (const claim of this.readClaims.all()) this.check(claim, floorUs);
    }
    this.checkUnfinished();
    if (info.touchedRuns || info.deletedRows) {
      this.checkStates();
      this.checkDeletedTasks();
      this.checkDeletedStay();
    }
  }

  /**
   * The server clock had reached the end of the claim when the reading began. A setting that no answer has shown, because the clock was set
   * again before the next one, cannot be known: by the one before it, the end had been reached.
   */
  private checkEndOf({ kind, scope, from_us, to_us, verified_us }: ClaimRow): void {
    const { localClock, serverClock } = this.o;
    // Old adjacent claims are merged with the time of the older reading. Recent ones are not, so their end can be checked.
    const key = `${kind}|${scope}`;
    if (to_us <= serverClock.nowUs() - MERGED_MS * 1000) {
      // It may look recent again after the server clock was set back.
      this.ends.set(`${key}|${from_us}`, to_us);
      return;
    }
    // After a clock was set, a claim may get an earlier time than its reading had, or be joined with an older one.
    const wasSet = localClock.wasSet || serverClock.wasSet;
    if (wasSet && (this.ends.get(`${key}|${from_us}`) === to_us || this.trueEnds.has(`${key}|${to_us}`))) {
      this.readings.add(`${key}|${verified_us}`);
      return;
    }
    const isJoined = wasSet && this.readings.has(`${key}|${verified_us}`);
    const reachedUs = wasSet ? Math.min(isJoined ? to_us : (this.ends.get(key) ?? 0), serverClock.nowUs()) : 0;
    const beganMs = localClock.latestMs(verified_us);
    const serverNowUs = Math.max(serverClock.usAt(beganMs), serverClock.shownUsAt(beganMs));
    const marginUs = localClock.wasSet ? REDATED_US : 0;
    if (to_us > Math.max(serverNowUs + marginUs, reachedUs))
      this.o.fail(`a ${kind} claim to ${Math.round((to_us - serverNowUs) / 1000)} ms after the server's clock`);
    this.trueEnds.add(`${key}|${to_us}`);
    this.readings.add(`${key}|${verified_us}`);
    this.ends.set(`${key}|${from_us}`, to_us);
    this.ends.set(key, Math.max(reachedUs, to_us));
  }

  /** No claim reaches beyond the server clock, however it was set. */
  checkReach(): void {
    const nowUs = this.o.serverClock.nowUs();
    for (const { kind, to_us } of this.readClaims.all())
      if (to_us > nowUs)
        this.o.fail(`a ${kind} claim remains that ends ${rel(to_us - nowUs + EPOCH_US)} in the future`);
  }

  /** Checks all claims again, unless another server answers. */
  recheck(): void {
    if (this.isAnswering) this.checkAll();
  }

  /** Checks all claims again, also those that were checked before. */
  checkAll(): void {
    this.present.clear();
    this.checked.clear();
    for (const claim of this.readClaims.all()) this.check(claim);
    this.checkDeletedTasks();
  }

  /** What occurred before this was dropped from the record, or is dropped next. */
  private floorUs(): number {
    const value = this.readFloor.get()?.value;
    return value === undefined ? Number.NEGATIVE_INFINITY : (JSON.parse(value) as { us: number }).us;
  }

  private check(claim: ClaimRow, floorUs = Number.NEGATIVE_INFINITY): void {
    // It also rises when the server clock seems to have been set back, and then claims stay.
    const { localClock, serverClock } = this.o;
    const isByAge = !localClock.wasSet && !serverClock.wasSet && claim.from_us < floorUs - MARGIN_US;
    if (claim.kind === "event" && isByAge)
      this.o.fail(
        `a ${claim.kind} claim begins ${Math.round((floorUs - claim.from_us) / 1000)} ms before the retention floor`,
      );
    const key = `${claim.kind}|${claim.scope}|${claim.from_us}|${claim.to_us}|${claim.verified_us}`;
    if (this.checked.has(key)) return;
    this.checked.add(key);
    const asOfMs = this.o.localClock.earliestMs(claim.verified_us);
    if (asOfMs > this.o.time.nowMs + 0.001) this.o.fail(`a claim as of ${asOfMs} ms, which is in the future`);
    this.checkEndOf(claim);
    if (claim.kind === "event") this.checkEvents(claim, asOfMs);
    else if (claim.kind === "flow_run") this.checkRuns(claim, asOfMs);
    else if (claim.kind === "log") this.checkLogs(claim, asOfMs);
    else if (claim.kind === "task_run") this.checkTaskRuns(claim, asOfMs);
  }

  private checkEvents(claim: ClaimRow, asOfMs: number): void {
    for (const row of this.own.history) {
      if (row.us < claim.from_us || row.us > claim.to_us || row.storedMs > asOfMs) continue;
      // Events that a backup lacks could not be read later. Events that were deleted by age must not be claimed.
      if (row.removedBy === "restored" && row.removedMs <= this.o.time.nowMs) continue;
      // Of what a server deleted while its clock was ahead, a record that began later can know nothing.
      if (row.removedBy === "vacuum" && row.removedMs < this.begunMs) continue;
      if (this.isDeletedAhead(row)) continue;
      if (!this.has(row)) {
        const removed = row.removedBy ? `, ${row.removedBy} at ${row.removedMs}` : "";
        this.o.fail(
          `claimed [${rel(claim.from_us)}, ${rel(claim.to_us)}] as of ${Math.round(asOfMs)} ms without the event at ${rel(row.us)}, stored at ${row.storedMs} ms${removed}`,
        );
        return;
      }
    }
  }

  /**
   * The server deleted the event by age, and then its clock was set back to before the event. Where nothing had read it, no answer shows
   * that it was there. What occurs at that time again is claimed: a floor that is in the future would prevent that for as long as the
   * clock was ahead.
   */
  private isDeletedAhead({ us, removedBy, removedMs }: StoredEvent): boolean {
    return removedBy === "vacuum" && this.o.serverClock.wasSetTo(us, removedMs);
  }

  private has(row: StoredEvent): boolean {
    if (this.present.has(row.event.id)) return true;
    const found = this.hasEvent.get(uuidToBytes(row.event.id)) !== null;
    if (found) this.present.add(row.event.id);
    return found;
  }

  private checkRuns(claim: ClaimRow, asOfMs: number): void {
    const find = this.o.sqlite.prepare("SELECT 1 FROM flow_run WHERE id = ?");
    for (const run of this.own.runs.values()) {
      if (run.expectedUs < claim.from_us || run.expectedUs > claim.to_us || run.createdMs > asOfMs) continue;
      if (run.deletedMs <= this.o.time.nowMs) continue;
      if (find.get(uuidToBytes(run.row.id)) === null) this.o.fail(`a claim over flow runs without ${run.row.id}`);
    }
    // A run that a restored database does not have any more must not be among those that are claimed as complete. One that is known
    // from events alone may have a row that is not written yet.
    const findAlive = this.o.sqlite.prepare(
      "SELECT 1 FROM flow_run WHERE id = ? AND deleted_us IS NULL AND read_us IS NOT NULL",
    );
    for (const lost of this.own.lostRuns) {
      if (lost.lostMs > asOfMs || lost.expectedUs < claim.from_us || lost.expectedUs > claim.to_us) continue;
      if (findAlive.get(uuidToBytes(lost.id)) !== null)
        this.o.fail(`flow runs are claimed with ${lost.id}, which the restored database does not have`);
    }
  }

  private checkLogs(claim: ClaimRow, asOfMs: number): void {
    const find = this.o.sqlite.prepare("SELECT 1 FROM log WHERE id = ?");
    for (const { line, storedMs } of this.own.logs) {
      if (line.flow_run_id !== claim.scope || storedMs > asOfMs) continue;
      if (find.get(uuidToBytes(line.id)) === null)
        this.o.fail(`the logs of ${claim.scope} are claimed without ${line.id}`);
    }
  }

  private checkTaskRuns(claim: ClaimRow, asOfMs: number): void {
    const find = this.o.sqlite.prepare("SELECT 1 FROM task_run WHERE id = ?");
    const isWindow = claim.scope === "";
    for (const { row, expectedUs, storedMs, deletedMs } of this.own.taskRuns.values()) {
      if (storedMs > asOfMs || deletedMs <= this.o.time.nowMs) continue;
      const isClaimed = isWindow
        ? expectedUs >= claim.from_us && expectedUs <= claim.to_us
        : row.flow_run_id === claim.scope;
      if (isClaimed && find.get(uuidToBytes(row.id)) === null)
        this.o.fail(
          `${isWindow ? "a range of task runs is" : "the task runs of a flow run are"} claimed without ${row.id}`,
        );
    }
  }

  /** The record has all flow runs that have not ended, as it says, however long ago they began. */
  private checkUnfinished(): void {
    const value = this.readUnfinished.get()?.value;
    if (value === undefined || value === this.unfinished) return;
    this.unfinished = value;
    const asOfMs = this.o.localClock.earliestMs((JSON.parse(value) as { readUs: number }).readUs);
    for (const { row, createdMs, deletedMs } of this.own.runs.values()) {
      const isAsked = createdMs <= asOfMs && deletedMs > this.o.time.nowMs && !isTerminal(row.state_type ?? null);
      if (isAsked && this.findRun.get(uuidToBytes(row.id)) === null)
        this.o.fail(`all unfinished flow runs are said to be recorded, without ${row.id}`);
    }
  }

  /**
   * No flow run is marked deleted before Prefect has it. One that was marked deleted is shown again only where Prefect had it at that
   * time, as after a restored database.
   */
  private checkDeletedStay(): void {
    const had = { flow_run: this.own.runs, task_run: this.own.taskRuns };
    for (const [id, kind] of this.deleted) {
      if (this.findAlive[kind].get(uuidToBytes(id)) === null) continue;
      const run = had[kind].get(id);
      if (!this.own.isRestored && (run === undefined || run.deletedMs <= this.o.time.nowMs))
        this.o.fail(`${kind} ${id} was marked deleted and is shown again, and Prefect does not have it`);
    }
    this.deleted.clear();
    for (const { kind, id } of this.readDeletedRuns.all()) {
      const runId = bytesToUuid(id);
      this.deleted.set(runId, kind);
      if (this.own.pendingRuns.has(runId))
        this.o.fail(`flow run ${runId} is marked deleted before its row is committed`);
    }
  }

  /** No task run is marked deleted that Prefect has. */
  private checkDeletedTasks(): void {
    // What a restored database has again is read again, which takes a while.
    if (this.own.restoredMs > this.o.time.nowMs - FOUND_AGAIN_MS) return;
    for (const { id } of this.readDeletedTasks.all()) {
      const taskId = bytesToUuid(id);
      if ((this.own.taskRuns.get(taskId)?.deletedMs ?? 0) > this.o.time.nowMs)
        this.o.fail(`task run ${taskId} is marked deleted, and Prefect has it`);
    }
  }

  private checkStates(): void {
    const rows = this.o.sqlite
      .prepare<{ id: Uint8Array; state_us: number | null }, []>("SELECT id, state_us FROM flow_run")
      .all();
    const known = new Set(rows.map((row) => bytesToUuid(row.id)));
    // A run that was deleted by age may be stored again, with an older state.
    for (const id of this.states.keys()) if (!known.has(id)) this.states.delete(id);
    for (const { id, state_us } of rows) {
      if (state_us === null) continue;
      const key = bytesToUuid(id);
      const before = this.states.get(key);
      // After the server clock was set back, a later state has an earlier time.
      const isSetBack = this.o.serverClock.wasSet;
      if (before !== undefined && state_us < before && !isSetBack && !this.isRestoredState(key, state_us))
        this.o.fail(`flow run ${key} went back from ${rel(before)} to ${rel(state_us)}`);
      this.states.set(key, state_us);
    }
  }

  /** The database was restored, and has this state of the run now. */
  private isRestoredState(id: string, stateUs: number): boolean {
    const { isRestored, runs } = this.own;
    return isRestored && parseIsoUs(runs.get(id)?.row.state?.timestamp ?? "") === stateUs;
  }

  /**
   * Nothing shows that the restored database has lost the event of the recorded state: it has it, or never stored it, or REST had not
   * returned it yet. Its row is older, and may still be written.
   */
  private isRowBehind({ state_id, state_us }: TaskRunRow): boolean {
    const { isRestored, held, history } = this.own;
    const ageUs = this.o.serverClock.nowUs() - (state_us ?? 0);
    if (!isRestored || state_id === null || ageUs >= TASK_RUN_ROW_DELAY_US) return false;
    const id = bytesToUuid(state_id);
    return held.has(id) || this.lostUnseen.has(id) || !history.some(({ event }) => event.id === id);
  }

  /**
   * Nothing but a count finds it: Prefect has no event of the task run and wrote its row when the rounds did not read that time any more,
   * or the record has an end of it, and Prefect has a later state whose event was lost.
   */
  private isFoundByCount({ row, expectedUs, storedMs }: SimTaskRun, known: TaskRunRow | null): boolean {
    const { held, rows } = this.own;
    if (known !== null)
      return known.state_type !== row.state_type && isTerminal(known.state_type) && !held.has(row.state_id ?? "");
    if (this.o.serverClock.usAt(storedMs) - expectedUs <= ROUND_REACH_US) return false;
    return !rows.some(({ event }) => event.resource["prefect.resource.id"] === `prefect.task-run.${row.id}`);
  }

  /** Whether REST has returned the event to the product. */
  isConfirmed(id: string): boolean {
    const found = this.o.sqlite.prepare<{ src: number }, [Uint8Array]>("SELECT src FROM event WHERE id = ?");
    return (found.get(uuidToBytes(id))?.src ?? EVENT_SOURCES.stream) !== EVENT_SOURCES.stream;
  }

  holds(id: string): boolean {
    return this.hasEvent.get(uuidToBytes(id)) !== null;
  }

  /** Those of the rows that the record lacks and could have. What is claimed is checked in any case. */
  missing(rows: readonly StoredEvent[]): StoredEvent[] {
    const lacking = rows.filter((row) => this.hasEvent.get(uuidToBytes(row.event.id)) === null);
    const unlistable = lacking.length === 0 ? new Set() : this.o.unlistable();
    return lacking.filter((row) => !unlistable.has(row.event.id));
  }

  /** The database was restored a moment ago: states may be older than before. */
  databaseRestored(): void {
    this.states.clear();
    const lost = this.own.history.filter((one) => one.removedBy === "restored" && one.removedMs === this.o.time.nowMs);
    const receivedUs = ({ event }: StoredEvent) => parseIsoUs(event.received) ?? 0;
    const seenUs = Math.max(...lost.filter(({ event }) => this.isConfirmed(event.id)).map(receivedUs));
    for (const one of lost) if (receivedUs(one) > seenUs) this.lostUnseen.add(one.event.id);
  }

  /**
   * Compares the whole record with all that the server ever published. Not required are events before `fromUs`, and those more than a
   * day in the future, which are not asked for.
   */
  checkEnd(db: RecordDb, fromUs: number, mustHold: ReadonlySet<string>): void {
    const stored = new Map(this.own.rows.map((row) => [row.event.id, row]));
    const toUs = this.o.serverClock.nowUs() + DAY_US;
    for (const row of this.missing(this.own.rows.filter((one) => one.us >= fromUs && one.us <= toUs))) {
      this.o.fail(`at the end the record lacks the event at ${rel(row.us)}, stored at ${row.storedMs} ms`);
      return;
    }
    const ids = this.o.sqlite
      .prepare<{ id: Uint8Array }, []>("SELECT id FROM event")
      .all()
      .map((row) => bytesToUuid(row.id));
    if (new Set(ids).size !== ids.length) this.o.fail("an event is held twice");
    for (const id of ids) {
      const versions = this.own.published.get(id);
      const held = findEventById(db, id);
      if (!versions) this.o.fail(`the record has ${id}, which was never published`);
      // Events that are too old, or too far in the future, to be read again may be stored in a later copy that was streamed.
      const row = stored.get(id);
      const allowed = row && row.us >= fromUs && row.us <= toUs ? [row.event] : versions;
      if (!allowed?.some((version) => sameEvent(version, held))) {
        this.o.fail(`event ${id} differs: held ${JSON.stringify(held)}, REST ${JSON.stringify(allowed)}`);
        return;
      }
    }
    const held = new Set(ids);
    for (const id of mustHold) if (!held.has(id)) this.o.fail(`streamed event ${id} was lost`);
    const counted = this.o.sqlite.prepare<{ n: number | null }, []>("SELECT sum(n) AS n FROM event_hour").get()?.n ?? 0;
    if (counted !== ids.length) this.o.fail(`the rollup counts ${counted} of ${ids.length} events`);
  }

  /** Compares run rows after a run round. `areCounted`: all runs were counted since the last change. */
  checkRunsAtEnd(db: RecordDb, fromUs: number, areCounted: boolean): void {
    for (const run of this.own.runs.values()) {
      const row = findFlowRunRow(db, run.row.id);
      const isDeleted = run.deletedMs <= this.o.time.nowMs;
      if (isDeleted) {
        if (row && row.deleted_us === null && (areCounted || !isTerminal(row.state_type)))
          this.o.fail(`flow run ${run.row.id} is deleted and the record does not say so`);
        continue;
      }
      if (!row) {
        // From before the server clock was set back: flow runs that are expected later are read when they are due.
        const isDue = run.expectedUs >= fromUs && run.expectedUs <= this.o.serverClock.nowUs();
        if (isDue) this.o.fail(`flow run ${run.row.id} is not in the record`);
        continue;
      }
      if (row.deleted_us !== null) this.o.fail(`flow run ${run.row.id} is shown as deleted`);
      if (row.state_type !== run.row.state_type)
        this.o.fail(`flow run ${run.row.id} is ${run.row.state_type}, the record says ${row.state_type}`);
    }
    for (const run of this.own.taskRuns.values()) {
      const row = findTaskRunRow(db, run.row.id);
      const isDeleted = run.deletedMs <= this.o.time.nowMs;
      if (!areCounted && (run.row.name === LATE_TASK || this.isFoundByCount(run, row))) continue;
      // A row that is known from events only may still be written for ten minutes.
      const isDue = areCounted || (row !== null && row.read_us !== null && !isTerminal(row.state_type));
      if (isDeleted && row && row.deleted_us === null && isDue)
        this.o.fail(`task run ${run.row.id} is deleted and the record does not say so`);
      if (isDeleted || run.expectedUs < fromUs) continue;
      if (!row) this.o.fail(`task run ${run.row.id} is not in the record`);
      else if (row.deleted_us !== null) this.o.fail(`task run ${run.row.id} is shown as deleted`);
      else if (row.state_type !== run.row.state_type && !this.isRowBehind(row))
        this.o.fail(`task run ${run.row.id} is ${run.row.state_type}, the record says ${row.state_type}`);
    }
    const shown = this.o.sqlite.prepare<{ id: Uint8Array }, []>("SELECT id FROM task_run WHERE deleted_us IS NULL");
    for (const { id } of areCounted ? shown.all() : []) {
      if (!this.own.taskRuns.has(bytesToUuid(id)))
        this.o.fail(`task run ${bytesToUuid(id)} is shown, and Prefect does not have it`);
    }
    for (const { id } of this.own.lostRuns) {
      const row = findFlowRunRow(db, id);
      if (row && row.deleted_us === null) this.o.fail(`flow run ${id} was lost with a restored database and is shown`);
    }
  }
}

function sameEvent(a: PrefectEvent | undefined, b: PrefectEvent | null): boolean {
  return a !== undefined && b !== null && JSON.stringify(a) === JSON.stringify(b);
}

function rel(us: number): string {
  return `${((us - EPOCH_US) / 1_000_000).toFixed(3)} s`;
}
