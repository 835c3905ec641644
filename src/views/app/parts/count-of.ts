/** `1 run`, `2 runs`. */
export function countOf(count: number | null, noun: string): string {
  return `${count ?? "?"} ${noun}${count === 1 ? "" : "s"}`;
}
