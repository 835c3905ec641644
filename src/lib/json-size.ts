/** For each value of JSON beside its characters: quotes, separators, and the object that represents it in memory. */
const CHARS_PER_VALUE = 8;

/**
 * About the characters of a value as JSON text, without making that text; takes microseconds for an ordinary event. For limits of memory:
 * the parsed value takes a small multiple of it.
 */
export function approximateChars(value: unknown): number {
  if (typeof value === "string") return value.length + CHARS_PER_VALUE;
  if (typeof value !== "object" || value === null) return CHARS_PER_VALUE;
  let chars = CHARS_PER_VALUE;
  if (Array.isArray(value)) for (const item of value) chars += approximateChars(item);
  else {
    const members = value as Readonly<Record<string, unknown>>;
    for (const key in members) chars += key.length + approximateChars(members[key]);
  }
  return chars;
}
