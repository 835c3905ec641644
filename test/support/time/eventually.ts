/** Asks again until the answer is the wanted one or `withinMs` have passed; returns the last answer. */
export async function eventually<T>(
  ask: () => Promise<T> | T,
  isWanted: (answer: T) => boolean,
  withinMs: number,
): Promise<T> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (isWanted(answer) || performance.now() > endMs) return answer;
    await Bun.sleep(100);
  }
}

/** Asks again until there is an answer that is neither null nor false; throws after `withinMs`. */
export async function waitUntil<T>(what: string, withinMs: number, ask: () => T | Promise<T>): Promise<NonNullable<T>> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
    if (performance.now() > endMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await Bun.sleep(20);
  }
}
