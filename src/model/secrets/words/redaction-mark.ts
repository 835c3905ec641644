/** What replaces a secret. It names the kind of the secret. */
export const REDACTION_MARK = /\[redacted:[a-z0-9-]+\]/;

export function redactionMark(kind: string): string {
  return `[redacted:${kind}]`;
}

/** Replaces a value that follows the name of a secret. */
export const NAMED_SECRET = redactionMark("named-secret");
