/** Lists in the order of names, which the database of the server decides (`store/objects/name-order.ts`). */
import { type Sentence, sentence } from "../../lib/shown-text.ts";
import { type Freshness, withNotes } from "../../model/freshness.ts";

export function isByName(sort: string | undefined): boolean {
  return sort === "NAME_ASC" || sort === "NAME_DESC";
}

const UNKNOWN_ORDER: Sentence = sentence`Names are in the order of their code points here (capitals before small letters, - before _), and in that of a language where Prefect uses PostgreSQL.`;

/** Says how names are sorted, in an answer of the record that may have another order than the server. */
export function withNameOrderNote(freshness: Freshness, isKnown: boolean): Freshness {
  return isKnown || freshness.source !== "record" ? freshness : withNotes(freshness, [UNKNOWN_ORDER]);
}
