/** Completion of the variables of templates and prompts, from the record. */
import { type Line, oneLine } from "../lib/shown-text.ts";
import type { Kind } from "../model/kinds.ts";
import type { QueryContext } from "../queries/source/context.ts";
import { findEventNamesStartingWith } from "../store/events/dictionaries.ts";
import { findByIdPrefix, findKnownNames } from "../store/objects/names.ts";

/** MCP allows at most 100 values. */
const MAX_VALUES = 100;

/** Names that begin with `begin` (in any case), then ids. */
export function completeName(ctx: QueryContext, kind: Kind, begin: string): Line[] {
  const db = ctx.record();
  if (db === null) return [];
  const lower = begin.toLowerCase();
  const names = findKnownNames(db, kind)
    .map(({ name }) => name)
    .filter((name) => name.toLowerCase().startsWith(lower));
  const ids = /^[0-9a-f][0-9a-f-]{3,35}$/i.test(begin) ? findByIdPrefix(db, kind, begin).map((row) => row.id) : [];
  return [...new Set([...names, ...ids])].filter(isLine).slice(0, MAX_VALUES);
}

/** Clients show a value in one line and send it back as it is. A name that is not one visible line is found by its id. */
function isLine(text: string): text is Line {
  return oneLine(text) === text;
}

/** Names of events that begin with `begin`. */
export function completeEventName(ctx: QueryContext, begin: string): Line[] {
  const db = ctx.record();
  return db === null ? [] : findEventNamesStartingWith(db, begin, MAX_VALUES).filter(isLine);
}
