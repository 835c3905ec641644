import { type PrefectEvent, RESOURCE_ID } from "../../model/events/event.ts";
import type { RecordDb } from "../database.ts";
import type { DeletedEventRow } from "../schema/event.ts";
import { findEventJson } from "./blocks.ts";
import { findResourceNumber } from "./dictionaries.ts";

/**
 * Removes the postings of deleted events, which a trigger lists, also of rows that another program deleted. Call it inside a
 * transaction before a key is given to a new event: that event must not be found under the resources of the deleted one.
 */
export function removeDeletedPostings(db: RecordDb): void {
  const read = db.prepare<DeletedEventRow, []>("SELECT * FROM event_gone LIMIT 500");
  for (let rows = read.all(); rows.length > 0; rows = read.all()) {
    const drop = db.prepare<unknown, [number, number, number]>(
      "DELETE FROM related WHERE res_id = ? AND t = ? AND name_id = ?",
    );
    const clean = db.prepare<unknown, [number]>("DELETE FROM event_gone WHERE t = ?");
    for (const { t, name_id: nameId, blk, ofs } of rows) {
      const json = findEventJson(db, { blk, ofs });
      for (const labels of json === undefined ? [] : (JSON.parse(json) as PrefectEvent).related) {
        const resId = findResourceNumber(db, labels[RESOURCE_ID] ?? "");
        if (resId !== undefined) drop.run(resId, t, nameId);
      }
      clean.run(t);
    }
  }
}
