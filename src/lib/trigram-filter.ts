/**
 * A cheap test before an exact search for many literals: of each literal it takes the three adjacent characters that are rarest in
 * ordinary text, and looks for any of these. It never misses a literal, and sometimes reports one that is absent.
 */

/** Letters without case, digits, other ASCII characters, all others: 6 bits. */
const CLASSES = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code).toLowerCase();
  if (character >= "a" && character <= "z") return character.charCodeAt(0) - 96;
  if (character >= "0" && character <= "9") return 27 + code - 48;
  return 37 + (code % 26);
});
const NOT_ASCII = 63;
/** A hash of the last three characters: each further one shifts the oldest out. */
const SHIFT = 5;
const MASK = 0x7fff;

function classOf(code: number): number {
  return code < 128 ? (CLASSES[code] as number) : NOT_ASCII;
}

export class TrigramFilter {
  private readonly isWanted = new Uint8Array(MASK + 1);
  private readonly wantsOtherScripts: boolean;
  /** How often each three characters occur in ordinary text. */
  private readonly counts: Uint16Array;

  /**
   * `ordinary`: text with the usual words, to know which characters are frequent side by side. `wantsOtherScripts`: every text with a
   * character outside of ASCII is reported.
   */
  constructor(literals: readonly string[], ordinary: string | Uint16Array, wantsOtherScripts = false) {
    this.wantsOtherScripts = wantsOtherScripts;
    this.counts = typeof ordinary === "string" ? countsIn(ordinary) : ordinary;
    for (const literal of literals) this.add(literal);
  }

  /** A filter that looks for these literals too. */
  extended(literals: readonly string[]): TrigramFilter {
    const more = new TrigramFilter([], this.counts, this.wantsOtherScripts);
    more.isWanted.set(this.isWanted);
    for (const literal of literals) more.add(literal);
    return more;
  }

  private add(literal: string): void {
    const { counts } = this;
    let rarest = -1;
    let hash = 0;
    for (let at = 0; at < literal.length; at += 1) {
      hash = ((hash << SHIFT) ^ classOf(literal.charCodeAt(at))) & MASK;
      if (at >= 2 && (rarest < 0 || (counts[hash] as number) < (counts[rarest] as number))) rarest = hash;
    }
    if (rarest < 0) this.addShort(literal);
    else this.isWanted[rarest] = 1;
  }

  /** A literal of two characters occurs after any character. */
  private addShort(literal: string): void {
    if (literal.length !== 2) throw new RangeError(`a literal of ${literal.length} characters`);
    for (let before = 0; before < 1 << 6; before += 1) {
      const pair = (classOf(literal.charCodeAt(0)) << SHIFT) ^ classOf(literal.charCodeAt(1));
      this.isWanted[((before << (2 * SHIFT)) ^ pair) & MASK] = 1;
    }
  }

  /** Ignores ASCII case. */
  mayHave(text: string): boolean {
    const { isWanted, wantsOtherScripts } = this;
    const { length } = text;
    let hash = 0;
    for (let at = 0; at < length; at += 1) {
      const code = text.charCodeAt(at);
      hash = ((hash << SHIFT) ^ (code < 128 ? (CLASSES[code] as number) : NOT_ASCII)) & MASK;
      if (isWanted[hash] !== 0 || (code >= 128 && wantsOtherScripts)) return true;
    }
    return false;
  }
}

function countsIn(ordinary: string): Uint16Array {
  const counts = new Uint16Array(MASK + 1);
  let hash = 0;
  for (let at = 0; at < ordinary.length; at += 1) {
    hash = ((hash << SHIFT) ^ classOf(ordinary.charCodeAt(at))) & MASK;
    if (at >= 2) counts[hash] = (counts[hash] as number) + 1;
  }
  return counts;
}
