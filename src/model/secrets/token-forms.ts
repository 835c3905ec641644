/** Replaces tokens that are recognized by their form. */
import type { Occurrence } from "../../lib/literal-set.ts";
import { INFRASTRUCTURE_TOKENS } from "./infrastructure-tokens.ts";
import { SERVICE_TOKENS } from "./service-tokens.ts";
import type { TokenKind } from "./token-kind.ts";
import { redactionMark } from "./words/redaction-mark.ts";

interface Token extends TokenKind {
  readonly pattern: RegExp;
  readonly mark: string;
}

const TOKENS: readonly Token[] = [...INFRASTRUCTURE_TOKENS, ...SERVICE_TOKENS].map((token) => ({
  ...token,
  pattern: new RegExp(token.form, "y"),
  mark: redactionMark(token.kind),
}));

/** Of each kind, by its place in the table. */
export const TOKEN_LITERALS: readonly (readonly string[])[] = TOKENS.map(({ literals }) => literals);

/** What may stand before a token that begins a word: an escaped line break, `%3D`, the end of a colour code. */
const ESCAPE_END = /(?:\\[abfnrtv0]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|%[0-9A-Fa-f]{2}|\[[0-9;]{1,12}m)$/;

function isAfterEscape(text: string, at: number): boolean {
  return ESCAPE_END.test(text.slice(Math.max(0, at - 16), at));
}

function mayBegin(text: string, at: number, boundary: TokenKind["place"]["boundary"]): boolean {
  if (boundary === "none" || at === 0) return true;
  const isInside = boundary === "run" ? /[A-Za-z0-9_-]/ : /[A-Za-z0-9]/;
  return !isInside.test(text.charAt(at - 1)) || isAfterEscape(text, at);
}

/** `occurrences`: of the literals, ordered by their end; the group is the place of the kind in the table. */
export function replaceTokens(text: string, occurrences: readonly Occurrence[]): string {
  let result = "";
  let done = 0;
  for (const { group, start, end } of occurrences) {
    const token = TOKENS[group];
    if (token === undefined) continue;
    const { before, boundary } = token.place;
    const at = before === "after" ? end : start - before;
    // Directly after another token begins a word, too: tokens written one after the other are all replaced.
    if (at < done || !((at === done && done > 0) || mayBegin(text, at, boundary))) continue;
    token.pattern.lastIndex = at;
    if (!token.pattern.test(text)) continue;
    result += text.slice(done, at) + token.mark;
    done = token.pattern.lastIndex;
  }
  return done === 0 ? text : result + text.slice(done);
}
