import { Counter, Gauge, Histogram, Registry } from "prom-client";

const PREFIX = "prefect_mcp_";
/** Upper bounds of the histogram's buckets, seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const COUNTERS = {
  requests_total: { help: "Answered requests.", labels: ["tenant", "method", "status"] },
  refusals_total: { help: "Requests refused before a tenant answered them.", labels: ["reason", "status"] },
  streams_cut_total: { help: "Streams ended because their reader was too slow.", labels: ["tenant"] },
  credential_checks_total: {
    help: "Questions to Prefect whether it accepts a caller's credentials.",
    labels: ["tenant"],
  },
  credential_failures_total: { help: "Checks of credentials that failed, by error code.", labels: ["code"] },
} as const;

type CounterName = keyof typeof COUNTERS;
type LabelsOf<Name extends CounterName> = Readonly<Record<(typeof COUNTERS)[Name]["labels"][number], string>>;

/**
 * Prometheus metrics of one HTTP server, in a registry of its own. Label values are hashes and fixed words, never a credential, a
 * name or an address.
 */
export class Metrics {
  readonly contentType: string;
  private readonly registry = new Registry();
  private readonly counters = new Map<string, Counter>();
  private readonly requestSeconds: Histogram<"tenant">;

  constructor() {
    const registers = [this.registry];
    this.contentType = this.registry.contentType;
    for (const [name, { help, labels }] of Object.entries(COUNTERS)) {
      this.counters.set(name, new Counter({ name: PREFIX + name, help, labelNames: labels, registers }));
    }
    this.requestSeconds = new Histogram({
      name: `${PREFIX}request_seconds`,
      help: "Time from the admission of a request to the end of its answer.",
      labelNames: ["tenant"],
      buckets: BUCKETS,
      registers,
    });
  }

  count<Name extends CounterName>(name: Name, labels: LabelsOf<Name>): void {
    this.counters.get(name)?.inc(labels);
  }

  observeRequest(tenant: string, seconds: number): void {
    this.requestSeconds.observe({ tenant }, seconds);
  }

  gauge(name: string, help: string, read: () => number): void {
    const collect = () => gauge.set(read());
    const gauge: Gauge = new Gauge({ name: PREFIX + name, help, registers: [this.registry], collect });
  }

  /** Removes the series of a closed tenant: over time there may be any number of tenants. */
  async forgetTenant(tenant: string): Promise<void> {
    this.requestSeconds.remove({ tenant });
    for (const counter of this.counters.values()) {
      const { values } = await counter.get();
      for (const { labels } of values) if (labels.tenant === tenant) counter.remove(labels);
    }
  }

  /** In the text format that Prometheus reads. */
  text(): Promise<string> {
    return this.registry.metrics();
  }
}
