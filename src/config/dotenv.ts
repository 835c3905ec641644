/**
 * Parses `.env` files as Prefect does (python-dotenv): `export` and comments are allowed; in single quotes only `\'` and `\\` are
 * escapes, in double quotes the usual ones; `${NAME}` and `${NAME:-default}` are replaced from the lines above, then from the
 * environment; `$NAME` stays as it is. Bun, which reads the same file, also replaces `$NAME`.
 */
export interface DotenvFile {
  readonly values: ReadonlyMap<string, string>;
  /** Statements that cannot be parsed: the line (from 1) on which they begin, and the text that was skipped. */
  readonly broken: readonly { readonly line: number; readonly text: string }[];
}

const EXPORT = /(?:export[^\S\r\n]+)?/y;
const KEY = /(?:'([^']+)'|([^=#\s'][^=#\s]*))[^\S\r\n]*/y;
const SINGLE = /'((?:\\[\s\S]|[^'\\])*)'/y;
const DOUBLE = /"((?:\\[\s\S]|[^"\\])*)"/y;
const REST = /[^\r\n]*/y;
const END = /[^\S\r\n]*(?:#[^\r\n]*)?(?:\r\n|\r|\n|$)/y;
const SKIPPED = /(?:\s*(?:#[^\r\n]*)?(?:\r\n|\r|\n|$))?/y;
const ESCAPES: Record<string, string> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

class Cursor {
  at = 0;
  private readonly source: string;
  /** Line ends before `countedTo`. */
  private lineEnds = 0;
  private countedTo = 0;

  constructor(source: string) {
    this.source = source;
  }

  get done(): boolean {
    return this.at >= this.source.length;
  }

  /** Counts from where it counted last, because it is asked for each statement. */
  get line(): number {
    // A line end of two characters counts once it is whole.
    const to = this.source.charAt(this.at - 1) === "\r" && this.source.charAt(this.at) === "\n" ? this.at - 1 : this.at;
    if (to > this.countedTo) {
      this.lineEnds += this.source.slice(this.countedTo, to).split(/\r\n|\r|\n/).length - 1;
      this.countedTo = to;
    }
    return this.lineEnds + 1;
  }

  peek(): string {
    return this.source.charAt(this.at);
  }

  textFrom(start: number): string {
    return this.source.slice(start, this.at);
  }

  /** Matches at the cursor and moves behind the match; null without a match. */
  take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.source);
    if (match) this.at = pattern.lastIndex;
    return match;
  }
}

/** The value after `=`, or null when its quote is not closed. */
function readValue(cursor: Cursor): string | null {
  if (cursor.peek() === "'") return cursor.take(SINGLE)?.[1]?.replace(/\\([\\'])/g, "$1") ?? null;
  if (cursor.peek() === '"') {
    const raw = cursor.take(DOUBLE)?.[1];
    return raw?.replace(/\\([\\'"abfnrtv])/g, (_, letter: string) => ESCAPES[letter] ?? letter) ?? null;
  }
  return (cursor.take(REST)?.[0] ?? "").replace(/(?<!\s)\s+#.*/, "").trimEnd();
}

/** One statement: name and value (`undefined` for a name without `=`), or null when it cannot be parsed. */
function readStatement(cursor: Cursor): { name: string; value: string | undefined } | null {
  cursor.take(EXPORT);
  const key = cursor.take(KEY);
  if (!key) return null;
  const name = key[1] ?? key[2] ?? "";
  let value: string | null | undefined;
  const equals = cursor.take(/=[^\S\r\n]*/y);
  // After `= ` a `#` begins a comment; directly after `=` it is part of the value.
  if (equals) value = equals[0].length > 1 && cursor.peek() === "#" ? "" : readValue(cursor);
  if (value === null || !cursor.take(END)) return null;
  return { name, value };
}

/** `above`: the variables of the lines above; null for a name without a value, which hides the environment's value. */
function expandReferences(
  value: string,
  above: ReadonlyMap<string, string | null>,
  env: Readonly<Record<string, string>>,
): string {
  return value.replace(/\$\{([^}:]*)(?::-([^}]*))?\}/g, (_, name: string, fallback?: string) =>
    above.has(name) ? (above.get(name) ?? "") : (env[name] ?? fallback ?? ""),
  );
}

export function parseDotenv(source: string, env: Readonly<Record<string, string>>): DotenvFile {
  const cursor = new Cursor(source.replace(/^\uFEFF/, ""));
  const found = new Map<string, string | null>();
  const broken: { line: number; text: string }[] = [];
  while (!cursor.done) {
    const before = cursor.at;
    if (cursor.take(SKIPPED)?.[0]) continue;
    cursor.take(/\s*/y);
    const { line, at } = cursor;
    const statement = readStatement(cursor);
    if (!statement) {
      cursor.take(/[^\r\n]*(?:\r\n|\r|\n|$)/y);
      if (cursor.at === before) cursor.at += 1;
      broken.push({ line, text: cursor.textFrom(at) });
    } else {
      const { name, value } = statement;
      found.set(name, value === undefined ? null : expandReferences(value, found, env));
    }
  }
  const values = new Map([...found].flatMap(([name, value]) => (value === null ? [] : [[name, value] as const])));
  return { values, broken };
}
