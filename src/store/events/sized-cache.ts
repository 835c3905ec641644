export interface CacheLimits {
  readonly maxEntries: number;
  /** Of the JSON text of all values together. */
  readonly maxChars: number;
}

/** The values that were added last, limited by number and by size. Reading a value does not renew it. */
export class SizedCache<V> {
  private readonly limits: CacheLimits;
  private readonly entries = new Map<number, { readonly value: V; readonly chars: number }>();
  private held = 0;

  constructor(limits: CacheLimits) {
    this.limits = limits;
  }

  get chars(): number {
    return this.held;
  }

  get(key: number): V | undefined {
    return this.entries.get(key)?.value;
  }

  /** A value that alone exceeds the limit is not added. */
  set(key: number, value: V, chars: number): void {
    this.delete(key);
    const { maxEntries, maxChars } = this.limits;
    if (chars > maxChars) return;
    this.entries.set(key, { value, chars });
    this.held += chars;
    while (this.entries.size > maxEntries || this.held > maxChars) this.delete(this.entries.keys().next().value);
  }

  clear(): void {
    this.entries.clear();
    this.held = 0;
  }

  private delete(key: number | undefined): void {
    const entry = key === undefined ? undefined : this.entries.get(key);
    if (key === undefined || !entry) return;
    this.entries.delete(key);
    this.held -= entry.chars;
  }
}
