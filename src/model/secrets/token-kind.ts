/** A kind of tokens that is recognized by its form. */
export interface TokenKind {
  readonly kind: string;
  /** One of these is in every such token, whatever its case. With `^`: only where no letter or digit precedes it. */
  readonly literals: readonly string[];
  /** Source of a regular expression. It takes time linear in what it reads: no two repeats without limit share a character. */
  readonly form: string;
  readonly place: Place;
}

interface Place {
  /** Number of characters of the token before the literal; "after": the token follows the literal. */
  readonly before: number | "after";
  /**
   * What may not precede the token: nothing; letters and digits ("word"), because its beginning is short or a part of ordinary words; also
   * "-" and "_" ("run"), because the form can fail after a long run of these, which then is not read again from within.
   */
  readonly boundary: "none" | "word" | "run";
}

export const WORD: Partial<Place> = { boundary: "word" };
export const RUN: Partial<Place> = { boundary: "run" };
export const AFTER: Partial<Place> = { before: "after" };
export const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
/** Letters of both cases and digits, at least 16: the limits keep the time linear. */
export const RANDOM =
  "(?=[A-Za-z_-]{0,63}\\d)(?=[A-Z0-9_-]{0,63}[a-z])(?=[a-z0-9_-]{0,63}[A-Z])[A-Za-z0-9_-]{16,}(?![A-Za-z0-9.])";

export function tokenKind(kind: string, literals: string, form: string, place: Partial<Place> = {}): TokenKind {
  return { kind, literals: literals.split(" "), form, place: { before: 0, boundary: "none", ...place } };
}
