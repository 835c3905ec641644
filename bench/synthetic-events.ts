/**
 * Deterministic events, generated like those of a real Prefect 3.8.8: deployment runs of a few tasks on process workers,
 * 68 % task-run, 20 % flow-run, 9 % worker, 3 % others, 1.8 KB and about six related resources each, UUIDv7 ids.
 */
import { formatIsoUs, SECOND_US } from "../src/lib/time.ts";
import type { PrefectEvent } from "../src/model/events/event.ts";

type Labels = Record<string, string>;

export interface SyntheticOptions {
  readonly seed?: number;
  /** `occurred` of the first event. */
  readonly fromUs: number;
  /** Time span of `count` events. */
  readonly spanUs: number;
  readonly count: number;
}

const EVENTS_PER_RUN = 23;
const FLOWS = 40;
const DEPLOYMENTS = 70;
const POOLS = ["k8s-main", "etl-pool", "local-proc", "gpu", "nightly", "adhoc"];
const TAGS = [
  "prod",
  "staging",
  "finance",
  "orders",
  "db",
  "ml",
  "hourly",
  "daily",
  "critical",
  "team-a",
  "team-b",
  "team-c",
];
const CUSTOM = ["shop.order", "shop.refund", "ml.model", "dbt.node", "s3.object", "prefect.kubernetes.pod"].flatMap(
  (kind) => ["created", "checked", "failed", "done"].map((what) => `${kind}.${what}`),
);
const WORDS = [
  "amber",
  "quaint",
  "mellow",
  "zircon",
  "brave",
  "silent",
  "rapid",
  "golden",
  "heron",
  "wapiti",
  "cassowary",
  "caribou",
  "otter",
  "lynx",
  "falcon",
  "marmot",
];

interface Deployment {
  readonly related: readonly Labels[];
  readonly tags: readonly string[];
  readonly worker: string;
  readonly flow: string;
}

interface Pending {
  readonly atUs: number;
  readonly make: (id: string) => PrefectEvent;
}

/** An endless series of events, ordered by `occurred`. */
export class SyntheticEvents {
  private state: number;
  private readonly deployments: readonly Deployment[];
  private readonly everyUs: number;
  private runs = 0;
  private readonly heap: Pending[] = [];
  private readonly options: SyntheticOptions;

  constructor(options: SyntheticOptions) {
    this.options = options;
    this.state = (options.seed ?? 1) >>> 0;
    this.everyUs = Math.max(1, Math.floor((options.spanUs / options.count) * EVENTS_PER_RUN));
    this.deployments = Array.from({ length: DEPLOYMENTS }, (_, n) => this.deployment(n));
  }

  take(count: number): PrefectEvent[] {
    return Array.from({ length: count }, () => this.next());
  }

  next(): PrefectEvent {
    while (this.heap.length === 0 || this.nextRunUs() <= (this.heap[0]?.atUs ?? 0)) this.beginRun(this.nextRunUs());
    const { atUs, make } = this.pop();
    return make(this.uuid7(atUs));
  }

  private nextRunUs(): number {
    return this.options.fromUs + this.runs * this.everyUs;
  }

  private random(): number {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let mixed = this.state ^ (this.state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 4_294_967_296;
  }

  private below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  private hex(digits: number): string {
    let text = "";
    while (text.length < digits) text += this.below(0x10000).toString(16).padStart(4, "0");
    return text.slice(0, digits);
  }

  private uuid4(): string {
    return `${this.hex(8)}-${this.hex(4)}-4${this.hex(3)}-${this.pick(["8", "9", "a", "b"])}${this.hex(3)}-${this.hex(12)}`;
  }

  private uuid7(atUs: number): string {
    const ms = Math.floor(atUs / 1000)
      .toString(16)
      .padStart(12, "0");
    return `${ms.slice(0, 8)}-${ms.slice(8)}-7${this.hex(3)}-${this.pick(["8", "9", "a", "b"])}${this.hex(3)}-${this.hex(12)}`;
  }

  private deployment(n: number): Deployment {
    const flow = `flow-${n % FLOWS}`;
    const pool = POOLS[n % POOLS.length] ?? "etl-pool";
    const name = (id: string, role: string, text: string): Labels => ({
      "prefect.resource.id": id,
      "prefect.resource.role": role,
      "prefect.resource.name": text,
    });
    return {
      flow,
      worker: `${pool}-worker-${n % 3}`,
      tags: [TAGS[n % TAGS.length] ?? "prod", "prod"],
      related: [
        name(`prefect.flow.${this.stable("flow", n % FLOWS)}`, "flow", flow),
        name(`prefect.deployment.${this.stable("deployment", n)}`, "deployment", `${flow}-dep-${n}`),
        name(`prefect.work-queue.${this.stable("queue", n % POOLS.length)}`, "work-queue", "default"),
        name(`prefect.work-pool.${this.stable("pool", n % POOLS.length)}`, "work-pool", pool),
      ],
    };
  }

  /** The same id for the same name in every generator. */
  private stable(kind: string, n: number): string {
    const hex = new Bun.CryptoHasher("sha1").update(`${kind}/${n}`).digest("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  }

  private beginRun(startUs: number): void {
    this.runs += 1;
    const deployment = this.pick(this.deployments);
    const runId = this.random() < 0.7 ? this.uuid7(startUs) : this.uuid4();
    const name = `${this.pick(WORDS)}-${this.pick(WORDS)}`;
    const tags = deployment.tags.map(
      (tag): Labels => ({ "prefect.resource.id": `prefect.tag.${tag}`, "prefect.resource.role": "tag" }),
    );
    const inRun: Labels[] = [
      {
        "prefect.resource.id": `prefect.flow-run.${runId}`,
        "prefect.resource.role": "flow-run",
        "prefect.resource.name": name,
      },
      ...deployment.related,
      ...tags,
    ];
    const failed = this.random() < 0.08;
    const run = { resource: `prefect.flow-run.${runId}`, name, related: [...deployment.related, ...tags] };
    const running = this.states(run, startUs + this.below(SECOND_US), ["Pending", "Submitting", "Running"], "flow-run");
    this.worker(deployment, inRun, "submitted-flow-run", startUs + this.below(SECOND_US));
    const beatUs = running + 1000;
    this.push(beatUs, (id) =>
      this.event(
        id,
        beatUs,
        "prefect.flow-run.heartbeat",
        { id: run.resource, name, labels: { "prefect.version": "3.8.8" } },
        run.related,
        {},
      ),
    );
    const tasks = 4 + this.below(4);
    let at = running;
    for (let n = 0; n < tasks; n += 1) at = this.task(inRun, at + this.below(2 * SECOND_US), failed && n === tasks - 1);
    const ended = this.states(run, at, [failed ? "Failed" : "Completed"], "flow-run");
    this.worker(deployment, inRun, "executed-flow-run", ended + this.below(SECOND_US));
    if (this.random() < 0.7) this.custom(inRun, at);
  }

  private custom(inRun: readonly Labels[], atUs: number): void {
    const order = this.below(100_000);
    const event = this.pick(CUSTOM);
    this.push(atUs, (id) =>
      this.event(
        id,
        atUs,
        event,
        { id: `shop.order.${order}`, name: `order ${order}`, labels: { region: this.pick(["eu", "us", "ap"]) } },
        inRun,
        { total: order / 100, items: this.below(20), note: `placed by ${this.pick(WORDS)} ${this.pick(WORDS)}` },
      ),
    );
  }

  private task(inRun: readonly Labels[], fromUs: number, failed: boolean): number {
    const taskId = this.uuid7(fromUs);
    const key = `task-${this.below(120)}`;
    const name = `${key}-${this.hex(3)}`;
    const states = ["Pending", "Running", failed ? "Failed" : "Completed"];
    return this.states(
      { resource: `prefect.task-run.${taskId}`, name, related: inRun, key, dynamicKey: this.uuid4() },
      fromUs,
      states,
      "task-run",
    );
  }

  private states(
    run: { resource: string; name: string; related: readonly Labels[]; key?: string; dynamicKey?: string },
    fromUs: number,
    states: readonly string[],
    kind: "flow-run" | "task-run",
  ): number {
    let atUs = fromUs;
    let previous: string | null = states[0] === "Pending" ? null : "Running";
    for (const state of states) {
      const at = atUs;
      const before = previous;
      const message =
        state === "Failed"
          ? `Task run encountered an exception RuntimeError: ${this.pick(WORDS)} ${this.pick(WORDS)} failed with code ${this.below(500)}`
          : "";
      const startIso = formatIsoUs(fromUs);
      this.push(at, (id) => {
        const detail = (name: string | null) =>
          name && {
            type: name.toUpperCase(),
            name,
            ...(kind === "task-run" ? { message: "", state_details: {} } : {}),
          };
        const task = run.key && {
          task_run: {
            name: run.name,
            task_key: `${run.key}-8a7b6c5d`,
            dynamic_key: run.dynamicKey,
            empirical_policy: { max_retries: 0, retry_delay_seconds: 0, retries: 3, retry_delay: 10 },
            tags: [],
            labels: {},
            task_inputs: {},
            run_count: state === "Pending" ? 0 : 1,
            flow_run_run_count: 1,
            expected_start_time: startIso,
            ...(state === "Pending" ? {} : { start_time: startIso }),
            ...(state === "Completed" ? { end_time: formatIsoUs(at) } : {}),
            total_run_time: (at - fromUs) / SECOND_US,
          },
        };
        return this.event(
          id,
          at,
          `prefect.${kind}.${state}`,
          {
            id: run.resource,
            name: run.name,
            labels: {
              "prefect.run-count": state === "Pending" ? "0" : "1",
              "prefect.state-message": message,
              "prefect.state-name": state,
              "prefect.state-timestamp": formatIsoUs(at).replace("Z", "+00:00"),
              "prefect.state-type": state.toUpperCase(),
              ...(kind === "task-run" ? { "prefect.orchestration": "client" } : {}),
            },
          },
          run.related,
          {
            intended: { from: before?.toUpperCase() ?? null, to: state.toUpperCase() },
            initial_state: detail(before),
            validated_state: { ...(detail(state) || {}), ...(kind === "task-run" ? { data: null } : {}) },
            ...(task || {}),
          },
        );
      });
      previous = state;
      atUs += 20_000 + this.below(3 * SECOND_US);
    }
    return atUs;
  }

  private worker(deployment: Deployment, inRun: readonly Labels[], what: string, atUs: number): void {
    this.push(atUs, (id) =>
      this.event(
        id,
        atUs,
        `prefect.worker.${what}`,
        {
          id: `prefect.worker.process.${deployment.worker}`,
          name: deployment.worker,
          labels: { "prefect.version": "3.8.8", "prefect.worker-type": "process" },
        },
        inRun,
        {},
      ),
    );
  }

  private event(
    id: string,
    atUs: number,
    event: string,
    resource: { id: string; name: string; labels: Labels },
    related: readonly Labels[],
    payload: Record<string, unknown>,
  ): PrefectEvent {
    return {
      occurred: formatIsoUs(atUs),
      event,
      resource: { "prefect.resource.id": resource.id, "prefect.resource.name": resource.name, ...resource.labels },
      related,
      payload,
      id,
      follows: this.random() < 0.6 ? this.uuid7(atUs - 1_000_000) : null,
      received: formatIsoUs(atUs + 500 + this.below(20_000)),
    };
  }

  private push(atUs: number, make: Pending["make"]): void {
    const { heap } = this;
    heap.push({ atUs, make });
    let at = heap.length - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if ((heap[up]?.atUs ?? 0) <= (heap[at]?.atUs ?? 0)) break;
      this.swap(up, at);
      at = up;
    }
  }

  private pop(): Pending {
    const { heap } = this;
    const top = heap[0] as Pending;
    const last = heap.pop() as Pending;
    if (heap.length === 0) return top;
    heap[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const child =
        (heap[left + 1]?.atUs ?? Number.POSITIVE_INFINITY) < (heap[left]?.atUs ?? Number.POSITIVE_INFINITY)
          ? left + 1
          : left;
      if ((heap[child]?.atUs ?? Number.POSITIVE_INFINITY) >= (heap[at]?.atUs ?? 0)) return top;
      this.swap(child, at);
      at = child;
    }
  }

  private swap(a: number, b: number): void {
    [this.heap[a], this.heap[b]] = [this.heap[b] as Pending, this.heap[a] as Pending];
  }
}
