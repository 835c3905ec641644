/** Percentiles, and the table that a benchmark prints. */
export interface Row {
  readonly what: string;
  readonly aim: string;
  readonly found: string;
}

/** The value below which the share `p` (0..1) of the sample lies. */
export function percentile(sample: readonly number[], p: number): number {
  const sorted = sample.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN;
}

/** `p50 / p99` in milliseconds. */
export function quantiles(sample: readonly number[]): string {
  return `${percentile(sample, 0.5).toFixed(2)} / ${percentile(sample, 0.99).toFixed(2)} ms`;
}

export function printTable(title: string, rows: readonly Row[]): void {
  const width = (pick: (row: Row) => string, least: number) => Math.max(least, ...rows.map((row) => pick(row).length));
  const [what, found] = [width((row) => row.what, 8), width((row) => row.found, 8)];
  console.log(`\n${title}`);
  for (const row of rows) console.log(`  ${row.what.padEnd(what)}  ${row.found.padStart(found)}   ${row.aim}`);
}

export const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MB`;
