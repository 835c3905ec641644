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

interface Node {
  readonly next: Map<number, number>;
  fail: number;
  /** Indexes of the literals that end here. */
  ends: readonly number[];
}

function isAlphanumeric(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}

/** Also after an escape such as "\\n", "%3D" or the end of a colour code, whose last character is a letter or digit. */
function isBoundary(text: string, at: number): boolean {
  return (
    at <= 0 || !isAlphanumeric(text.charCodeAt(at - 1)) || /[\\%[u;]/.test(text.slice(Math.max(0, at - 5), at - 1))
  );
}

export class LiteralSet {
  private readonly literals: readonly Literal[];
  /** Class of each ASCII character; 0: in no literal. */
  private readonly classes = new Uint8Array(128);
  private readonly table: Uint16Array;
  /** States from here on are ends of literals. */
  private readonly firstEnd: number;
  private readonly ends: readonly (readonly number[])[];

  constructor(literals: readonly Literal[]) {
    this.literals = literals.map((literal) => ({ ...literal, text: literal.text.toLowerCase() }));
    this.fillClasses();
    const nodes = this.trie();
    link(nodes);
    // Renumbered, so that a comparison tells the ends of literals from other states. The root stays 0.
    const order = [...nodes.keys()].sort(
      (a, b) => Number((nodes[a]?.ends.length ?? 0) > 0) - Number((nodes[b]?.ends.length ?? 0) > 0) || a - b,
    );
    const place = new Uint16Array(nodes.length);
    for (const [at, node] of order.entries()) place[node] = at;
    this.table = new Uint16Array(nodes.length << CLASS_BITS);
    this.ends = order.map((node) => nodes[node]?.ends ?? []);
    const firstEnd = this.ends.findIndex((ends) => ends.length > 0);
    this.firstEnd = firstEnd < 0 ? nodes.length : firstEnd;
    for (const [at, node] of order.entries())
      for (let character = 0; character < 1 << CLASS_BITS; character += 1)
        this.table[(at << CLASS_BITS) | character] = place[step(nodes, node, character)] ?? 0;
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
    if (last >= 1 << CLASS_BITS) throw new RangeError(`${last} different characters`);
  }

  private trie(): Node[] {
    const nodes: Node[] = [{ next: new Map(), fail: 0, ends: [] }];
    for (const [index, { text }] of this.literals.entries()) {
      let at = 0;
      for (const character of text) {
        const of = this.classes[character.charCodeAt(0)] ?? 0;
        let next = nodes[at]?.next.get(of);
        if (next === undefined) {
          next = nodes.length;
          nodes.push({ next: new Map(), fail: 0, ends: [] });
          nodes[at]?.next.set(of, next);
        }
        at = next;
      }
      const node = nodes[at] as Node;
      node.ends = [...node.ends, index];
    }
    return nodes;
  }

  /** Where they occur, ordered by their end. */
  occurrencesIn(text: string): Occurrence[] {
    const { table, classes, firstEnd } = this;
    const found: Occurrence[] = [];
    let state = 0;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      state = table[(state << CLASS_BITS) | (code < 128 ? (classes[code] as number) : 0)] as number;
      if (state < firstEnd) continue;
      for (const index of this.ends[state] ?? []) {
        const { group, text: own, atBoundary } = this.literals[index] as Literal;
        const start = at + 1 - own.length;
        if (atBoundary !== true || isBoundary(text, start)) found.push({ group, start, end: at + 1 });
      }
    }
    return found;
  }
}

/** Sets where each state continues after a mismatch, and the literals that end inside others. Breadth first. */
function link(nodes: Node[]): void {
  const queue = [0];
  for (let done = 0; done < queue.length; done += 1) {
    const at = queue[done] as number;
    const node = nodes[at] as Node;
    for (const [character, child] of node.next) {
      const target = nodes[child] as Node;
      target.fail = at === 0 ? 0 : step(nodes, node.fail, character);
      target.ends = [...target.ends, ...(nodes[target.fail]?.ends ?? [])];
      queue.push(child);
    }
  }
}

function step(nodes: readonly Node[], from: number, character: number): number {
  let at = from;
  for (;;) {
    const next = nodes[at]?.next.get(character);
    if (next !== undefined) return next;
    if (at === 0) return 0;
    at = nodes[at]?.fail ?? 0;
  }
}
