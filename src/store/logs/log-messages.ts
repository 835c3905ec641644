/** Log lines around others, and the replacement of their messages: a secret can be spread over lines that arrive one after another. */
import type { ServerUs } from "../../lib/time.ts";
import { uuidToBytes } from "../../lib/uuid.ts";
import type { Log } from "../../model/objects.ts";
import { indexText } from "../../model/text/words.ts";
import type { RecordDb } from "../database.ts";
import type { LogRow } from "../schema/log.ts";
import { toLog } from "./logs.ts";

/** The lines of a flow run in the closed range, and up to `further` lines before and after it, in the server's order. */
export function findLogsAround(
  db: RecordDb,
  flowRunId: string,
  { fromUs, toUs }: { readonly fromUs: ServerUs; readonly toUs: ServerUs },
  further: number,
): Log[] {
  const id = uuidToBytes(flowRunId);
  const read = (condition: string, order: string, ...values: readonly (number | Uint8Array)[]) =>
    db
      .prepare<LogRow, (number | Uint8Array)[]>(
        `SELECT * FROM log WHERE flow_run_id = ? AND ${condition} ORDER BY ts_us ${order}, seq ${order} LIMIT ?`,
      )
      .all(id, ...values);
  const before = read("ts_us < ?", "DESC", fromUs, further).reverse();
  const within = read("ts_us BETWEEN ? AND ?", "ASC", fromUs, toUs, -1);
  const after = read("ts_us > ?", "ASC", toUs, further);
  return [...before, ...within, ...after].map(toLog);
}

/** Writes other messages of lines that are stored, and their words to the text index. Call it inside `inTransaction`. */
export function replaceLogMessages(db: RecordDb, rows: readonly Pick<Log, "id" | "message">[]): void {
  const write = db.prepare<{ seq: number; logger: string }, [string, Uint8Array]>(
    "UPDATE log SET message = ? WHERE id = ? RETURNING seq, logger",
  );
  const dropWords = db.prepare<unknown, [number]>("DELETE FROM log_fts WHERE rowid = ?");
  const addWords = db.prepare<unknown, [number, string]>("INSERT INTO log_fts(rowid, text) VALUES (?, ?)");
  for (const { id, message } of rows) {
    const line = write.get(message, uuidToBytes(id));
    if (!line) continue;
    dropWords.run(line.seq);
    addWords.run(line.seq, indexText(`${message}\n${line.logger}`));
  }
}
