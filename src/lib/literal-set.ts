/**
 * Finds which of many short literals occur in a text, in one pass whose cost does not grow with their number (the automaton of
 * Aho and Corasick, https://doi.org/10.1145/360825.360855). ASCII case is ignored.
 */

export interface Literal {
  readonly text: string;
  /** What is reported when the literal occurs. */
  readonly group: number;
  /** Only where no letter and no digit precedes it: "sk-" then does not occur in "task-run". */
  readonly atBoundary?: boolean;
}

export interface Occurrence {
  readonly group: number;
  readonly start: number;
  /** After its last character. */
  readonly end: number;
}

/** Number of character classes, as a power of two: the class of a character is added to the shifted state. */
const CLASS_BITS = 6;
const CLASSES = 1 << CLASS_BITS;
/** In the table: literals end in the next state. */
const IS_END = 0x8000;
/** In the table: not calculated yet. It includes `IS_END`, so that the search looks for one bit only. */
const UNKNOWN = 0xffff;

function isAlphanumeric(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}

/** By code: whether it begins an escape, such as "\\n" or "%3D". */
const BEGINS_ESCAPE = Uint8Array.from({ length: 128 }, (_, code) =>
  Number("\\%[u;".includes(String.fromCharCode(code))),
);

/** Also after an escape such as "\\n", "%3D" or the end of a colour code, whose last character is a letter or digit. */
function isBoundary(text: string, at: number): boolean {
  if (at <= 0 || !isAlphanumeric(text.charCodeAt(at - 1))) return true;
  for (let before = Math.max(0, at - 5); before < at - 1; before += 1)
    if (BEGINS_ESCAPE[text.charCodeAt(before)] === 1) return true;
  return false;
}

export class LiteralSet {
  private readonly literals: readonly Literal[];
  /** Class of each ASCII character; 0: in no literal. */
  private readonly classes = new Uint8Array(128);
  /** The next state by state and class, with `IS_END`. State 0 is the beginning. */
  private readonly table: Uint16Array;
  /** How the literals continue: the next state by state and class, as in the table. */
  private readonly steps = new Map<number, number>();
  /** By state: the state before it and the class that leads from there. */
  private readonly origins: { readonly parent: number; readonly of: number }[] = [{ parent: 0, of: 0 }];
  /** By state: that of the longest end of its text that begins another literal. */
  private readonly fallbacks: Uint16Array;
  /** By state: indexes of the literals that end there. */
  private readonly ends = new Map<number, number[]>();

  constructor(literals: readonly Literal[]) {
    this.literals = literals.map((literal) => ({ ...literal, text: literal.text.toLowerCase() }));
    this.fillClasses();
    for (const [index, { text }] of this.literals.entries()) this.add(text, index);
    const states = this.origins.length;
    if (states >= UNKNOWN - IS_END) throw new RangeError(`${states} states`);
    this.table = new Uint16Array(states << CLASS_BITS).fill(UNKNOWN);
    this.fallbacks = new Uint16Array(states).fill(UNKNOWN);
    this.fallbacks[0] = 0;
  }

  private fillClasses(): void {
    let last = 0;
    for (const character of new Set(this.literals.flatMap(({ text }) => [...text]))) {
      const code = character.charCodeAt(0);
      if (code > 127) throw new RangeError(`not ASCII: ${character}`);
      last += 1;
      this.classes[code] = last;
      this.classes[character.toUpperCase().charCodeAt(0)] = last;
    }
    if (last >= CLASSES) throw new RangeError(`${last} different characters`);
  }

  private add(text: string, index: number): void {
    let state = 0;
    for (let at = 0; at < text.length; at += 1) {
      const of = this.classes[text.charCodeAt(at)] as number;
      const step = (state << CLASS_BITS) | of;
      let next = this.steps.get(step);
      if (next === undefined) {
        next = this.origins.push({ parent: state, of }) - 1;
        this.steps.set(step, next);
      }
      state = next;
    }
    const known = this.ends.get(state);
    if (known) known.push(index);
    else this.ends.set(state, [index]);
  }

  /**
   * An entry of the table. It is calculated when a text first needs it: ordinary texts need a small part of the table, and calculating all
   * of it would take a twentieth of the time to the first answer of a process.
   */
  private next(state: number, of: number): number {
    const step = (state << CLASS_BITS) | of;
    const known = this.table[step] as number;
    if (known !== UNKNOWN) return known;
    const continued = this.steps.get(step);
    const otherwise = () => (state === 0 ? 0 : this.next(this.fallbackOf(state), of));
    const next = continued === undefined ? otherwise() : continued | (this.isEnd(continued) ? IS_END : 0);
    this.table[step] = next;
    return next;
  }

  private fallbackOf(state: number): number {
    const known = this.fallbacks[state] as number;
    if (known !== UNKNOWN) return known;
    const { parent, of } = this.origins[state] as { parent: number; of: number };
    const fallback = parent === 0 ? 0 : this.next(this.fallbackOf(parent), of) & ~IS_END;
    this.fallbacks[state] = fallback;
    return fallback;
  }

  private isEnd(state: number): boolean {
    return state !== 0 && (this.ends.has(state) || this.isEnd(this.fallbackOf(state)));
  }

  /** Where they occur, ordered by their end. */
  occurrencesIn(text: string): Occurrence[] {
    const { table, classes } = this;
    const found: Occurrence[] = [];
    let state = 0;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      const of = code < 128 ? (classes[code] as number) : 0;
      const before = state;
      state = table[(before << CLASS_BITS) | of] as number;
      if (state < IS_END) continue;
      if (state === UNKNOWN) state = this.next(before, of);
      if (state < IS_END) continue;
      state &= ~IS_END;
      this.addEnds(found, text, at, state);
    }
    return found;
  }

  /** Adds the literals whose last character is at `at`. */
  private addEnds(found: Occurrence[], text: string, at: number, state: number): void {
    for (let ending = state; ending !== 0; ending = this.fallbackOf(ending)) {
      for (const index of this.ends.get(ending) ?? []) {
        const { group, text: own, atBoundary } = this.literals[index] as Literal;
        const start = at + 1 - own.length;
        if (atBoundary !== true || isBoundary(text, start)) found.push({ group, start, end: at + 1 });
      }
    }
  }
}
