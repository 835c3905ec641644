/** Watches each resource once, however many subscriptions name it, until the last of them ends. */
export class CountedWatches {
  private readonly watched = new Map<string, { count: number; readonly end: () => void }>();
  private readonly start: (uri: string) => (() => void) | null;

  /** `start` begins to watch a resource and returns the function that ends it, or null where it cannot be watched. */
  constructor(start: (uri: string) => (() => void) | null) {
    this.start = start;
  }

  /** False where the resource cannot be watched. */
  add(uri: string): boolean {
    const known = this.watched.get(uri);
    if (known) {
      known.count += 1;
      return true;
    }
    const end = this.start(uri);
    if (end === null) return false;
    this.watched.set(uri, { count: 1, end });
    return true;
  }

  remove(uri: string): void {
    const known = this.watched.get(uri);
    if (!known) return;
    known.count -= 1;
    if (known.count > 0) return;
    known.end();
    this.watched.delete(uri);
  }

  clear(): void {
    for (const { end } of this.watched.values()) end();
    this.watched.clear();
  }
}
