/** A record with a million events of the last 30 days. It is kept in `.tmp`, which git ignores, and made again after half a day. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../src/lib/clock.ts";
import { DAY_US, type LocalUs, MINUTE_US, parseIsoUs } from "../src/lib/time.ts";
import { SNAPSHOT_KINDS } from "../src/model/kinds.ts";
import type { SnapshotKind } from "../src/model/objects.ts";
import { addCoverage } from "../src/store/coverage.ts";
import { inTransaction, openRecord, type RecordDb, setBulkWriting } from "../src/store/database.ts";
import { createEventWriter } from "../src/store/events/events.ts";
import { tryBecomeLeader } from "../src/store/file/leader-lock.ts";
import { recordFileName } from "../src/store/file/record-file.ts";
import { upsertLogs } from "../src/store/logs/logs.ts";
import { findFlowRunRow, findUnfinishedRuns, toFlowRun, upsertFlowRuns } from "../src/store/runs/flow-runs.ts";
import { foldRunEvents } from "../src/store/runs/fold-events.ts";
import { putFact } from "../src/store/sync-state.ts";
import { aFlowRun, aLog } from "../test/support/builders.ts";
import { SyntheticEvents } from "./synthetic-events.ts";

export interface BenchRecord {
  readonly dataDir: string;
  readonly file: string;
  readonly apiUrl: string;
  readonly events: number;
  readonly fromUs: number;
  readonly toUs: number;
  /** The newest event. The generated runs end a little before `toUs`. */
  readonly newestUs: number;
  /** Hash of the migrations that created it. */
  readonly schema: string;
  /** Ids of recorded flow runs, spread over the whole time. */
  readonly flowRunIds: readonly string[];
  /** A flow run with `LONG_LOG_LINES` lines. */
  readonly longLogId: string;
}

/** Raised when the content of the record changes. */
const CONTENT = 2;
const LONG_LOG_LINES = 100_000;

const KEPT_US = DAY_US / 2;
/** Longer than Prefect keeps events: else every question that reaches further back is put to Prefect too. */
const KNOWN_US = 100 * DAY_US;
const BATCH = 1000;

export const nowUs = (): number => Date.now() * 1000;

export function benchRecord(root: string, events: number, apiUrl: string, say: (line: string) => void): BenchRecord {
  const dataDir = join(root, ".tmp", `bench-${events}`);
  const file = join(dataDir, recordFileName(apiUrl));
  const note = join(dataDir, "held.json");
  const held: BenchRecord | null = existsSync(note) ? JSON.parse(readFileSync(note, "utf8")) : null;
  const schema = schemaHash(root);
  const isUsable = held?.file === file && held.schema === schema && existsSync(file);
  if (held && isUsable && nowUs() - held.toUs < KEPT_US) return held;
  rmSync(dataDir, { recursive: true, force: true });
  mkdirSync(dataDir, { recursive: true });
  say(`making a record of ${events.toLocaleString("en-US")} events in ${dataDir}`);
  const toUs = nowUs() - 5 * MINUTE_US;
  const made: BenchRecord = {
    dataDir,
    file,
    apiUrl,
    events,
    fromUs: toUs - 30 * DAY_US,
    toUs,
    schema,
    ...fill(file, events, toUs),
  };
  writeFileSync(note, JSON.stringify(made));
  return made;
}

function schemaHash(root: string): string {
  const folder = join(root, "drizzle");
  const names = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  const text = names.toSorted().map((name) => readFileSync(join(folder, name), "utf8"));
  return Bun.hash(`${CONTENT}\n${text.join("\n")}`).toString(16);
}

function fill(file: string, count: number, toUs: number): Pick<BenchRecord, "flowRunIds" | "newestUs" | "longLogId"> {
  const db = openRecord(file, "write");
  setBulkWriting(db, true);
  const writer = createEventWriter(db);
  const source = new SyntheticEvents({ fromUs: toUs - 30 * DAY_US, spanUs: 30 * DAY_US, count });
  const flowRunIds: string[] = [];
  let newestUs = 0;
  for (let held = 0; held < count; held += BATCH) {
    inTransaction(db, () => {
      const { inserted, keys } = writer.insert(source.take(BATCH), "backfill", toUs);
      const folded = foldRunEvents(db, inserted, keys);
      newestUs = parseIsoUs(inserted.at(-1)?.occurred ?? "") ?? newestUs;
      const [id] = folded.flowRunIds;
      if (id && held % (count / 200) < BATCH) flowRunIds.push(id);
    });
  }
  const longLogId = flowRunIds[flowRunIds.length >> 1] ?? "";
  writeLog(db, longLogId, newestUs);
  inTransaction(db, () => {
    readUnfinished(db, toUs);
    const claim = { fromUs: 0, toUs, source: "live", verifiedUs: toUs, serverCount: null, recordCount: null } as const;
    for (const id of flowRunIds) addCoverage(db, "log", id, claim);
  });
  db.close();
  return { flowRunIds, newestUs, longLogId };
}

/** A run that wrote a line each millisecond. */
function writeLog(db: RecordDb, flowRunId: string, endUs: number): void {
  for (let held = 0; held < LONG_LOG_LINES; held += BATCH) {
    const lines = Array.from({ length: BATCH }, (_, index) => {
      const n = held + index;
      const timestamp = new Date((endUs - (LONG_LOG_LINES - n) * 1000) / 1000).toISOString();
      return aLog({
        flow_run_id: flowRunId,
        timestamp,
        message: `Row ${n} of the import was written to table ${n % 17}`,
      });
    });
    inTransaction(db, () => upsertLogs(db, lines));
  }
}

/** Gives runs that have not ended the documents that the syncing process reads of them. */
function readUnfinished(db: RecordDb, nowUs: number): void {
  for (const id of findUnfinishedRuns(db, { readBeforeUs: nowUs as LocalUs, limit: 10_000 })) {
    const row = findFlowRunRow(db, id);
    if (row !== null) upsertFlowRuns(db, [aFlowRun(toFlowRun(row))], nowUs as LocalUs);
  }
}

/**
 * Plays the process that syncs: holds the leader lock, writes heartbeats, and claims that everything up to now is recorded. The
 * program under test is then a reader of a record that another process keeps up to date, as in a second assistant session.
 */
export function playSyncingProcess(held: BenchRecord): { stop(): void } {
  const lock = tryBecomeLeader(held.file);
  if (!lock) throw new Error("another process syncs the benchmark's record");
  const db = openRecord(held.file, "write");
  const sinceUs = nowUs();
  const beat = () => inTransaction(db, () => publish(db, held, sinceUs));
  beat();
  const timer = setInterval(beat, 2000);
  return {
    stop() {
      clearInterval(timer);
      db.close();
      lock.release();
    },
  };
}

function publish(db: RecordDb, held: BenchRecord, sinceUs: number): void {
  const us = nowUs();
  const range = {
    fromUs: us - KNOWN_US,
    toUs: us,
    source: "catch-up",
    verifiedUs: us,
    serverCount: null,
    recordCount: null,
  } as const;
  for (const kind of ["event", "flow_run", "task_run"]) addCoverage(db, kind, "", range);
  putFact(db, "instance", { url: held.apiUrl, version: "3.8.8", retentionUs: 90 * DAY_US, createdUs: held.fromUs }, us);
  putFact(db, "syncer", { pid: process.pid, host: "bench", sinceUs, heartbeatUs: us }, us);
  putFact(db, "connection", { reachable: true, sinceUs, lastContactUs: us, error: null }, us);
  putFact(db, "catchup", { throughUs: us, atUs: us }, us);
  putFact(db, "stream", { state: "open", sinceUs }, us);
  // Without a measured clock every question would be put to Prefect.
  putFact(db, "clock", { skewMs: 0, measuredUs: us, bootedUs: systemClock.bootedUs() }, us);
  putFact(db, "read:unfinished", { readUs: us }, us);
  for (const kind of SNAPSHOT_KINDS) putFact(db, `read:${kind satisfies SnapshotKind}`, { readUs: us, count: 0 }, us);
}
