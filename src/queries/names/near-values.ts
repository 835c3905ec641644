/** What the record has that is similar to a name or a tag by which a list was limited and that nothing matched. */
import { asNames, quote, type Sentence, sentence } from "../../lib/shown-text.ts";
import { closest } from "../../lib/similar.ts";
import type { Kind } from "../../model/kinds.ts";
import { fullName } from "../../model/objects/full-name.ts";
import type { RecordDb } from "../../store/database.ts";
import { findKnownNames, findKnownTags } from "../../store/objects/names.ts";

const MOST_NEAR = 5;
/** Characters of a given text that are compared and quoted. */
const LONGEST = 100;

/** `isWhole`: the name is compared as a whole, so one that contains the text is near, and not a match that something else excludes. */
export function nearNameNote(db: RecordDb, kind: Kind, given: string, isWhole: boolean): Sentence | null {
  const text = given.trim().slice(0, LONGEST);
  const names = findKnownNames(db, kind).map(({ parent, name }) => fullName(parent, name));
  const isThere = (name: string) => (isWhole ? name === text : name.toLowerCase().includes(text.toLowerCase()));
  if (text === "" || names.some(isThere)) return null;
  const near = closest(text, names, MOST_NEAR, partsOf);
  if (near.length === 0) return null;
  const how = isWhole ? sentence` (name is compared as a whole here)` : "";
  return sentence`Nearest recorded names to ${quote(text)}: ${asNames(near)}${how}.`;
}

/** A note for each of the tags that no recorded object of the kind has. */
export function nearTagNotes(db: RecordDb, kind: Kind, given: readonly string[]): Sentence[] {
  const tags = findKnownTags(db, kind);
  return given.flatMap((tag) => {
    const text = tag.trim().slice(0, LONGEST);
    if (text === "" || tags.includes(text)) return [];
    const near = closest(text, tags, MOST_NEAR, partsOf);
    if (near.length === 0) return [];
    const isCase = near.some((one) => one.toLowerCase() === text.toLowerCase());
    const how = isCase ? sentence` (upper and lower case count)` : "";
    return [sentence`Nearest recorded tags to ${quote(text)}: ${asNames(near)}${how}.`];
  });
}

function partsOf(name: string): readonly string[] {
  return name.split(/[\s/_.:-]+/);
}
