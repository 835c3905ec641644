/** Suggestions for misspelt names. */

import { distance as editDistance } from "fastest-levenshtein";
import { asNames, quote, type Sentence, sentence } from "../../lib/shown-text.ts";
import { closest, similarity } from "../../lib/similar.ts";

/** No name of a tool, argument or field is longer. Of longer texts only the beginning is compared and quoted. */
export const LONGEST_NAME = 100;

const MOST_NAMED = 20;
/** Below, two names have some letters in common by chance, as "hour" and "resource". */
const LEAST_SIMILAR = 0.45;

/** The candidate with the fewest edits, or else the most similar one; undefined when none is close. */
export function nearest(given: string, candidates: readonly string[]): string | undefined {
  const name = given.slice(0, LONGEST_NAME);
  const similar = closest(name, candidates, 1)[0];
  const isMeant = similar !== undefined && similarity(name, similar) >= LEAST_SIMILAR;
  return nearestNames(name, candidates, 1)[0] ?? (isMeant ? similar : undefined);
}

/** `"flowrun"; did you mean "flow_run"?`, without the question when no candidate is close. */
export function withNearest(given: string, candidates: readonly string[]): Sentence {
  const near = nearest(given, candidates);
  return sentence`${quote(given.slice(0, LONGEST_NAME))}${near ? sentence`; did you mean ${quote(near)}?` : ""}`;
}

/** Notes about asked values that no object has, such as types of work pools, with those that there are. */
export function unknownValueNotes(what: Sentence, asked: readonly string[], there: readonly string[]): Sentence[] {
  const unknown = asked.filter((value) => value.trim() !== "" && !there.includes(value));
  if (unknown.length === 0) return [];
  const types = there.length > 0 ? sentence` Types: ${asNames(there.slice(0, MOST_NAMED))}.` : "";
  return unknown.slice(0, MOST_NAMED).map((value) => {
    const near = nearest(value, there);
    const meant = near === undefined ? "." : sentence`; did you mean ${quote(near)}?`;
    return sentence`No ${what} has the type ${quote(value.slice(0, LONGEST_NAME))}${meant}${types}`;
  });
}

/** Up to `count` candidates, closest first. A name that contains the other counts as one edit away. */
function nearestNames(given: string, candidates: readonly string[], count: number): string[] {
  const wanted = given.toLowerCase();
  const scored = candidates.map((name) => ({ name, score: distance(wanted, name.toLowerCase()) }));
  const close = scored.filter(({ score }) => score <= Math.max(2, Math.floor(wanted.length / 3)));
  // Of several names that contain the given one, the shortest differs least.
  close.sort((a, b) => a.score - b.score || a.name.length - b.name.length || (a.name < b.name ? -1 : 1));
  return close.slice(0, count).map(({ name }) => name);
}

function distance(a: string, b: string): number {
  if (a === b) return 0;
  const isPart = a.length >= 3 && b.length >= 3 && (a.includes(b) || b.includes(a));
  return isPart ? 1 : editDistance(a, b);
}
