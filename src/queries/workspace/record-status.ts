import type { AppError } from "../../errors.ts";
/** Content of the record, how current it is, and which process syncs it. For the tool and for the command `status`. */

import type { Clock } from "../../lib/clock.ts";
import { asPlace, counted, type Sentence, sentence } from "../../lib/shown-text.ts";
import { formatIsoUs, onServerClock, SECOND_US, type ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { gapsIn, mergeRanges } from "../../model/freshness.ts";
import type { RecordedRange } from "../../model/workspaces.ts";
import { coveredRanges, coveredScopes } from "../../store/coverage.ts";
import type { RecordDb } from "../../store/database.ts";
import { findEventRange } from "../../store/events/events.ts";
import { recordBytes, walBytes } from "../../store/file/record-file.ts";
import { countRows } from "../../store/row-counts.ts";
import { findFact } from "../../store/sync-state.ts";
import type { QueryContext } from "../source/context.ts";
import { recordedBeginUs } from "../source/run-window.ts";
import { serverNowUs, statedSkewUs } from "../source/server-time.ts";
import { isSyncerAlive, readSyncView } from "../source/sync-view.ts";

export interface RecordStatus {
  readonly instance: string;
  readonly version: string | null;
  /** Why there may be a record that cannot be read. */
  readonly unreadable: AppError | null;
  /** Null: there is no record yet, or it cannot be read. */
  readonly file: string | null;
  readonly bytes: number;
  /** Of `bytes`, the write-ahead log. */
  readonly walBytes: number;
  readonly events: number;
  readonly oldestUs: number | null;
  readonly newestUs: ServerUs | null;
  /** Coverage by kind, server clock. */
  readonly coverage: Readonly<Record<string, readonly TimeRange[]>>;
  /** Gaps in the coverage of events. */
  readonly gaps: readonly TimeRange[];
  /** Time from the end of the coverage of events to now, milliseconds. Null without coverage. */
  readonly lagMs: number | null;
  readonly syncing: "self" | "other" | "none";
  readonly reachable: boolean | null;
  readonly lastContactUs: ServerUs | null;
  readonly stream: string | null;
  readonly backfill: { readonly goalUs: ServerUs; readonly reachedUs: ServerUs; readonly done: boolean } | null;
  readonly requests: { readonly total: number; readonly lastMinute: number } | null;
  readonly lastError: {
    /** Server clock. */ readonly atUs: ServerUs;
    readonly code: string;
    readonly message: string;
  } | null;
  /** Number of rows per table, without events. */
  readonly rows: Readonly<Record<string, number>>;
  /** Number of runs whose logs are recorded whole. */
  readonly runsWithLogs: number;
}

/** Rows of the record by table, in words; tables without rows too. */
export function rowTexts(rows: RecordStatus["rows"]): Sentence[] {
  const count = (table: string) => rows[table] ?? 0;
  if (Object.keys(rows).length === 0) return [];
  return [
    counted(count("flow_run"), "flow run"),
    counted(count("task_run"), "task run"),
    counted(count("log"), "log line"),
    counted(count("object"), "object"),
    counted(count("object_change"), "change of an object", "changes of objects"),
  ];
}

const KINDS = ["event", "flow_run", "task_run"] as const;

export function getRecordStatus(ctx: QueryContext): RecordStatus {
  const db = ctx.record();
  return db ? describe(ctx, db) : withoutRecord(ctx);
}

function withoutRecord(ctx: QueryContext): RecordStatus {
  const none = { oldestUs: null, newestUs: null, lagMs: null, reachable: null, lastContactUs: null, stream: null };
  const empty = {
    version: null,
    file: null,
    bytes: 0,
    walBytes: 0,
    events: 0,
    coverage: {},
    gaps: [],
    rows: {},
    runsWithLogs: 0,
  };
  const unreadable = ctx.recordProblem?.() ?? null;
  return {
    instance: ctx.instance,
    unreadable,
    ...empty,
    ...none,
    syncing: "none",
    backfill: null,
    requests: null,
    lastError: null,
  };
}

function describe(ctx: QueryContext, db: RecordDb): RecordStatus {
  const range = findEventRange(db);
  const coverage = Object.fromEntries(KINDS.map((kind) => [kind, coverageOf(db, kind)]));
  const events = coverage.event ?? [];
  const [first, last] = [events[0], events.at(-1)];
  const sync = readSyncView(db, ctx.clock);
  const instance = findFact(db, "instance");
  const isSyncing = syncingProcess(db, ctx.clock);
  const lastError = findFact(db, "lastError");
  return {
    instance: instance?.url ?? ctx.instance,
    version: instance?.version ?? null,
    unreadable: null,
    file: db.file,
    bytes: recordBytes(db.file),
    walBytes: walBytes(db.file),
    events: range?.count ?? 0,
    oldestUs: range?.fromUs ?? null,
    newestUs: range?.toUs ?? null,
    coverage,
    gaps: first && last ? gapsIn({ fromUs: first.fromUs, toUs: last.toUs }, events) : [],
    lagMs: last ? Math.max(0, Math.round((serverNowUs(ctx) - last.toUs) / 1000)) : null,
    syncing: isSyncing,
    reachable: isSyncing === "none" ? null : sync.unreachableSinceUs === null,
    lastContactUs: sync.lastContactUs,
    stream: isSyncing === "none" ? null : (findFact(db, "stream")?.state ?? null),
    backfill: findFact(db, "backfill"),
    requests: findFact(db, "requests"),
    lastError: lastError && { ...lastError, atUs: onServerClock(lastError.atUs, statedSkewUs(db)) },
    rows: countRows(db),
    runsWithLogs: coveredScopes(db, "log").filter((scope) => scope !== "").length,
  };
}

/** Coverage of all time is stated since the first run of the workspace. */
function coverageOf(db: RecordDb, kind: (typeof KINDS)[number]): TimeRange[] {
  const ranges = mergeRanges(coveredRanges(db, kind, ""), SECOND_US);
  const beginUs = kind === "event" ? null : recordedBeginUs(db, kind);
  return ranges.map((range, index) => (index === 0 && beginUs !== null ? { ...range, fromUs: beginUs } : range));
}

/** The writer empties the log at a quarter of this; it cannot while another connection reads from an old state of the file. */
const LARGE_WAL_BYTES = 256 * 1024 ** 2;

/** What it means that the write-ahead log is large, or null when it is not. */
export function walProblem({ walBytes: bytes, file }: Pick<RecordStatus, "walBytes" | "file">): Sentence | null {
  if (!(bytes >= LARGE_WAL_BYTES)) return null;
  const size = sentence`${Math.round(bytes / 1e6)} MB`;
  return sentence`The write-ahead log ${asPlace(`${file}-wal`)} has grown to ${size}, because another program reads the record without ending its transaction.`;
}

function syncingProcess(db: RecordDb, clock: Clock): RecordStatus["syncing"] {
  if (!isSyncerAlive(db, clock)) return "none";
  return findFact(db, "syncer")?.pid === process.pid ? "self" : "other";
}

/** How far the record reaches and which process follows it, without counting its rows. */
export function getRecordedRange(
  db: RecordDb | null,
  clock: Clock,
): { recorded: RecordedRange | null; following: RecordStatus["syncing"] } {
  if (db === null) return { recorded: null, following: "none" };
  const ranges = coverageOf(db, "event");
  const [first, last] = [ranges[0], ranges.at(-1)];
  const whole = first && last ? { fromUs: first.fromUs, toUs: last.toUs } : null;
  return {
    recorded: {
      events: findEventRange(db)?.count ?? 0,
      from: whole && formatIsoUs(whole.fromUs),
      to: whole && formatIsoUs(whole.toUs),
      gaps: whole ? gapsIn(whole, ranges).length : 0,
    },
    following: syncingProcess(db, clock),
  };
}
