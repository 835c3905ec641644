/**
 * Finds which of many short literals occur in a text, in one pass whose cost does not grow with their number (the automaton of
 * Aho and Corasick, https://doi.org/10.1145/360825.360855). ASCII case is ignored.
 */
import { append } from "./lists.ts";

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
  /** By state: indexes of the literals that end there. */
  private readonly ends: number[][] = [[]];

  constructor(literals: readonly Literal[]) {
    this.literals = literals.map((literal) => ({ ...literal, text: literal.text.toLowerCase() }));
    const states = 1 + this.literals.reduce((sum, { text }) => sum + text.length, 0);
    if (states >= IS_END) throw new RangeError(`${states} states`);
    this.table = new Uint16Array(states << CLASS_BITS);
    this.fillClasses();
    this.link(this.tree());
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

  /** The steps from each state to the next ones, as class and state in turn. */
  private tree(): number[][] {
    const steps: number[][] = [[]];
    for (const [index, { text }] of this.literals.entries()) {
      let state = 0;
      for (let at = 0; at < text.length; at += 1) {
        const of = this.classes[text.charCodeAt(at)] as number;
        const own = steps[state] as number[];
        let next = 0;
        for (let step = 0; step < own.length; step += 2) if (own[step] === of) next = own[step + 1] as number;
        if (next === 0) {
          next = steps.push([]) - 1;
          own.push(of, next);
          this.ends.push([]);
        }
        state = next;
      }
      this.ends[state]?.push(index);
    }
    return steps;
  }

  /** Where no literal continues, a state goes on as the longest end of its text does that begins another literal. Breadth first. */
  private link(steps: readonly (readonly number[])[]): void {
    const { table, ends } = this;
    const fallback = new Uint16Array(steps.length);
    const queue = [0];
    for (let done = 0; done < queue.length; done += 1) {
      const state = queue[done] as number;
      const row = (fallback[state] as number) << CLASS_BITS;
      if (state !== 0) table.copyWithin(state << CLASS_BITS, row, row + CLASSES);
      const own = steps[state] ?? [];
      for (let step = 0; step < own.length; step += 2) {
        const [of = 0, child = 0] = [own[step], own[step + 1]];
        const other = state === 0 ? 0 : (table[row | of] as number) & ~IS_END;
        fallback[child] = other;
        append(ends[child] ?? [], ends[other] ?? []);
        table[(state << CLASS_BITS) | of] = child | ((ends[child]?.length ?? 0) > 0 ? IS_END : 0);
        queue.push(child);
      }
    }
  }

  /** Where they occur, ordered by their end. */
  occurrencesIn(text: string): Occurrence[] {
    const { table, classes } = this;
    const found: Occurrence[] = [];
    let state = 0;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      state = table[(state << CLASS_BITS) | (code < 128 ? (classes[code] as number) : 0)] as number;
      if (state < IS_END) continue;
      state &= ~IS_END;
      for (const index of this.ends[state] ?? []) {
        const { group, text: own, atBoundary } = this.literals[index] as Literal;
        const start = at + 1 - own.length;
        if (atBoundary !== true || isBoundary(text, start)) found.push({ group, start, end: at + 1 });
      }
    }
    return found;
  }
}
