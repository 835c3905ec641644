import { asNames, type Sentence, sentence } from "../../lib/shown-text.ts";
import { foreignOperators } from "../../model/text/search-terms.ts";

/** A note where the caller seems to write in another query language. */
export function operatorNotes(query: string): Sentence[] {
  const operators = foreignOperators(query);
  if (operators.length === 0) return [];
  const names = asNames(operators);
  if (operators.length === 1)
    return [sentence`${names} is no operator; it was looked for as a word, and all words must occur.`];
  return [sentence`${names} are no operators; they were looked for as words, and all words must occur.`];
}
