/**
 * Matches a text with a pattern that has wildcards. Not by a regular expression, whose time can grow exponentially with several wildcards.
 */

/** Matches any characters, or none. */
export const ANY_RUN = Symbol("any run");

/** A character, a test of one character, or `ANY_RUN`. */
export type Token = string | ((char: string) => boolean) | typeof ANY_RUN;

export const ANY_ONE: Token = () => true;

/** Whether the whole text matches. At most text length × pattern length steps: only the last `ANY_RUN` is extended on a mismatch. */
export function matchesTokens(text: string, tokens: readonly Token[]): boolean {
  const chars = [...text];
  let [at, next, retryAt, afterAny] = [0, 0, 0, -1];
  while (at < chars.length) {
    const token = tokens[next];
    if (token === ANY_RUN) {
      next += 1;
      [afterAny, retryAt] = [next, at];
    } else if (token !== undefined && matchesOne(chars[at] ?? "", token)) {
      next += 1;
      at += 1;
    } else if (afterAny >= 0) {
      retryAt += 1;
      [next, at] = [afterAny, retryAt];
    } else return false;
  }
  return tokens.slice(next).every((token) => token === ANY_RUN);
}

function matchesOne(char: string, token: string | ((char: string) => boolean)): boolean {
  return typeof token === "string" ? token === char : token(char);
}
