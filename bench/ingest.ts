/**
 * Ingest into a record with N events, in batches of 200 as during a backfill: events per second and bytes per event.
 * Parsing the pages, the fold of runs, storing, committing and checkpoints are measured; generating the events is not.
 *
 *     bun bench/ingest.ts [events=1000000] [--no-text] [--no-fold] [--plain-ids] [--batch=200] [--keep=FILE]
 */
import { rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PrefectEvent } from "../src/model/events/event.ts";
import { inTransaction, openRecord, setBulkWriting } from "../src/store/database.ts";
import { createEventWriter } from "../src/store/events/events.ts";
import { foldRunEvents } from "../src/store/runs/fold-events.ts";
import { SyntheticEvents } from "./synthetic-events.ts";

export interface IngestOptions {
  readonly file: string;
  readonly events: number;
  readonly batch: number;
  readonly text: boolean;
  readonly fold: boolean;
}

export interface IngestFigures {
  readonly perSecond: number;
  /** Of the last tenth. */
  readonly perSecondAtEnd: number;
  /** CPU time of the process in the last tenth, microseconds. Other load on the machine changes it little. */
  readonly cpuUsPerEventAtEnd: number;
  readonly bytesPerEvent: number;
  readonly jsonBytesPerEvent: number;
  readonly slowestBatchMs: number;
  readonly duplicatesPerSecond: number;
}

const PAGE = 50;

export function measureIngest(options: IngestOptions, say: (line: string) => void = () => undefined): IngestFigures {
  const { file, events, batch } = options;
  for (const suffix of ["", "-wal", "-shm", ".setup"]) rmSync(file + suffix, { force: true });
  const db = openRecord(file, "write");
  setBulkWriting(db, true);
  const writer = createEventWriter(db, { text: options.text });
  const source = new SyntheticEvents({ fromUs: 1_784_600_000_000_000, spanUs: 30 * 86_400_000_000, count: events });
  const store = (pages: readonly string[]): void => {
    const rows = pages.flatMap((page) => (JSON.parse(page) as { events: PrefectEvent[] }).events);
    inTransaction(db, () => {
      const { inserted, keys } = writer.insert(rows, "backfill", 1);
      if (options.fold) foldRunEvents(db, inserted, keys);
    });
  };
  let [spentMs, spentAtEndMs, cpuAtEndUs, slowestBatchMs, jsonBytes, last] = [0, 0, 0, 0, 0, [] as string[]];
  for (let held = 0; held < events; held += batch) {
    last = [];
    for (let n = 0; n < batch; n += PAGE) last.push(JSON.stringify({ events: source.take(Math.min(PAGE, batch - n)) }));
    jsonBytes += last.reduce((sum, page) => sum + page.length, 0);
    const cpu = process.cpuUsage();
    const from = performance.now();
    store(last);
    const ms = performance.now() - from;
    const { user, system } = process.cpuUsage(cpu);
    spentMs += ms;
    if (held >= events * 0.9) {
      spentAtEndMs += ms;
      cpuAtEndUs += user + system;
    }
    slowestBatchMs = Math.max(slowestBatchMs, ms);
    if (held > 0 && held % 100_000 === 0) say(`${held} held, ${Math.round((held / spentMs) * 1000)} events/s so far`);
  }
  const from = performance.now();
  for (let n = 0; n < 50; n += 1) store(last);
  const duplicatesPerSecond = (50 * batch * 1000) / (performance.now() - from);
  if (process.argv.includes("--sizes")) sizes(db.sqlite, events, say);
  db.close();
  return {
    perSecond: (events / spentMs) * 1000,
    perSecondAtEnd: (events * 0.1 * 1000) / spentAtEndMs,
    cpuUsPerEventAtEnd: cpuAtEndUs / (events * 0.1),
    bytesPerEvent: statSync(file).size / events,
    jsonBytesPerEvent: jsonBytes / events,
    slowestBatchMs,
    duplicatesPerSecond,
  };
}

function sizes(sqlite: ReturnType<typeof openRecord>["sqlite"], events: number, say: (line: string) => void): void {
  const rows = sqlite.query("SELECT name, sum(pgsize) AS bytes FROM dbstat GROUP BY name ORDER BY 2 DESC").all() as {
    name: string;
    bytes: number;
  }[];
  for (const { name, bytes } of rows)
    if (bytes / events >= 0.1) say(`${name.padEnd(32)} ${(bytes / events).toFixed(1)} B/event`);
}

if (import.meta.main) {
  const value = (name: string) => process.argv.find((arg) => arg.startsWith(`--${name}=`))?.split("=")[1];
  const events = Number(process.argv.slice(2).find((arg) => /^\d+$/.test(arg)) ?? 1_000_000);
  const file = value("keep") ?? join(tmpdir(), `prefect-mcp-ingest-${process.pid}.sqlite`);
  const figures = measureIngest(
    {
      file,
      events,
      batch: Number(value("batch") ?? 200),
      text: !process.argv.includes("--no-text"),
      fold: !process.argv.includes("--no-fold"),
    },
    (line) => console.log(line),
  );
  for (const [name, figure] of Object.entries(figures)) console.log(`${name}: ${Math.round(figure)}`);
  if (!value("keep")) for (const suffix of ["", "-wal", "-shm", ".setup"]) rmSync(file + suffix, { force: true });
}
