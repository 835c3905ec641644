/**
 * Records in memory, one for each server, that several simulated processes open, one after the other or at once. They can be killed
 * at a write.
 */
import { Database, type SQLQueryBindings, type Statement } from "bun:sqlite";
import { openRecord, type RecordDb } from "../../src/store/database.ts";
import type { ServerRecords } from "../../src/sync/server-records.ts";
import { Killed, type SimProcess } from "./sim-process.ts";

/**
 * Created once and emptied between schedules, because preparing some hundred statements takes longer than a schedule.
 */
class SharedRecord {
  readonly sqlite: Database;
  private readonly statements = new Map<string, Statement<unknown, SQLQueryBindings[]>>();
  private readonly empty: (() => void)[];

  constructor() {
    const made = openRecord(":memory:", "write");
    this.sqlite = Database.deserialize(made.sqlite.serialize());
    made.close();
    const names = this.sqlite
      .query<{ name: string }, []>(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL TABLE%' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '%\\_fts%' ESCAPE '\\' ORDER BY name <> 'event'",
      )
      .all();
    const sql = [
      ...names.map(({ name }) => `DELETE FROM ${name}`),
      ...["block_fts", "log_fts"].map((name) => `INSERT INTO ${name}(${name}) VALUES ('delete-all')`),
      "DELETE FROM sqlite_sequence",
    ];
    this.empty = sql.map((text) => () => void this.prepare(text).run());
  }

  prepare(sql: string): Statement<unknown, SQLQueryBindings[]> {
    let statement = this.statements.get(sql);
    if (!statement) {
      statement = this.sqlite.prepare<unknown, SQLQueryBindings[]>(sql);
      this.statements.set(sql, statement);
    }
    return statement;
  }

  clear(): void {
    if (this.sqlite.inTransaction) this.sqlite.run("ROLLBACK");
    this.prepare("BEGIN").run();
    for (const one of this.empty) one();
    this.prepare("COMMIT").run();
  }
}

const pool: SharedRecord[] = [];

export interface CommitInfo {
  readonly record: SimRecord;
  readonly process: SimProcess;
  readonly touchedCoverage: boolean;
  readonly deletedRows: boolean;
  readonly touchedRuns: boolean;
}

const WRITE = /^\s*(?:INSERT|UPDATE|DELETE|COMMIT|BEGIN IMMEDIATE)/i;
const COVERAGE = /^\s*(?:INSERT INTO|DELETE FROM|UPDATE) coverage/i;
const RUNS = /^\s*(?:INSERT INTO|UPDATE) flow_run\b/i;
const DELETION = /^\s*DELETE FROM (?:event|flow_run|log|task_run)\b/i;

interface DiskOptions {
  readonly isFull: () => boolean;
  readonly onCommit: (info: CommitInfo) => void;
}

/** The files on disk of one URL, and which of them is in use. */
export class SimDisk {
  readonly records: SimRecord[] = [];
  current: SimRecord;
  private readonly options: DiskOptions;

  constructor(isFull: () => boolean, onCommit: (info: CommitInfo) => void) {
    this.options = { isFull, onCommit };
    this.current = this.add();
  }

  /** The records as one process sees them. */
  recordsOf(process: SimProcess): ServerRecords {
    return {
      open: () => this.current.open(process),
      isCurrent: (db) => db.file === this.current.file,
      others: () =>
        this.records
          .filter((record) => record !== this.current)
          .map((record) => ({
            name: record.file,
            read: () => record.open(process),
            write: () => record.open(process),
          })),
      use: (other) => {
        if (process.isDead) throw new Killed("killed before");
        if (this.options.isFull()) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
        this.current = this.records.find((record) => record.file === other?.name) ?? this.add();
      },
    };
  }

  private add(): SimRecord {
    const index = this.records.length;
    pool[index] ??= new SharedRecord();
    const shared = pool[index];
    shared.clear();
    const record = new SimRecord(`record ${index}`, shared, this.options);
    this.records.push(record);
    return record;
  }
}

/** One file; `open` gives one process its connection. */
export class SimRecord {
  readonly file: string;
  readonly sqlite: Database;
  private readonly shared: SharedRecord;
  private readonly options: DiskOptions;
  private lastWriter: SimProcess | null = null;
  private version = 1;

  constructor(file: string, shared: SharedRecord, options: DiskOptions) {
    this.file = file;
    this.shared = shared;
    this.sqlite = shared.sqlite;
    this.options = options;
  }

  open(process: SimProcess): RecordDb {
    const { sqlite, shared } = this;
    const statements = new Map<string, Statement<unknown, SQLQueryBindings[]>>();
    const locals = new Map<string, unknown>();
    const drops: (() => void)[] = [];
    let isWriting = false;
    let touchedCoverage = false;
    let deletedRows = false;
    let touchedRuns = false;
    const beforeWrite = () => {
      if (process.isDead) throw new Killed("killed before");
      if (process.writesLeft > 0) {
        process.writesLeft -= 1;
        if (process.writesLeft === 0) {
          process.kill();
          throw new Killed("killed at a write");
        }
      }
      if (this.options.isFull()) throw Object.assign(new Error("database or disk is full"), { code: "SQLITE_FULL" });
    };
    const afterCommit = () => {
      if (this.lastWriter !== process) {
        this.lastWriter = process;
        this.version += 1;
      }
      const info = { record: this, process, touchedCoverage, deletedRows, touchedRuns };
      touchedCoverage = false;
      deletedRows = false;
      touchedRuns = false;
      isWriting = false;
      this.options.onCommit(info);
    };
    const guarded = (sql: string, statement: Statement<unknown, SQLQueryBindings[]>) => {
      const isCommit = /^\s*COMMIT/i.test(sql);
      const isCoverage = COVERAGE.test(sql);
      const isDeletion = DELETION.test(sql);
      const isRuns = RUNS.test(sql);
      const isBegin = /^\s*BEGIN/i.test(sql);
      return {
        run: (...params: SQLQueryBindings[]) => {
          if (sql === "BEGIN") isWriting = false;
          // A transaction that only reads, and its end, write nothing.
          if (sql === "BEGIN" || (isCommit && !isWriting)) return statement.run(...params);
          beforeWrite();
          if (isBegin) {
            isWriting = true;
            touchedCoverage = false;
            deletedRows = false;
            touchedRuns = false;
          }
          if (isCoverage) touchedCoverage = true;
          if (isDeletion) deletedRows = true;
          if (isRuns) touchedRuns = true;
          const result = statement.run(...params);
          if (isCommit) afterCommit();
          return result;
        },
        get: (...params: SQLQueryBindings[]) => {
          beforeWrite();
          return statement.get(...params);
        },
        all: (...params: SQLQueryBindings[]) => {
          beforeWrite();
          return statement.all(...params);
        },
        finalize: () => statement.finalize(),
      } as unknown as Statement<unknown, SQLQueryBindings[]>;
    };
    const dataVersion = {
      get: () => {
        if (this.lastWriter !== process) this.version += 1;
        this.lastWriter = process;
        return { data_version: this.version };
      },
    } as unknown as Statement<unknown, SQLQueryBindings[]>;
    return {
      file: this.file,
      isReadOnly: false,
      notice: null,
      guard: null,
      sqlite,
      prepare<Row, Params extends SQLQueryBindings[]>(sql: string) {
        let statement = statements.get(sql);
        if (!statement) {
          if (sql.startsWith("PRAGMA data_version")) statement = dataVersion;
          else {
            const plain = shared.prepare(sql);
            statement = WRITE.test(sql) || sql === "BEGIN" ? guarded(sql, plain) : plain;
          }
          statements.set(sql, statement);
        }
        return statement as Statement<Row, Params>;
      },
      perConnection<T>(key: string, make: () => T) {
        if (!locals.has(key)) locals.set(key, make());
        return locals.get(key) as T;
      },
      onInvalidate: (drop) => void drops.push(drop),
      invalidate: () => {
        for (const drop of drops) drop();
      },
      close: () => {},
    };
  }
}
