/**
 * The audit log of changes: every preview, attempt, result and refusal, of all workspaces. A file of its own beside the records, so
 * that neither `forget` nor retention removes it, and any process can write it.
 */
import { existsSync } from "node:fs";
import type { LocalUs } from "../../lib/time.ts";
import { ensureDataDir, ensurePrivateFile, folderOf } from "../file/record-file.ts";
import { type Database, openReadOnly, openWritable } from "../file/sqlite.ts";
import { toStoreError } from "../file/store-error.ts";

export type ActionPhase = "preview" | "attempt" | "result" | "refusal";

export interface ActionEntry {
  readonly atUs: LocalUs;
  /** API URL of the Prefect. */
  readonly instance: string;
  /**
   * Labels that are no secrets: over HTTP who called (`token:` or `sub:` with a digest, `ip:` without authentication), then whose
   * Prefect credential it is (`key:` with a digest, or `user:` with a name; nothing without a credential).
   */
  readonly caller: string;
  readonly tool: string;
  readonly verb: string;
  readonly phase: ActionPhase;
  /** Joins the entries of one change: the preview, the attempt and the result. */
  readonly change: string;
  /** One sentence. */
  readonly summary: string;
  /** JSON: targets, requests, outcomes. Secrets are redacted. */
  readonly detail: string;
}

export interface ActionLog {
  /** Written when it returns. Throws AppError `unavailable`. */
  add(entry: ActionEntry): void;
  close(): void;
}

/** The oldest entries beyond this number are deleted. */
const MAX_ENTRIES = 100_000;
const WAIT_MS = 5_000;

const TABLE = `CREATE TABLE IF NOT EXISTS action (
  id INTEGER PRIMARY KEY,
  at_us INTEGER NOT NULL,
  instance TEXT NOT NULL,
  tool TEXT NOT NULL,
  verb TEXT NOT NULL,
  phase TEXT NOT NULL,
  change TEXT NOT NULL,
  summary TEXT NOT NULL,
  detail TEXT NOT NULL,
  caller TEXT NOT NULL DEFAULT ''
) STRICT`;

/** Creates the file at the first entry. */
export function openActionLog(file: string): ActionLog {
  let db: Database | null = null;
  const open = (): Database => {
    if (db !== null) return db;
    ensureDataDir(folderOf(file));
    ensurePrivateFile(file);
    const opened = openWritable(file);
    try {
      opened.run(`PRAGMA busy_timeout = ${WAIT_MS}`);
      // An attempt is on disk before its request is sent.
      opened.run("PRAGMA synchronous = FULL");
      opened.run(TABLE);
      const columns = opened.query<{ name: string }, []>("SELECT name FROM pragma_table_info('action')").all();
      if (!columns.some(({ name }) => name === "caller"))
        opened.run("ALTER TABLE action ADD COLUMN caller TEXT NOT NULL DEFAULT ''");
    } catch (error) {
      opened.close();
      throw error;
    }
    db = opened;
    return opened;
  };
  return {
    add({ atUs, instance, caller, tool, verb, phase, change, summary, detail }) {
      try {
        const opened = open();
        const { lastInsertRowid } = opened
          .query(
            "INSERT INTO action (at_us, instance, caller, tool, verb, phase, change, summary, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
          )
          .run(atUs, instance, caller, tool, verb, phase, change, summary, detail);
        opened.query("DELETE FROM action WHERE id <= ?").run(Number(lastInsertRowid) - MAX_ENTRIES);
      } catch (error) {
        throw toStoreError(error, file);
      }
    },
    close() {
      db?.close();
      db = null;
    },
  };
}

/** An entry as SQLite has it. */
interface ActionRow extends Omit<ActionEntry, "atUs" | "caller"> {
  readonly id: number;
  readonly at_us: number;
  /** Absent from a file that no process has written since this column exists. */
  readonly caller?: string;
}

/** The newest entries, newest first; none where there is no file. Throws AppError `unavailable`. */
export function readActionLog(file: string, limit: number): ActionEntry[] {
  if (!existsSync(file)) return [];
  try {
    const db = openReadOnly(file);
    try {
      const rows = db.query<ActionRow, [number]>("SELECT * FROM action ORDER BY id DESC LIMIT ?").all(limit);
      return rows.map(({ id: _, at_us, caller = "", ...entry }) => ({ ...entry, caller, atUs: at_us as LocalUs }));
    } finally {
      db.close();
    }
  } catch (error) {
    throw toStoreError(error, file);
  }
}
