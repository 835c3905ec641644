/** How alike two texts are, 0..1: shared pairs of letters, ignoring case (Dice). Containment counts as at least 0.8. */
export function similarity(a: string, b: string): number {
  const [one, two] = [a.toLowerCase(), b.toLowerCase()];
  if (one === two) return 1;
  const shared = dice(pairs(one), pairs(two));
  const contained = one.length >= 3 && two.length >= 3 && (one.includes(two) || two.includes(one));
  return contained ? Math.max(0.8, shared) : shared;
}

function pairs(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (let at = 0; at + 1 < text.length; at += 1) {
    const pair = text.slice(at, at + 2);
    counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  return counts;
}

function dice(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  const size = (counts: ReadonlyMap<string, number>) => counts.values().reduce((sum, n) => sum + n, 0);
  const total = size(a) + size(b);
  if (total === 0) return 0;
  let both = 0;
  for (const [pair, n] of a) both += Math.min(n, b.get(pair) ?? 0);
  return (2 * both) / total;
}

/** Up to `count` of the texts that are alike enough to be meant, closest first. */
export function closest(text: string, candidates: Iterable<string>, count: number): string[] {
  return [...new Set(candidates)]
    .map((candidate) => ({ candidate, score: similarity(text, candidate) }))
    .filter(({ score }) => score >= 0.4)
    .sort((a, b) => b.score - a.score || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, count)
    .map(({ candidate }) => candidate);
}
