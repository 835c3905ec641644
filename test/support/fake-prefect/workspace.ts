/** The data of the fake server: arrays of Prefect's objects in insertion order. Tests may change them at any time. */
import { parseIsoUs } from "../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import type {
  Artifact,
  Automation,
  ConcurrencyLimit,
  Deployment,
  Flow,
  FlowRun,
  Json,
  JsonObject,
  Log,
  State,
  TaskRun,
  Variable,
  Worker,
  WorkPool,
  WorkQueue,
} from "../../../src/model/objects.ts";

export interface StoredEvent {
  readonly event: PrefectEvent;
  readonly occurredUs: number;
  /** Position in the order of insertion: SQLite breaks ties of `occurred` by it. */
  readonly seq: number;
}

export interface FakeWorkspace {
  readonly events: FakeEvents;
  readonly flowRuns: FlowRun[];
  readonly taskRuns: TaskRun[];
  readonly logs: Log[];
  readonly flows: Flow[];
  readonly deployments: Deployment[];
  readonly workPools: WorkPool[];
  readonly workQueues: WorkQueue[];
  readonly workers: Worker[];
  readonly concurrencyLimits: ConcurrencyLimit[];
  readonly automations: Automation[];
  readonly artifacts: Artifact[];
  readonly variables: (Variable & { readonly value: Json })[];
  /** Ids of the built-in block types by slug: random for each database. */
  readonly blockTypes: Map<string, string>;
  /** By flow run id, ascending. A run that is not here answers with its own `state`. */
  readonly flowRunStates: Map<string, State[]>;
  /** Ids of the task runs that hold a slot, by tag (v1 route). */
  readonly tagHolders: Map<string, string[]>;
  /** Answer of GET /admin/settings. */
  settings: JsonObject;
  version: string;
}

/** Events ordered by (occurred, insertion), unique by id: the first copy of an id stays, as in Prefect's database. */
export class FakeEvents {
  private readonly rows: StoredEvent[] = [];
  private readonly ids = new Set<string>();
  private inserted = 0;

  get size(): number {
    return this.rows.length;
  }

  /** False when the id is already stored. */
  insert(event: PrefectEvent): boolean {
    if (this.ids.has(event.id)) return false;
    const occurredUs = parseIsoUs(event.occurred);
    if (occurredUs === undefined) throw new RangeError(`bad occurred: ${event.occurred}`);
    this.ids.add(event.id);
    this.rows.splice(this.lowerBound(occurredUs + 1), 0, { event, occurredUs, seq: this.inserted++ });
    return true;
  }

  /** Removes what matches (retention, a lost batch); the number removed. */
  remove(matches: (event: PrefectEvent) => boolean): number {
    const kept = this.rows.filter((row) => !matches(row.event));
    const removed = this.rows.length - kept.length;
    this.rows.splice(0, this.rows.length, ...kept);
    this.ids.clear();
    for (const row of kept) this.ids.add(row.event.id);
    return removed;
  }

  /** Rows with `fromUs <= occurred <= toUs`, ascending. */
  between(fromUs: number, toUs: number): readonly StoredEvent[] {
    return this.rows.slice(this.lowerBound(fromUs), this.lowerBound(toUs + 1));
  }

  /** All events, ascending. */
  all(): readonly PrefectEvent[] {
    return this.rows.map((row) => row.event);
  }

  private lowerBound(us: number): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.rows[middle]?.occurredUs ?? 0) < us) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export function emptyWorkspace(): FakeWorkspace {
  return {
    events: new FakeEvents(),
    flowRuns: [],
    taskRuns: [],
    logs: [],
    flows: [],
    deployments: [],
    workPools: [],
    workQueues: [],
    workers: [],
    concurrencyLimits: [],
    automations: [],
    artifacts: [],
    variables: [],
    blockTypes: new Map(["webhook", "secret", "local-file-system"].map((slug) => [slug, crypto.randomUUID()])),
    flowRunStates: new Map(),
    tagHolders: new Map(),
    settings: SETTINGS,
    version: "3.8.8",
  };
}

const PERSISTER: Json = { enabled: true, batch_size: 20, flush_interval: 5.0, queue_max_size: 50_000 };

/** The settings of a 3.8.8 server, without those that no client reads. */
export const SETTINGS: JsonObject = {
  server: {
    api: {
      auth_string: null,
      base_path: null,
      default_limit: 200,
      keepalive_timeout: 5,
      csrf_protection_enabled: false,
      csrf_token_expiration: "PT1H",
      websocket_ping_interval: 20.0,
      websocket_ping_timeout: 20.0,
    },
    events: {
      stream_out_enabled: true,
      retention_period: "P7D",
      maximum_websocket_backfill: "PT15M",
      websocket_backfill_page_size: 250,
      messaging_broker: "prefect.server.utilities.messaging.memory",
      maximum_size_bytes: 1_500_000,
    },
    logs: { stream_out_enabled: false, stream_publishing_enabled: false },
    services: {
      event_persister: PERSISTER,
      late_runs: { enabled: true, loop_seconds: 5.0, after_seconds: "PT15S" },
      db_vacuum: { enabled: ["events"], loop_seconds: 3600.0, retention_period: "P90D" },
    },
  },
};
