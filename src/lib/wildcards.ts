/** A text against a pattern with "any run" in it, without a regular expression: several of those make one exponential. */

/** Stands for any run of characters, an empty one too. */
export const ANY_RUN = Symbol("any run");

/** A character as it is, or what one character must be. */
export type Token = string | ((char: string) => boolean) | typeof ANY_RUN;

export const ANY_ONE: Token = () => true;

/** Whether the whole text fits. Takes at most text times pattern: only the last "any run" is ever given more. */
export function fitsTokens(text: string, tokens: readonly Token[]): boolean {
  const chars = [...text];
  let [at, next, retryAt, afterAny] = [0, 0, 0, -1];
  while (at < chars.length) {
    const token = tokens[next];
    if (token === ANY_RUN) {
      next += 1;
      [afterAny, retryAt] = [next, at];
    } else if (token !== undefined && fitsOne(chars[at] ?? "", token)) {
      next += 1;
      at += 1;
    } else if (afterAny >= 0) {
      retryAt += 1;
      [next, at] = [afterAny, retryAt];
    } else return false;
  }
  return tokens.slice(next).every((token) => token === ANY_RUN);
}

function fitsOne(char: string, token: string | ((char: string) => boolean)): boolean {
  return typeof token === "string" ? token === char : token(char);
}
