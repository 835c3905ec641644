/**
 * `.env` files as Prefect reads them (python-dotenv): `export` and comments allowed, single quotes keep escapes but `\'` and
 * `\\`, double quotes take the usual ones, `${NAME}` and `${NAME:-default}` are filled in from the lines above, then from
 * the environment; a bare `$` is kept. Bun's own reading of the same file differs in the last point.
 */
export interface DotenvFile {
  readonly values: ReadonlyMap<string, string>;
  /** Statements that cannot be read: the line (from 1) they begin on, and all that was skipped. */
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

  constructor(source: string) {
    this.source = source;
  }

  get done(): boolean {
    return this.at >= this.source.length;
  }

  get line(): number {
    return this.source.slice(0, this.at).split(/\r\n|\r|\n/).length;
  }

  peek(): string {
    return this.source.charAt(this.at);
  }

  textFrom(start: number): string {
    return this.source.slice(start, this.at);
  }

  /** Matches here and moves behind it, or stays and gives null. */
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
  return (cursor.take(REST)?.[0] ?? "").replace(/\s+#.*/, "").trimEnd();
}

/** One statement: its name and value, `undefined` for a name without `=`, null when it cannot be read. */
function readStatement(cursor: Cursor): { name: string; value: string | undefined } | null {
  cursor.take(EXPORT);
  const key = cursor.take(KEY);
  if (!key) return null;
  const name = key[1] ?? key[2] ?? "";
  let value: string | null | undefined;
  const equals = cursor.take(/=[^\S\r\n]*/y);
  // After `= ` a `#` opens a comment; directly after `=` it belongs to the value.
  if (equals) value = equals[0].length > 1 && cursor.peek() === "#" ? "" : readValue(cursor);
  if (value === null || !cursor.take(END)) return null;
  return { name, value };
}

/** `above`: the lines before; null is a name without a value, which hides the environment's. */
function fillIn(
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
      found.set(name, value === undefined ? null : fillIn(value, found, env));
    }
  }
  const values = new Map([...found].flatMap(([name, value]) => (value === null ? [] : [[name, value] as const])));
  return { values, broken };
}
