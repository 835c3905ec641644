import { factsOf } from "../kinds.ts";
import type { SnapshotKind } from "../objects.ts";

/** The most characters of a long field that are recorded and shown. */
export const MAX_FIELD_CHARS = 2_000;

/** Added beside a field that was cut: the length of its text before. */
export function charsField(field: string): string {
  return `${field}_chars`;
}

/**
 * The object with its long fields cut: the beginning of the text, or of the JSON where the field is no text. An object without a
 * long text is returned itself. Secrets must have been replaced before, since half a secret is not recognised as one.
 */
export function cutLongFields<T extends object>(kind: SnapshotKind, doc: T): T {
  const { longFields } = factsOf(kind);
  let cut = doc;
  for (const field of longFields) {
    const value = (doc as Readonly<Record<string, unknown>>)[field];
    const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
    if (text.length <= MAX_FIELD_CHARS) continue;
    const beginning = text.slice(0, MAX_FIELD_CHARS).replace(/[\uD800-\uDBFF]$/, "");
    cut = { ...cut, [field]: beginning, [charsField(field)]: text.length };
  }
  return cut;
}
