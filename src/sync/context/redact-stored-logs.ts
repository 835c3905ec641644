import { earliestUs, latestUs, parseIsoUs } from "../../lib/time.ts";
import type { Log } from "../../model/objects.ts";
import { mayContinueFar } from "../../model/secrets/log-lines.ts";
import type { Redact } from "../../model/secrets/redact.ts";
import type { RecordDb } from "../../store/database.ts";
import { findLogsAround, replaceLogMessages } from "../../store/logs/log-messages.ts";

/** Log lines before and after a batch that are redacted with it. A private key of 4,096 bits has 54. */
const LINES_AROUND = 80;
/** The same for a batch that has a part of a key, or one of the two keys of AWS: other tasks may have written in between. */
const LINES_FAR_AROUND = 2_000;

/**
 * Redacts lines that were just stored together with the lines around them: a secret that is spread over lines can arrive in several
 * batches, in any order. Call it inside `inTransaction`.
 */
export function redactStoredLogs(db: RecordDb, redact: Redact, rows: readonly Log[]): void {
  const known = new Set(rows.map(({ id }) => id));
  for (const [flowRunId, own] of Map.groupBy(rows, (row) => row.flow_run_id ?? "")) {
    const times = own.flatMap((row) => parseIsoUs(row.timestamp) ?? []);
    if (flowRunId === "" || times.length === 0) continue;
    const fromUs = times.reduce((a, b) => earliestUs(a, b));
    const toUs = times.reduce((a, b) => latestUs(a, b));
    const stored = findLogsAround(db, flowRunId, { fromUs, toUs }, linesAround(redact, own));
    if (stored.every(({ id }) => known.has(id))) continue;
    const clean = redact.logs(stored);
    replaceLogMessages(
      db,
      clean.filter((line, at) => line.message !== stored[at]?.message),
    );
  }
}

function linesAround(redact: Redact, rows: readonly Log[]): number {
  return rows.some(({ message }) => mayContinueFar(redact.text(message))) ? LINES_FAR_AROUND : LINES_AROUND;
}
