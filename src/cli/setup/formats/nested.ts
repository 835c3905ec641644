/** Plain values by path. Pure; nothing that is given is changed. */

type Table = Readonly<Record<string, unknown>>;

export function isPlainTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

export function valueIn(root: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (isPlainTable(value) && Object.hasOwn(value, key) ? value[key] : undefined),
    root,
  );
}

/** The root with another value at the path; `undefined` removes it. */
export function withValue(root: unknown, path: readonly string[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const table = isPlainTable(root) ? root : {};
  const inner = withValue(Object.hasOwn(table, key) ? table[key] : undefined, rest, value);
  const others = Object.entries(table).filter(([name]) => name !== key || inner !== undefined);
  const known = others.map(([name, old]) => [name, name === key ? inner : old]);
  return Object.fromEntries(inner === undefined || Object.hasOwn(table, key) ? known : [...known, [key, inner]]);
}

/** One level of nesting for each key. */
export function nested(path: readonly string[], value: unknown): unknown {
  return path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
}
