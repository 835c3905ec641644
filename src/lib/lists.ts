/**
 * What `list.push(...more)` and `Math.max(...numbers)` do, for lists of any length. A spread puts every item on the stack: in a thread
 * with a small one, or a few calls deep, some ten thousand items already end in "Maximum call stack size exceeded".
 */

export function append<T>(list: T[], more: Iterable<T>): void {
  for (const item of more) list.push(item);
}

/** -Infinity without numbers. */
export function largest(numbers: Iterable<number>): number {
  let found = Number.NEGATIVE_INFINITY;
  for (const number of numbers) found = Math.max(found, number);
  return found;
}

/** Infinity without numbers. */
export function smallest(numbers: Iterable<number>): number {
  let found = Number.POSITIVE_INFINITY;
  for (const number of numbers) found = Math.min(found, number);
  return found;
}
