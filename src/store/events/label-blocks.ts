import { asList, type EventFilter, type LabelSpec } from "../../model/events/event-filter.ts";
import { wordsOf } from "../../model/text/words.ts";
import { queryOfWords, type WordQuery } from "./word-index.ts";

/**
 * An FTS5 query for the blocks in which an event can have the wanted labels, or null when the word index cannot narrow
 * them. Only values without glob and negation are used; several values of one label are alternatives.
 */
export function labelWordQuery(filter: EventFilter): WordQuery | null {
  const specs: readonly LabelSpec[] = [
    filter.resource?.labels,
    ...asList(filter.related).map(({ labels }) => labels),
    ...asList(filter.any_resource).map(({ labels }) => labels),
  ].filter((spec) => spec !== undefined && spec !== null);
  const parts = specs.flatMap((spec) => Object.values(spec)).flatMap((value) => oneLabel(value) ?? []);
  return parts.length === 0 ? null : joined(parts, "AND");
}

function oneLabel(value: string | readonly string[]): WordQuery | null {
  const values = typeof value === "string" ? [value] : value;
  if (values.length === 0) return null;
  const queries = values.map((one) => (/^!|[*?]/.test(one) ? null : queryOfWords(wordsOf(one))));
  return queries.every((query) => query !== null) ? joined(queries, "OR") : null;
}

function joined(queries: readonly WordQuery[], by: "AND" | "OR"): WordQuery {
  return {
    match: queries.map(({ match }) => `(${match})`).join(` ${by} `),
    skipsOldTexts: queries.some(({ skipsOldTexts }) => skipsOldTexts),
  };
}
