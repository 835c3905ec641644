/**
 * Token estimates without a tokenizer, calibrated against o200k on answers of this server: equal to the true count or a little above.
 * `test/tools/answer/token-budget.test.ts` checks that.
 */

import { uuidsIn } from "../../lib/uuid.ts";

/** Tokens of a whole answer without `limit` and `detail: "full"`. */
export const DEFAULT_TOKENS = 2_500;
/** Tokens of a whole answer with either: the largest budget. */
export const MAX_TOKENS = 8_000;

/** One UUID: 22.7 tokens on average, 17 to 30. */
const UUID_TOKENS = 23.5;

/** The UUIDs of a text, in order, and the estimated tokens of the rest. */
export interface Measured {
  readonly uuids: readonly string[];
  readonly plain: number;
}

export function measureText(text: string): Measured {
  const uuids: string[] = [];
  let plain = 0;
  let done = 0;
  for (const { id, at } of uuidsIn(text)) {
    // A UUID, or the reference in its place, separates its neighbours as a blank does.
    plain += plainTokens(text, done, at) + BLANK_TOKENS;
    done = at + id.length;
    uuids.push(id);
  }
  return { uuids, plain: plain + plainTokens(text, done, text.length) };
}

/** Estimated o200k tokens of a text. */
export function estimateTokens(text: string): number {
  const { uuids, plain } = measureText(text);
  return uuids.length * UUID_TOKENS + plain;
}

/** The same for a table, in which the UUIDs in `seen` are short references. Adds the UUIDs of the text to `seen`. */
export function estimateRowTokens({ uuids, plain }: Measured, seen: Set<string>): number {
  let tokens = plain;
  for (const id of uuids) {
    tokens += seen.has(id) ? 2 : UUID_TOKENS + 2;
    seen.add(id);
  }
  return tokens;
}

/** Estimated tokens of `JSON.stringify(value)`. */
export function estimateJsonTokens(value: unknown): number {
  return estimateTokens(JSON.stringify(value) ?? "");
}

const BLANK_TOKENS = 0.2;
const SPACE = 0;
const LETTER = 1;
const DIGIT = 2;
const MARK = 3;
const WIDE = 4;

/** Kind of each ASCII character. A look-up is twice as fast as comparisons. */
const KINDS = Uint8Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code);
  if (/[a-z]/i.test(char)) return LETTER;
  if (/[0-9]/.test(char)) return DIGIT;
  return code <= 32 ? SPACE : MARK;
});

function kindOf(code: number): number {
  return code < 128 ? (KINDS[code] ?? WIDE) : WIDE;
}

/**
 * Splits the text into runs of one kind, as the first step of the tokenizer does: words, up to three digits, marks, spaces. The weights
 * are a least-squares fit over answers and prose, raised by 5 %.
 */
function plainTokens(text: string, from: number, to: number): number {
  let tokens = 0;
  let previous = SPACE;
  for (let at = from; at < to; ) {
    const first = text.charCodeAt(at);
    const kind = kindOf(first);
    let end = at + 1;
    let capitals = 0;
    for (let before = first; end < to; end += 1) {
      const code = text.charCodeAt(end);
      if (kindOf(code) !== kind) break;
      if (kind === LETTER && isCapital(code) && !isCapital(before)) capitals += 1;
      before = code;
    }
    tokens += runTokens(kind, end - at, previous) + capitals * (capitals > 2 ? 1.1 : 0.55);
    if (kind === SPACE && first === 10) tokens += 0.8;
    previous = kind;
    at = end;
  }
  return tokens;
}

function isCapital(code: number): boolean {
  return code >= 65 && code <= 90;
}

/** A word includes the blank before it: a blank costs tokens only before digits or beside other blanks. */
function runTokens(kind: number, length: number, previous: number): number {
  switch (kind) {
    case LETTER:
      return 0.86 + Math.max(0, length - 6) * 0.23;
    case DIGIT:
      return Math.ceil(length / 3) * 0.88 + (previous === SPACE ? 0.6 : 0);
    case MARK:
      return length > 3 ? length * 0.42 : previous === DIGIT ? 1.5 : 0.9;
    case SPACE:
      return BLANK_TOKENS;
    default:
      return length;
  }
}
