/** The text itself, or its beginning with an ellipsis, `maxChars` in all. */
export function truncate(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : `${text.slice(0, maxChars - 1)}…`;
}

/** The text itself, or its first `chars` characters and the number of all, `… (9000 characters)`, so that a reader sees what is missing. */
export function truncateWithLength(text: string, chars: number): string {
  if (text.length <= chars) return text;
  const head = text.slice(0, chars);
  const isHalf = /[\uD800-\uDBFF]$/.test(head);
  return `${isHalf ? head.slice(0, -1) : head}… (${text.length} characters)`;
}
