/** Makes a value when it is first asked for, and keeps it: for what a process needs late or never, and what takes milliseconds to load. */
export function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
