import type { LocalUs, ServerUs } from "../../lib/time.ts";
import { uuidToBytes } from "../../lib/uuid.ts";
import {
  EVENT_SOURCES,
  type EventSource,
  type PrefectEvent,
  RESOURCE_ID,
  RESOURCE_NAME,
} from "../../model/events/event.ts";
import type { RecordDb } from "../database.ts";
import type { EventTableRow } from "../schema/event.ts";
import { putStateJson } from "../sync-state.ts";
import { createBlockWriter } from "./blocks.ts";
import { removeDeletedPostings } from "./deleted-postings.ts";
import { createWriterDictionaries } from "./dictionaries.ts";
import { HourCounts } from "./event-hours.ts";
import { LARGEST_SHIFT, largestShift, TimestampReader } from "./event-times.ts";

export interface InsertResult {
  /** Events that were stored, replaced ones included, in the given order. */
  readonly inserted: readonly PrefectEvent[];
  /** Keys (`event.t`) of `inserted`, in the same order. */
  readonly keys: readonly number[];
  /** Number of events that were in the record already. */
  readonly duplicates: number;
  /** Number of events in `inserted` that replaced a different copy. */
  readonly replaced: number;
}

export interface EventWriter {
  /**
   * Stores each event once, by id. A copy from REST (every source but "stream") replaces a stored one with another
   * `occurred` or `received`: REST keeps the first publication, the websocket may deliver a later one. It also replaces one of the
   * websocket where Prefect has replaced characters (NUL, from 3.9.3 on). Call it inside `inTransaction`. `seenUs`: now,
   * microseconds, local clock.
   */
  insert(events: readonly PrefectEvent[], source: EventSource, seenUs: LocalUs): InsertResult;
}

type StoredKey = Pick<EventTableRow, "t" | "shift" | "recv" | "src">;
/** What Prefect puts for a character that it does not store. */
const REPLACEMENT = "\ufffd";

/** `text: false` leaves events out of the word index, so that text search does not find them. */
export function createEventWriter(db: RecordDb, options: { readonly text?: boolean } = {}): EventWriter {
  const dictionaries = createWriterDictionaries(db);
  const blocks = createBlockWriter(db, options.text ?? true);
  const stamps = new TimestampReader();
  const nextFree = new Map<number, number>();
  const largest = { shift: -1 };
  db.onInvalidate(() => {
    nextFree.clear();
    largest.shift = -1;
  });

  const insertRow = db.prepare<unknown, [number, number, Uint8Array, number, number, number, number, number, number]>(
    "INSERT INTO event(t, shift, id, name_id, res_id, recv, blk, ofs, src) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const findRow = db.prepare<StoredKey, [Uint8Array]>("SELECT t, shift, recv, src FROM event WHERE id = ?");
  const freeAfter = db.prepare<{ t: number }, [number]>(
    "SELECT e.t + 1 AS t FROM event e WHERE e.t >= ? AND NOT EXISTS (SELECT 1 FROM event n WHERE n.t = e.t + 1) ORDER BY e.t LIMIT 1",
  );
  const deleteRow = db.prepare<unknown, [number]>("DELETE FROM event WHERE t = ?");
  const insertRelated = db.prepare<unknown, [number, number, number]>(
    "INSERT INTO related(res_id, t, name_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const noteShift = (shift: number): void => {
    if (largest.shift < 0) largest.shift = largestShift(db);
    if (shift <= largest.shift) return;
    putStateJson(db, LARGEST_SHIFT, shift, 0);
    largest.shift = shift;
  };

  /** The next free key after an occupied one. The last key of each `occurred` is cached: thousands of events can share one. */
  const keyFor = (occurredUs: ServerUs): number => {
    const occupied = nextFree.get(occurredUs) ?? occurredUs;
    const t = freeAfter.get(occupied)?.t ?? occupied;
    if (nextFree.size > 10_000) nextFree.clear();
    nextFree.set(occurredUs, t);
    return t;
  };

  const insertOne = (
    event: PrefectEvent,
    source: EventSource,
    seenUs: LocalUs,
    hours: HourCounts,
  ): { t: number; replaced: boolean } | null => {
    const id = uuidToBytes(event.id);
    const occurredUs = stamps.occurredUs(event, seenUs);
    const recv = stamps.receivedUs(event, occurredUs) - occurredUs;
    const nameId = dictionaries.nameId(event.event);
    const resId = dictionaries.resourceId(event.resource[RESOURCE_ID] ?? "", event.resource[RESOURCE_NAME], occurredUs);
    const { blk, ofs } = blocks.next(seenUs);
    const src = EVENT_SOURCES[source];
    const put = (t: number) => insertRow.run(t, t - occurredUs, id, nameId, resId, recv, blk, ofs, src).changes > 0;
    let t: number = occurredUs;
    let replaced = false;
    if (!put(t)) {
      const stored = findRow.get(id);
      if (stored) {
        const isSame = stored.t - stored.shift === occurredUs && stored.recv === recv;
        if (source === "stream") return null;
        const isStreamed = stored.src === EVENT_SOURCES.stream;
        if (isSame && !(isStreamed && JSON.stringify(event).includes(REPLACEMENT))) return null;
        // Its JSON, which may be in the open block, says which postings to remove.
        blocks.flush();
        // The trigger subtracts what must have been added by now.
        hours.flush();
        deleteRow.run(stored.t);
        removeDeletedPostings(db);
        replaced = true;
      }
      if (!stored || !put(t)) {
        t = keyFor(occurredUs);
        noteShift(t - occurredUs);
        put(t);
      }
    }
    hours.add(occurredUs, nameId);
    for (const resource of event.related) {
      const relatedId = dictionaries.resourceId(resource[RESOURCE_ID] ?? "", resource[RESOURCE_NAME], occurredUs);
      insertRelated.run(relatedId, t, nameId);
    }
    blocks.add(event, t);
    return { t, replaced };
  };

  return {
    insert(events, source, seenUs) {
      removeDeletedPostings(db);
      const inserted: PrefectEvent[] = [];
      const keys: number[] = [];
      // A failure leaves no counts behind, as the transaction is rolled back.
      const hours = new HourCounts(db);
      let replaced = 0;
      for (const event of events) {
        const done = insertOne(event, source, seenUs, hours);
        if (!done) continue;
        inserted.push(event);
        keys.push(done.t);
        if (done.replaced) replaced += 1;
      }
      blocks.flush();
      hours.flush();
      return { inserted, keys, duplicates: events.length - inserted.length, replaced };
    },
  };
}
