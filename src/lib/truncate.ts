/** The text itself, or its beginning with an ellipsis, `maxChars` in all. */
export function truncate(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : `${text.slice(0, maxChars - 1)}…`;
}
