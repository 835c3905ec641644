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
  const source = [...lowerAscii(pattern)].map((char) => {
    if (char === wildcards.any) return ".*";
    if (char === wildcards.one) return ".";
    return char.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&");
  });
  const regex = new RegExp(`^${source.join("")}$`, "su");
  return (text) => regex.test(lowerAscii(text));
}

/** `text LIKE prefix || '%'`: wildcards inside the prefix count, as they do on Prefect's server. */
export function sqlLikePrefix(prefix: string): (text: string) => boolean {
  if (/[%_]/.test(prefix)) return sqlLike(`${prefix}%`);
  const plain = lowerAscii(prefix);
  return (text) => lowerAscii(text).startsWith(plain);
}
