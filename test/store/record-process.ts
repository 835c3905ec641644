/** The child process of tests with several processes: `bun record-process.ts open|ingest|lead FILE [n]`. Not a test. */
import { formatIsoUs } from "../../src/lib/time.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import { addCoverage } from "../../src/store/coverage.ts";
import { inTransaction, openRecord } from "../../src/store/database.ts";
import { createEventWriter, findEventRange } from "../../src/store/events/events.ts";
import { tryBecomeLeader } from "../../src/store/file/leader-lock.ts";
import { anEvent, anId, T0_US } from "../support/builders.ts";

/** The n-th event of the processes; ten events share each time. */
export function nthEvent(n: number): PrefectEvent {
  return anEvent({
    id: anId(n),
    occurred: formatIsoUs(nthUs(n)),
    event: `shop.order.${n % 13}`,
    resource: { "prefect.resource.id": `shop.order.${n % 500}`, "prefect.resource.name": `order ${n % 500}` },
    related: [0, 1, 2].map((k) => ({
      "prefect.resource.id": `shop.shelf.${(n * 7 + k) % 90}`,
      "prefect.resource.role": "shelf",
    })),
    payload: { note: `order ${n} of a test with some text` },
  });
}

export const nthUs = (n: number) => T0_US + Math.floor(n / 10) * 10_000;

export interface IngestOptions {
  readonly batch: number;
  readonly checkpoint: number;
  /** Number of the first event, so that several processes can share the events or store the same ones. */
  readonly from: number;
}

/** Stores events in batches, each with a claim up to its end. Prints their number after each commit. */
function ingest(file: string, { batch, checkpoint, from }: IngestOptions): void {
  const db = openRecord(file, "write");
  db.sqlite.run(`PRAGMA wal_autocheckpoint = ${checkpoint}`);
  const writer = createEventWriter(db);
  for (let n = from; n < from + 200_000; n += batch) {
    inTransaction(db, () => {
      writer.insert(
        Array.from({ length: batch }, (_, k) => nthEvent(n + k)),
        "backfill",
        n,
      );
      addCoverage(db, "event", "", {
        fromUs: nthUs(from),
        toUs: nthUs(n + batch) - 1,
        source: "backfill",
        verifiedUs: n,
        serverCount: null,
        recordCount: null,
      });
    });
    process.stdout.write(`${n + batch}\n`);
  }
}

if (import.meta.main) {
  const [, , command, file = "", ...rest] = process.argv;
  if (command === "ingest")
    ingest(file, { batch: Number(rest[0] ?? 50), checkpoint: Number(rest[1] ?? 1000), from: Number(rest[2] ?? 0) });
  if (command === "open") {
    const db = openRecord(file, "write");
    const writer = createEventWriter(db);
    for (let n = 0; n < 200; n += 20)
      inTransaction(db, () =>
        writer.insert(
          Array.from({ length: 20 }, (_, k) => nthEvent(n + k)),
          "live",
          1,
        ),
      );
    process.stdout.write(JSON.stringify({ notice: db.notice, count: findEventRange(db)?.count }));
    db.close();
  }
  if (command === "lead") {
    for (;;) {
      const lock = tryBecomeLeader(file);
      if (lock) break;
      await Bun.sleep(20);
    }
    process.stdout.write("leading\n");
    await Bun.sleep(60_000);
  }
}
