import { ANY_ONE, ANY_RUN, matchesTokens, StepBudget, type Token } from "../../lib/wildcards.ts";

/**
 * LIKE with SQLite's rules: the case of ASCII letters is ignored, that of others is not; one wildcard matches any characters, one a
 * single character. https://www.sqlite.org/lang_expr.html#like
 */
export function lowerAscii(text: string): string {
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]+/g, (run) => run.toLowerCase()) : text;
}

export interface Wildcards {
  readonly any: string;
  readonly one: string;
}

const SQL: Wildcards = { any: "%", one: "_" };

/** A test whether a whole text matches the pattern. */
export function sqlLike(
  pattern: string,
  wildcards: Wildcards = SQL,
  budget: StepBudget = new StepBudget(),
): (text: string) => boolean {
  const tokens = [...lowerAscii(pattern)].map((char): Token => {
    if (char === wildcards.any) return ANY_RUN;
    return char === wildcards.one ? ANY_ONE : char;
  });
  return (text) => matchesTokens(lowerAscii(text), tokens, budget);
}

/** `text LIKE prefix || '%'`: as on Prefect's server, wildcards in the prefix are wildcards. */
export function sqlLikePrefix(prefix: string, budget?: StepBudget): (text: string) => boolean {
  if (/[%_]/.test(prefix)) return sqlLike(`${prefix}%`, SQL, budget);
  const plain = lowerAscii(prefix);
  return (text) => lowerAscii(text).startsWith(plain);
}
