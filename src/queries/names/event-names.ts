import { asNames, type Sentence, sentence } from "../../lib/shown-text.ts";
import { closest } from "../../lib/similar.ts";
import type { EventFilter } from "../../model/events/event-filter.ts";
import { findEventNames, findMatchingNames } from "../../store/events/dictionaries.ts";
import type { QueryContext } from "../source/context.ts";

const MAX_NAMES = 5;
/** Characters of a wanted name that are compared. */
const LONGEST = 200;

/** States that no recorded event has a name that the filter wants, with names near it; null when one has, or none is wanted. */
export function unknownEventName(ctx: QueryContext, { event }: EventFilter): Sentence | null {
  const db = ctx.record();
  const wanted = [...(event?.prefix ?? []), ...(event?.name ?? [])].map((text) => text.slice(0, LONGEST));
  if (wanted.length === 0) return null;
  const matching = db ? findMatchingNames(db, event) : null;
  if (!db || matching === null || matching.size > 0) return null;
  const names = [...findEventNames(db).values()];
  const near = wanted.flatMap((text) => closest(text.replace(/(?<![.*])[.*]+$/, ""), names, MAX_NAMES, partsOf));
  const suggestion = near.length > 0 ? sentence` Near it: ${asNames([...new Set(near)].slice(0, MAX_NAMES))}.` : "";
  return sentence`No recorded event has such a name.${suggestion}`;
}

/** Of `shop.orders.batch-loaded`: its segments, and its beginnings of whole segments. */
function partsOf(name: string): string[] {
  const segments = name.split(".");
  return [...segments, ...segments.map((_, n) => segments.slice(0, n + 1).join("."))];
}
