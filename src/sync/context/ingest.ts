/**
 * The only code that writes synced rows and claims. One transaction per batch stores the rows, what is folded from
 * them, and the claim that they prove, so no range is covered before its last row is stored.
 */
import type { Clock } from "../../lib/clock.ts";
import {
  addUs,
  earliestUs,
  floorUs,
  type LocalUs,
  latestUs,
  onServerClock,
  parseIsoUs,
  SECOND_US,
  type ServerUs,
} from "../../lib/time.ts";
import type { EventSource, PrefectEvent } from "../../model/events/event.ts";
import type { LiveBatch } from "../../model/events/live-batch.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { isHeld } from "../../model/kinds.ts";
import { cutLongFields } from "../../model/objects/long-fields.ts";
import type { FlowRun, Log, SnapshotKind, SnapshotObjects, TaskRun } from "../../model/objects.ts";
import type { Redact } from "../../model/secrets/redact.ts";
import type { RecordDb } from "../../store/database.ts";
import { confirmEvents, unconfirmEvents, unconfirmEventsReceivedAfter } from "../../store/events/confirmed-events.ts";
import { createEventWriter } from "../../store/events/events.ts";
import { upsertLogs } from "../../store/logs/logs.ts";
import { upsertNewestObjects, upsertObjects } from "../../store/objects/objects.ts";
import { findFlowRunRow, markFlowRunsDeleted, upsertFlowRuns } from "../../store/runs/flow-runs.ts";
import { foldRunEvents } from "../../store/runs/fold-events.ts";
import { markTaskRunsDeleted, upsertTaskRuns } from "../../store/runs/task-runs.ts";
import { type Fact, type FactKey, putFact, putStateJson, RETENTION_FLOOR_KEY } from "../../store/sync-state.ts";
import type { ServerClock } from "../server/server-clock.ts";
import type { ChangeSource } from "./changes.ts";
import { ClaimWriter, type EventClaim } from "./claim-writer.ts";
import { ClockRepairs } from "./clock-repairs.ts";
import { DOUBT_KEY, type Doubt, doubtedUntilUs, statesLostUntilUs } from "./doubt.ts";
import { redactStoredLogs } from "./redact-stored-logs.ts";
import { retentionFloorUs } from "./retention-floor.ts";

/** Facts by key; null removes one. */
export type FactUpdates = { readonly [K in FactKey]?: Fact<K> | null };

export interface IngestOptions {
  readonly db: RecordDb;
  readonly clock: Clock;
  readonly redact: Redact;
  readonly serverClock: ServerClock;
  readonly changes: ChangeSource;
}

/** Events that arrive later than this may lie before the overlap that each catch-up reads again. */
const LATE_US = 60 * SECOND_US;
const NO_NAMES: ReadonlySet<string> = new Set();

export class Ingest {
  private readonly db: RecordDb;
  private readonly clock: Clock;
  private readonly redact: Redact;
  private readonly serverClock: ServerClock;
  /** Every transaction goes through it. */
  readonly repairs: ClockRepairs;
  private readonly changes: ChangeSource;
  private readonly writer: ReturnType<typeof createEventWriter>;
  private readonly claimWriter: ClaimWriter;

  constructor(options: IngestOptions) {
    this.db = options.db;
    this.clock = options.clock;
    this.redact = options.redact;
    this.serverClock = options.serverClock;
    this.repairs = new ClockRepairs(options.db, options.clock, options.serverClock);
    this.changes = options.changes;
    this.writer = createEventWriter(options.db);
    this.claimWriter = new ClaimWriter(options.db);
  }

  /**
   * Stores each event once. `gained`: how many were new or corrected. With `claim`, every event of its range must be
   * stored by now.
   */
  events(
    events: readonly PrefectEvent[],
    source: EventSource,
    claim: EventClaim | null,
    putFacts?: FactUpdates,
  ): { gained: number } {
    if (events.length === 0 && claim === null) return { gained: 0 };
    const clean = events.map((event) => this.redact.event(event));
    const done = this.repairs.transaction(() => {
      const { inserted, keys } = this.writer.insert(clean, source, this.clock.nowUs());
      if (source !== "stream") this.confirm(clean, inserted, source);
      const folded = foldRunEvents(this.db, inserted, keys, this.serverClock.aheadUs());
      if (claim) this.claimWriter.cover("event", "", claim);
      if (putFacts) this.writeFacts(putFacts);
      return { inserted, folded };
    });
    if (done.inserted.length > 0) {
      this.changes.publish("commit", {
        kinds: [
          "event",
          ...(done.folded.flowRunIds.length > 0 ? ["flow_run"] : []),
          ...(done.folded.taskRunIds.length > 0 ? ["task_run"] : []),
        ],
        flowRunIds: done.folded.flowRunIds,
        newestUs: newest(done.inserted),
        eventNames: new Set(done.inserted.map((event) => event.event)),
        lateRange: source === "stream" ? lateRange(done.inserted) : null,
      });
    }
    return { gained: done.inserted.length };
  }

  /** Claims ranges whose events are stored already, and withdraws claims over `incomplete`. */
  claims(claims: readonly EventClaim[], incomplete?: TimeRange): void {
    this.repairs.transaction(() => {
      if (incomplete) this.claimWriter.withdrawEvents(incomplete);
      for (const claim of claims) this.claimWriter.cover("event", "", claim);
    });
  }

  /**
   * Stores rows from REST, and marks ids that REST does not have (`missing`) as deleted. Returns how many rows changed.
   */
  flowRuns(
    rows: readonly FlowRun[],
    readUs: LocalUs,
    extra: { readonly missing?: readonly string[]; readonly claim?: EventClaim | null },
  ): number {
    const missing = extra.missing ?? [];
    const changed = this.repairs.transaction(() => {
      const clean = rows.map((row) => this.redact.flowRun(row));
      const serverReadUs = this.serverClock.toSettledUs(readUs);
      const aheadUs = this.serverClock.aheadUs();
      const ids = upsertFlowRuns(this.db, clean, readUs, {
        ...(serverReadUs === null ? {} : { serverReadUs }),
        ...(aheadUs === null ? {} : { aheadUs }),
        doubtedUs: statesLostUntilUs(this.db),
        seenUs: this.deletedAtUs(readUs),
      });
      if (missing.length > 0) markFlowRunsDeleted(this.db, missing, this.deletedAtUs(readUs), aheadUs);
      if (extra.claim) this.claimWriter.cover("flow_run", "", extra.claim);
      return ids;
    });
    const flowRunIds = [...changed, ...missing];
    if (flowRunIds.length > 0) this.publish(["flow_run"], flowRunIds);
    return flowRunIds.length;
  }

  /** All flow runs that had not ended at `readUs` (start of the reading) are stored by now. */
  allUnfinishedRuns(readUs: LocalUs): void {
    this.repairs.transaction(() => {
      if (this.claimWriter.isOutdated(readUs)) return;
      putFact(this.db, "read:unfinished", { readUs: floorUs(readUs) }, this.clock.nowUs());
    });
  }

  /**
   * `ofFlowRuns`: the rows are all task runs of these flow runs. `settledUs`: the server clock at the start of the
   * reading. Returns whether all of these flow runs were claimed: those whose rows are older than their events are not.
   * `claim`: by now all task runs that are expected in this range are stored.
   */
  taskRuns(
    rows: readonly TaskRun[],
    readUs: LocalUs,
    extra: {
      readonly missing?: readonly string[];
      readonly ofFlowRuns?: readonly string[];
      readonly settledUs?: ServerUs | null;
      readonly claim?: EventClaim | null;
    },
  ): boolean {
    const { missing = [], ofFlowRuns = [], settledUs = null } = extra;
    const done = this.repairs.transaction(() => {
      const clean = rows.map((row) => this.redact.taskRun(row));
      const changed = upsertTaskRuns(this.db, clean, readUs, {
        serverReadUs: this.serverClock.toSettledUs(readUs),
        doubtedUs: statesLostUntilUs(this.db),
        seenUs: this.deletedAtUs(readUs),
      }).length;
      if (missing.length > 0)
        markTaskRunsDeleted(this.db, missing, this.deletedAtUs(readUs), this.serverClock.aheadUs());
      const whole = settledUs === null ? [] : this.claimWriter.withAllTaskRows(ofFlowRuns, clean, settledUs);
      this.claimWriter.coverRuns("task_run", whole, readUs, settledUs);
      if (extra.claim) this.claimWriter.cover("task_run", "", extra.claim);
      return { changed, isWhole: whole.length === ofFlowRuns.length };
    });
    if (done.changed + missing.length > 0) this.publish(["task_run"], []);
    return done.isWhole;
  }

  /** `ofFlowRun`: the lines are all log lines of this run. */
  logs(
    rows: readonly Log[],
    readUs: LocalUs,
    extra: { readonly ofFlowRun?: string; readonly settledUs?: ServerUs | null },
  ): void {
    this.repairs.transaction(() => {
      upsertLogs(this.db, this.redact.logs(rows));
      redactStoredLogs(this.db, this.redact, rows);
      this.claimWriter.coverRuns(
        "log",
        extra.ofFlowRun === undefined ? [] : [extra.ofFlowRun],
        readUs,
        extra.settledUs ?? null,
      );
    });
    if (rows.length > 0) this.publish(["log"], extra.ofFlowRun === undefined ? [] : [extra.ofFlowRun]);
  }

  /** `isWhole`: the list was read to its end, so objects that it lacks are marked deleted. */
  snapshot<K extends SnapshotKind>(
    kind: K,
    rows: readonly SnapshotObjects[K][],
    readUs: LocalUs,
    isWhole: boolean,
  ): void {
    const isStillWhole = isWhole && !this.claimWriter.isOutdated(readUs);
    this.objects(kind, rows, (clean) => upsertObjects(this.db, kind, clean, readUs, isStillWhole));
  }

  /** The first page of a list in the order of `updated`, newest first. */
  newestObjects<K extends SnapshotKind>(kind: K, rows: readonly SnapshotObjects[K][], readUs: LocalUs): void {
    this.objects(kind, rows, (clean) => upsertNewestObjects(this.db, kind, clean, readUs));
  }

  private objects<K extends SnapshotKind>(
    kind: K,
    rows: readonly SnapshotObjects[K][],
    store: (clean: readonly SnapshotObjects[K][]) => readonly string[],
  ): void {
    const clean = rows.filter((row) => isHeld(kind, row)).map((row) => cutLongFields(kind, this.redact.object(row)));
    const changed = this.repairs.transaction(() => store(clean));
    if (changed.length > 0) this.publish([kind], []);
  }

  /** Stores a live batch. Its claim, if any, ends where the server clock certainly was at the start of the reading. */
  saveLive(batch: LiveBatch): void {
    switch (batch.kind) {
      case "event": {
        const toUs = earliestUs(batch.covered?.toUs ?? 0, batch.reachedUs ?? Number.NEGATIVE_INFINITY);
        const isClaim = batch.covered !== undefined && toUs >= batch.covered.fromUs;
        const claim = isClaim ? { ...batch.covered, toUs, source: "live" as const, verifiedUs: batch.readUs } : null;
        this.events(batch.rows, "live", claim);
        return;
      }
      case "flow_run":
        // A run that is known from events only may not be committed yet; the run rounds ask for it again.
        this.flowRuns(batch.rows, batch.readUs, {
          missing: (batch.missing ?? []).filter((id) => findFlowRunRow(this.db, id)?.read_us != null),
        });
        return;
      case "task_run":
        this.taskRuns(batch.rows, batch.readUs, {
          ...(batch.ofFlowRuns ? { ofFlowRuns: batch.ofFlowRuns } : {}),
          settledUs: this.settledUs(batch.reachedUs),
        });
        return;
      case "log":
        this.logs(batch.rows, batch.readUs, {
          ...(batch.ofFlowRun === undefined ? {} : { ofFlowRun: batch.ofFlowRun }),
          settledUs: this.settledUs(batch.reachedUs),
        });
        return;
      default:
        this.snapshot(
          batch.kind,
          batch.rows as readonly SnapshotObjects[typeof batch.kind][],
          batch.readUs,
          batch.isWhole,
        );
    }
  }

  /** See ClockMark. */
  private settledUs(reachedUs: ServerUs | null | undefined): ServerUs | null {
    return reachedUs == null ? null : addUs(reachedUs, -this.serverClock.unsureUs());
  }

  facts(facts: FactUpdates): void {
    this.repairs.transaction(() => this.writeFacts(facts));
  }

  putFact<K extends FactKey>(key: K, value: Fact<K> | null): void {
    this.repairs.transaction(() => putFact(this.db, key, value, this.clock.nowUs()));
  }

  /** Writes a value that only the engine reads, and removes the key `drop` in the same transaction. */
  putState(key: string, value: unknown, drop?: string): void {
    this.repairs.transaction(() => {
      putStateJson(this.db, key, value, this.clock.nowUs());
      if (drop !== undefined) putStateJson(this.db, drop, null, this.clock.nowUs());
    });
  }

  /** Runs one step that compares counts or names with the rows they are made of, and mends them. Returns how many were wrong. */
  mend(step: (db: RecordDb) => number): number {
    return this.repairs.transaction(() => step(this.db));
  }

  /**
   * Runs one step that deletes what occurred before a moment. The first step raises the retention floor, so that
   * nothing before it is claimed or fetched again.
   */
  drop<T>(beforeUs: ServerUs, step: (db: RecordDb) => T): T {
    return this.repairs.transaction(() => {
      if (beforeUs > retentionFloorUs(this.db))
        putStateJson(this.db, RETENTION_FLOOR_KEY, { us: beforeUs }, this.clock.nowUs());
      return step(this.db);
    });
  }

  /** The server no longer has these events. */
  unconfirm(ids: readonly string[]): void {
    this.repairs.transaction(() => unconfirmEvents(this.db, ids));
  }

  /** Withdraws all claims, over rows of every kind. `byUs`: start of the reading that contradicts them, local clock. */
  withdrawClaims(byUs: LocalUs): void {
    this.repairs.transaction(() =>
      this.claimWriter.withdrawAfterRestore(Number.MIN_SAFE_INTEGER, this.clock.nowUs(), byUs),
    );
  }

  /**
   * Withdraws what a restored database may have made untrue: claims over events since the backup, all claims over runs, task runs
   * and logs, and the readings of all lists. Events that the backup may lack are not confirmed any more.
   */
  databaseRestored(restored: {
    /** Events that the server received after this may be lost; server clock. */
    readonly sinceUs: ServerUs;
    readonly lostIds: readonly string[];
    /** Events that it has just returned: they stay markers, so that the server is recognised by them. */
    readonly keptIds: readonly string[];
    readonly doubt: Doubt;
  }): void {
    const { sinceUs, lostIds, keptIds, doubt } = restored;
    this.repairs.transaction(() => {
      this.claimWriter.withdrawAfterRestore(sinceUs, this.clock.nowUs(), null);
      unconfirmEvents(this.db, lostIds);
      unconfirmEventsReceivedAfter(this.db, sinceUs);
      confirmEvents(this.db, keptIds, "catch-up");
      const untilUs = latestUs(doubt.untilUs, doubtedUntilUs(this.db));
      putStateJson(this.db, DOUBT_KEY, { ...doubt, untilUs }, this.clock.nowUs());
    });
  }

  /** Marks events as confirmed. */
  private confirm(
    events: readonly PrefectEvent[],
    inserted: readonly PrefectEvent[],
    source: Exclude<EventSource, "stream">,
  ): void {
    const fresh = new Set(inserted.map((event) => event.id));
    confirmEvents(
      this.db,
      events.map((event) => event.id).filter((id) => !fresh.has(id)),
      source,
    );
  }

  private writeFacts(facts: FactUpdates): void {
    for (const [key, value] of Object.entries(facts)) putFact(this.db, key as FactKey, value, this.clock.nowUs());
  }

  /**
   * The later of both clocks: times of states are on the server clock, readings on the local one. With the local time
   * alone, a run of a server whose clock is ahead would seem to have changed after its deletion.
   */
  private deletedAtUs(readUs: LocalUs): ServerUs {
    const unskewedUs = onServerClock(readUs, 0);
    return floorUs(latestUs(unskewedUs, this.serverClock.toServerUs(readUs) ?? unskewedUs));
  }

  private publish(kinds: readonly string[], flowRunIds: readonly string[]): void {
    this.changes.publish("commit", { kinds, flowRunIds, newestUs: null, eventNames: NO_NAMES, lateRange: null });
  }
}

/** A client that was disconnected sends its queued events all at once, and the websocket may lose a part of them. */
function lateRange(events: readonly PrefectEvent[]): TimeRange | null {
  const stamps = events.flatMap((event) => {
    const atUs = parseIsoUs(event.occurred);
    const receivedUs = parseIsoUs(event.received);
    return atUs !== undefined && receivedUs !== undefined && receivedUs - atUs >= LATE_US ? [atUs] : [];
  });
  if (stamps.length === 0) return null;
  return { fromUs: stamps.reduce((a, b) => earliestUs(a, b)), toUs: stamps.reduce((a, b) => latestUs(a, b)) };
}

function newest(events: readonly PrefectEvent[]): ServerUs | null {
  const stamps = events.flatMap((event) => parseIsoUs(event.occurred) ?? []);
  return stamps.length > 0 ? stamps.reduce((a, b) => latestUs(a, b)) : null;
}
