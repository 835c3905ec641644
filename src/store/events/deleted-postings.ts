import { type PrefectEvent, RESOURCE_ID } from "../../model/events/event.ts";
import type { RecordDb } from "../database.ts";
import type { DeletedEventRow } from "../schema/event.ts";
import { findEventJson } from "./blocks.ts";
import { findResourceNumber } from "./dictionaries.ts";

/**
 * Removes the postings of events that were deleted, by us or by hand from outside (a trigger notes them). Inside a transaction,
 * before any key is given out: a key that another event gets must not be found under the old one's resources.
 */
export function removeDeletedPostings(db: RecordDb): void {
  const read = db.prepare<DeletedEventRow, []>("SELECT * FROM event_gone LIMIT 500");
  for (let gone = read.all(); gone.length > 0; gone = read.all()) {
    const drop = db.prepare<unknown, [number, number, number]>(
      "DELETE FROM related WHERE res_id = ? AND t = ? AND name_id = ?",
    );
    const clean = db.prepare<unknown, [number]>("DELETE FROM event_gone WHERE t = ?");
    for (const { t, name_id: nameId, blk, ofs } of gone) {
      const json = findEventJson(db, { blk, ofs });
      for (const labels of json === undefined ? [] : (JSON.parse(json) as PrefectEvent).related) {
        const resId = findResourceNumber(db, labels[RESOURCE_ID] ?? "");
        if (resId !== undefined) drop.run(resId, t, nameId);
      }
      clean.run(t);
    }
  }
}
