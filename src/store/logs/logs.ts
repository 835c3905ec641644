import { append } from "../../lib/lists.ts";
import { formatIsoUs, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import { bytesToUuid, isUuid, uuidToBytes } from "../../lib/uuid.ts";
import type { Log } from "../../model/objects.ts";
import { indexText } from "../../model/text/words.ts";
import { coverageEnd } from "../coverage.ts";
import { inSnapshot, type RecordDb, type SQLQueryBindings } from "../database.ts";
import type { LogRow, NewLogRow } from "../schema/log.ts";
import { insertStatement } from "../write-row.ts";

/** Position of a line: its timestamp, then its order of arrival. */
export interface LogCursor {
  readonly tsUs: ServerUs;
  readonly seq: number;
}

export interface FoundLog extends LogCursor {
  readonly log: Log;
  /** Number of the line in its flow run, from 1; null for a line without a flow run. */
  readonly n: number | null;
}

export interface LogQuery {
  readonly flowRunIds?: readonly string[];
  readonly taskRunIds?: readonly string[];
  /** Lowest level, such as 40 for ERROR. */
  readonly minLevel?: number;
  /** Part of the message, case ignored. */
  readonly text?: string;
  /** Closed range of the timestamp, microseconds. */
  readonly sinceUs?: ServerUs;
  readonly untilUs?: ServerUs;
  /** By timestamp; "desc": newest first. */
  readonly order: "asc" | "desc";
  readonly limit: number;
  readonly after?: LogCursor;
}

const insertLog = insertStatement<NewLogRow>("log", "ON CONFLICT DO NOTHING");

/**
 * Stores each line once, by id, and returns how many were new. `rows` are in ascending order; lines with one timestamp keep the order
 * in which they are stored first. Call it inside `inTransaction`. Lines without a valid timestamp are skipped.
 */
export function upsertLogs(db: RecordDb, rows: readonly Log[]): number {
  const index = db.prepare<unknown, [number, string]>("INSERT INTO log_fts(rowid, text) VALUES (?, ?)");
  let added = 0;
  for (const row of rows) {
    const tsUs = parseIsoUs(row.timestamp);
    if (tsUs === undefined) continue;
    const { changes, lastInsertRowid } = insertLog(db, {
      id: uuidToBytes(row.id),
      flow_run_id: row.flow_run_id ? uuidToBytes(row.flow_run_id) : null,
      task_run_id: row.task_run_id ? uuidToBytes(row.task_run_id) : null,
      ts_us: tsUs,
      level: Math.trunc(row.level),
      logger: row.name,
      message: row.message,
    });
    if (changes === 0) continue;
    added += 1;
    index.run(Number(lastInsertRowid), indexText(`${row.message}\n${row.name}`));
  }
  return added;
}

/** All lines of one flow run and its task runs, in the server's order. */
export function findLogsOfFlowRun(db: RecordDb, flowRunId: string): Log[] {
  const read = db.prepare<LogRow, [Uint8Array]>(`SELECT * FROM log WHERE flow_run_id = ? ORDER BY ts_us, seq`);
  return isUuid(flowRunId) ? read.all(uuidToBytes(flowRunId)).map(toLog) : [];
}

/** Lines that match, by timestamp and arrival. `more`: there are further matches. */
export function findLogs(db: RecordDb, query: LogQuery): { logs: FoundLog[]; hasMore: boolean } {
  return inSnapshot(db, () => {
    const rows = matchingLogs(db, query, query.limit + 1);
    return { logs: withLineNumbers(db, rows.slice(0, query.limit)), hasMore: rows.length > query.limit };
  });
}

/** SQLite's LIKE ignores the case of ASCII letters only; other texts are compared in JavaScript. */
const isAscii = (text: string) => !/[^ -~]/.test(text);

function matchingLogs(db: RecordDb, query: LogQuery, want: number): LogRow[] {
  const { text = "" } = query;
  if (isAscii(text)) return readChunk(db, query, want, query.after);
  const lower = text.toLowerCase();
  const found: LogRow[] = [];
  let after = query.after;
  for (;;) {
    const rows = readChunk(db, query, CHUNK, after);
    append(
      found,
      rows.filter((row) => row.message.toLowerCase().includes(lower)),
    );
    const last = rows.at(-1);
    after = last && { tsUs: last.ts_us, seq: last.seq };
    if (found.length >= want || rows.length < CHUNK || !after) return found.slice(0, want);
  }
}

const CHUNK = 1_000;

function readChunk(db: RecordDb, query: LogQuery, limit: number, after: LogCursor | undefined): LogRow[] {
  const { order, text = "" } = query;
  const where: string[] = [];
  const values: SQLQueryBindings[] = [];
  const add = (condition: string, ...given: SQLQueryBindings[]) => {
    where.push(condition);
    append(values, given);
  };
  if (query.flowRunIds) add("flow_run_id IN (SELECT unhex(value) FROM json_each(?))", hexList(query.flowRunIds));
  if (query.taskRunIds) add("task_run_id IN (SELECT unhex(value) FROM json_each(?))", hexList(query.taskRunIds));
  if (query.minLevel !== undefined) add("level >= ?", query.minLevel);
  if (query.sinceUs !== undefined) add("ts_us >= ?", query.sinceUs);
  if (query.untilUs !== undefined) add("ts_us <= ?", query.untilUs);
  if (text !== "" && isAscii(text)) add("message LIKE ? ESCAPE '\\'", `%${text.replace(/[\\%_]/g, "\\$&")}%`);
  if (after) add(`(ts_us, seq) ${order === "asc" ? ">" : "<"} (?, ?)`, after.tsUs, after.seq);
  const direction = order === "asc" ? "ASC" : "DESC";
  const sql = `SELECT * FROM log ${where.length > 0 ? `WHERE ${where.join(" AND ")}` : ""}
    ORDER BY ts_us ${direction}, seq ${direction} LIMIT ?`;
  return db.prepare<LogRow, SQLQueryBindings[]>(sql).all(...values, limit);
}

function hexList(ids: readonly string[]): string {
  return JSON.stringify(ids.filter(isUuid).map((id) => id.replaceAll("-", "")));
}

/** Adds line numbers: the first line of a run is counted from its start, each further one from the line before it. */
function withLineNumbers(db: RecordDb, rows: readonly LogRow[]): FoundLog[] {
  const count = db.prepare<{ n: number }, [Uint8Array, number, number, number, number]>(
    "SELECT count(*) AS n FROM log WHERE flow_run_id = ? AND (ts_us, seq) > (?, ?) AND (ts_us, seq) <= (?, ?)",
  );
  const before = new Map<string, LogCursor & { n: number }>();
  const numbers = new Map<number, number>();
  const ascending = [...rows].sort((a, b) => a.ts_us - b.ts_us || a.seq - b.seq);
  for (const { seq, ts_us: tsUs, flow_run_id: flowRunId } of ascending) {
    if (!flowRunId) continue;
    const run = bytesToUuid(flowRunId);
    const from = before.get(run) ?? { tsUs: Number.MIN_SAFE_INTEGER, seq: 0, n: 0 };
    const n = from.n + (count.get(flowRunId, from.tsUs, from.seq, tsUs, seq)?.n ?? 0);
    before.set(run, { tsUs, seq, n });
    numbers.set(seq, n);
  }
  return rows.map((row) => ({ tsUs: row.ts_us, seq: row.seq, n: numbers.get(row.seq) ?? null, log: toLog(row) }));
}

export function toLog(row: LogRow): Log {
  return {
    id: bytesToUuid(row.id),
    name: row.logger,
    level: row.level,
    message: row.message,
    timestamp: formatIsoUs(row.ts_us),
    flow_run_id: row.flow_run_id && bytesToUuid(row.flow_run_id),
    task_run_id: row.task_run_id && bytesToUuid(row.task_run_id),
  };
}

/** The `seq` of those of the lines that are recorded, by id in lower case. */
export function findLogArrivals(db: RecordDb, ids: readonly string[]): Map<string, number> {
  const rows = db
    .prepare<Pick<LogRow, "id" | "seq">, [string]>(
      "SELECT id, seq FROM log WHERE id IN (SELECT unhex(value) FROM json_each(?))",
    )
    .all(hexList(ids));
  return new Map(rows.map(({ id, seq }) => [bytesToUuid(id), seq]));
}

/**
 * The same lines, with numbers only where all lines of the run up to there are recorded: of other runs the record may have some lines
 * only, such as errors.
 */
export function withKnownNumbers(db: RecordDb, logs: readonly FoundLog[]): FoundLog[] {
  return logs.map((found) => {
    const end = found.log.flow_run_id ? coverageEnd(db, "log", found.log.flow_run_id.toLowerCase()) : null;
    return end !== null && found.tsUs <= end ? found : { ...found, n: null };
  });
}

/** Lines by their `seq`, in the given order; deleted ones are absent. */
export function findLogsBySeq(db: RecordDb, seqs: readonly number[]): FoundLog[] {
  const read = db.prepare<LogRow, [number]>(`SELECT * FROM log WHERE seq = ?`);
  return withLineNumbers(
    db,
    seqs.flatMap((seq) => read.get(seq) ?? []),
  );
}
