import { ANY_ONE, ANY_RUN, fitsTokens, type Token } from "../../lib/wildcards.ts";

/**
 * SQL LIKE as SQLite does it: the case of ASCII letters is ignored, of others not; one wildcard stands for any run, one for
 * a single character. https://www.sqlite.org/lang_expr.html#like
 */
export function lowerAscii(text: string): string {
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]+/g, (run) => run.toLowerCase()) : text;
}

export interface Wildcards {
  readonly any: string;
  readonly one: string;
}

const SQL: Wildcards = { any: "%", one: "_" };

/** A test of the whole text against a pattern. */
export function sqlLike(pattern: string, wildcards: Wildcards = SQL): (text: string) => boolean {
  const tokens = [...lowerAscii(pattern)].map((char): Token => {
    if (char === wildcards.any) return ANY_RUN;
    return char === wildcards.one ? ANY_ONE : char;
  });
  return (text) => fitsTokens(lowerAscii(text), tokens);
}

/** `text LIKE prefix || '%'`: wildcards inside the prefix count, as they do on Prefect's server. */
export function sqlLikePrefix(prefix: string): (text: string) => boolean {
  if (/[%_]/.test(prefix)) return sqlLike(`${prefix}%`);
  const plain = lowerAscii(prefix);
  return (text) => lowerAscii(text).startsWith(plain);
}
