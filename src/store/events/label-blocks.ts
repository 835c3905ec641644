import { asList, type EventFilter, type LabelSpec } from "../../model/events/event-filter.ts";
import { indexWord, wordsOf } from "../../model/text/words.ts";

/**
 * An FTS5 query for the blocks in which an event can have the wanted labels, or null when the word index cannot narrow
 * them. Only values without glob and negation are used; several values of one label are alternatives.
 */
export function labelWordQuery(filter: EventFilter): string | null {
  const specs: readonly LabelSpec[] = [
    filter.resource?.labels,
    ...asList(filter.related).map(({ labels }) => labels),
    ...asList(filter.any_resource).map(({ labels }) => labels),
  ].filter((spec) => spec !== undefined && spec !== null);
  const parts = specs.flatMap((spec) => Object.values(spec)).flatMap((value) => oneLabel(value) ?? []);
  return parts.length === 0 ? null : parts.map((part) => `(${part})`).join(" AND ");
}

function oneLabel(value: string | readonly string[]): string | null {
  const values = typeof value === "string" ? [value] : value;
  if (values.length === 0) return null;
  const queries = values.map((one) => (/^!|[*?]/.test(one) ? null : allWords(wordsOf(one))));
  return queries.every((query) => query !== null) ? queries.map((query) => `(${query})`).join(" OR ") : null;
}

/** All words of a value; null when it has none. */
function allWords(words: readonly string[]): string | null {
  return words.length === 0 ? null : [...new Set(words)].map((word) => `"${indexWord(word)}"`).join(" AND ");
}
