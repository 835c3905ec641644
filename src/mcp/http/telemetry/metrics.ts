/** Counters in the text form of Prometheus. Labels hold hashes and fixed words, never a credential, a name or an address. */
type Labels = Readonly<Record<string, string>>;

const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const PREFIX = "prefect_mcp_";

interface Histogram {
  readonly counts: number[];
  sum: number;
  total: number;
}

export class Metrics {
  private readonly counters = new Map<string, Map<string, number>>();
  private readonly histograms = new Map<string, Map<string, Histogram>>();
  private readonly gauges = new Map<string, { help: string; read: () => number }>();

  count(name: string, labels: Labels = {}, by = 1): void {
    const series = ofName(this.counters, name);
    const key = labelText(labels);
    series.set(key, (series.get(key) ?? 0) + by);
  }

  /** Seconds. */
  observe(name: string, labels: Labels, seconds: number): void {
    const series = ofName(this.histograms, name);
    const key = labelText(labels);
    const histogram = series.get(key) ?? { counts: BUCKETS.map(() => 0), sum: 0, total: 0 };
    series.set(key, histogram);
    histogram.sum += seconds;
    histogram.total += 1;
    const at = BUCKETS.findIndex((limit) => seconds <= limit);
    if (at >= 0) histogram.counts[at] = (histogram.counts[at] ?? 0) + 1;
  }

  gauge(name: string, help: string, read: () => number): void {
    this.gauges.set(name, { help, read });
  }

  /** A tenant that is gone leaves no series behind: there may be any number of them over time. */
  forget(label: string, value: string): void {
    const mark = `${label}="${value}"`;
    for (const series of [...this.counters.values(), ...this.histograms.values()]) {
      for (const key of series.keys()) if (key.includes(mark)) series.delete(key);
    }
  }

  text(): string {
    const lines: string[] = [];
    for (const [name, { help, read }] of this.gauges) {
      lines.push(`# HELP ${PREFIX}${name} ${help}`, `# TYPE ${PREFIX}${name} gauge`, `${PREFIX}${name} ${read()}`);
    }
    for (const [name, series] of this.counters) {
      lines.push(`# TYPE ${PREFIX}${name} counter`);
      for (const [labels, value] of series) lines.push(`${PREFIX}${name}${braced(labels)} ${value}`);
    }
    for (const [name, series] of this.histograms) {
      lines.push(`# TYPE ${PREFIX}${name} histogram`);
      for (const [labels, histogram] of series) lines.push(...histogramLines(PREFIX + name, labels, histogram));
    }
    return `${lines.join("\n")}\n`;
  }
}

function histogramLines(name: string, labels: string, { counts, sum, total }: Histogram): string[] {
  let below = 0;
  const join = labels === "" ? "" : `${labels},`;
  const buckets = BUCKETS.map((limit, index) => {
    below += counts[index] ?? 0;
    return `${name}_bucket{${join}le="${limit}"} ${below}`;
  });
  return [
    ...buckets,
    `${name}_bucket{${join}le="+Inf"} ${total}`,
    `${name}_sum${braced(labels)} ${Number(sum.toFixed(6))}`,
    `${name}_count${braced(labels)} ${total}`,
  ];
}

function ofName<T>(all: Map<string, Map<string, T>>, name: string): Map<string, T> {
  const series = all.get(name) ?? new Map<string, T>();
  all.set(name, series);
  return series;
}

function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, "_")}"`)
    .join(",");
}

function braced(labels: string): string {
  return labels === "" ? "" : `{${labels}}`;
}
