/**
 * A Prefect server with the behaviour that was measured on real ones: events are published to subscribers at once, and
 * stored in batches up to 5 s later or never. A full queue of a subscriber drops events without a notice, and deletions
 * cause no events.
 */
import { formatIsoUs } from "../../src/lib/time.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import type { FlowRun, Log, TaskRun } from "../../src/model/objects.ts";
import type { FaultKind, Knobs } from "./plan.ts";
import type { Prng } from "./prng.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** True time at which schedules begin, microseconds. */
export const EPOCH_US = 1_795_348_800_000_000;
const FLUSH_MS = 5_000;
const FLUSH_COUNT = 20;
/** Events of one burst that a subscriber receives; a real server's queue holds 256. */
export const QUEUE = 8;
const VACUUM_MS = 20_000;

export interface StoredEvent {
  readonly event: PrefectEvent;
  readonly us: number;
  readonly seq: number;
  readonly storedMs: number;
  removedMs: number;
  removedBy: "vacuum" | "emptied" | null;
}

export interface Subscriber {
  deliver(events: readonly PrefectEvent[]): void;
  end(): void;
}

export interface SimRun {
  row: FlowRun;
  readonly expectedUs: number;
  readonly createdMs: number;
  deletedMs: number;
}

export interface SimLog {
  readonly line: Log;
  readonly storedMs: number;
}

export interface SimTaskRun {
  row: TaskRun;
  readonly expectedUs: number;
  readonly storedMs: number;
  deletedMs: number;
}

interface Queued {
  readonly event: PrefectEvent;
  readonly us: number;
  readonly lost: boolean;
}

export class SimServer {
  readonly history: StoredEvent[] = [];
  /** Events that REST returns, ascending by `occurred`, then by insertion. */
  rows: StoredEvent[] = [];
  readonly published = new Map<string, PrefectEvent[]>();
  readonly runs = new Map<string, SimRun>();
  readonly logs: SimLog[] = [];
  readonly taskRuns = new Map<string, SimTaskRun>();
  readonly subscribers = new Set<Subscriber>();
  isUp = true;
  failsNextFlush = false;
  private readonly time: VirtualTime;
  private readonly knobs: Knobs;
  private readonly faults: ReadonlyMap<FaultKind, number>;
  private readonly random: Prng;
  private readonly held = new Set<string>();
  private queue: Queued[] = [];
  private unsent: (() => void)[] = [];
  private seq = 0;
  private flushTimer = false;

  constructor(options: { time: VirtualTime; knobs: Knobs; faults: ReadonlyMap<FaultKind, number>; random: Prng }) {
    this.time = options.time;
    this.knobs = options.knobs;
    this.faults = options.faults;
    this.random = options.random;
    const vacuum = () => {
      this.vacuum();
      this.time.after(VACUUM_MS, vacuum);
    };
    this.time.after(this.random.int(0, VACUUM_MS), vacuum);
  }

  /** The server clock, microseconds. */
  nowUs(): number {
    return EPOCH_US + (this.time.nowMs + this.knobs.serverSkewMs) * 1000;
  }

  hasFault(kind: FaultKind): boolean {
    return (this.faults.get(kind) ?? -1) > this.time.nowMs;
  }

  /**
   * Publishes events at once: a subscriber does not get those that exceed its queue. While the server is down, clients
   * wait.
   */
  publish(events: readonly { event: PrefectEvent; us: number; lost?: boolean }[]): void {
    if (!this.isUp) {
      this.unsent.push(() => this.publish(events));
      return;
    }
    const received = formatIsoUs(this.nowUs());
    const stamped = events.map((one) => ({ ...one, event: { ...one.event, received } }));
    for (const { event, us, lost } of stamped) {
      const versions = this.published.get(event.id);
      if (versions) versions.push(event);
      else this.published.set(event.id, [event]);
      this.queue.push({ event, us, lost: lost ?? false });
    }
    const copies = stamped.slice(0, QUEUE).map((one) => one.event);
    for (const subscriber of [...this.subscribers]) subscriber.deliver(copies);
    this.planFlush();
  }

  /** Stores events before the first process starts. */
  preload(events: readonly { event: PrefectEvent; us: number }[]): void {
    for (const { event, us } of events) {
      const stamped = { ...event, received: formatIsoUs(us + 1000) };
      this.published.set(event.id, [stamped]);
      this.store(stamped, us);
    }
  }

  stop(how: "stopped" | "killed" | "emptied"): void {
    if (how === "stopped") this.flush();
    this.queue = [];
    this.isUp = false;
    if (how === "emptied") {
      for (const row of this.rows) {
        row.removedMs = this.time.nowMs;
        row.removedBy = "emptied";
      }
      this.rows = [];
      this.held.clear();
    }
    for (const subscriber of [...this.subscribers]) subscriber.end();
    this.subscribers.clear();
  }

  start(): void {
    this.isUp = true;
    const unsent = this.unsent;
    this.unsent = [];
    for (const send of unsent) send();
  }

  private planFlush(): void {
    const lag = this.hasFault("straggling") ? this.random.int(5_000, 25_000) : null;
    if (lag === null && this.queue.length >= FLUSH_COUNT) this.flush();
    if (this.flushTimer || this.queue.length === 0) return;
    this.flushTimer = true;
    this.time.after(lag ?? this.random.int(0, FLUSH_MS), () => {
      this.flushTimer = false;
      if (this.isUp) this.flush();
    });
  }

  private flush(): void {
    const batch = this.queue;
    this.queue = [];
    if (this.failsNextFlush && batch.length > 0) {
      this.failsNextFlush = false;
      return;
    }
    for (const { event, us, lost } of batch) if (!lost) this.store(event, us);
  }

  private store(event: PrefectEvent, us: number): void {
    if (this.held.has(event.id)) return;
    this.held.add(event.id);
    this.seq += 1;
    const row: StoredEvent = {
      event,
      us,
      seq: this.seq,
      storedMs: this.time.nowMs,
      removedMs: Number.POSITIVE_INFINITY,
      removedBy: null,
    };
    this.history.push(row);
    let i = this.rows.length;
    while (i > 0 && (this.rows[i - 1] as StoredEvent).us > us) i -= 1;
    this.rows.splice(i, 0, row);
  }

  private vacuum(): void {
    const horizon = this.nowUs() - this.knobs.retentionMs * 1000;
    while (this.rows.length > 0 && (this.rows[0] as StoredEvent).us < horizon) {
      const row = this.rows.shift() as StoredEvent;
      row.removedMs = this.time.nowMs;
      row.removedBy = "vacuum";
      this.held.delete(row.event.id);
    }
  }

  /** `POST /events/filter`: rows between two times, in the order in which the database returns them. */
  between(sinceUs: number, untilUs: number, ids: readonly string[] | null): StoredEvent[] {
    const found = this.rows.filter(
      (row) => row.us >= sinceUs && row.us <= untilUs && (!ids || ids.includes(row.event.id)),
    );
    if (!this.knobs.looseTies) return found;
    const out: StoredEvent[] = [];
    for (let i = 0; i < found.length; ) {
      let j = i + 1;
      while (j < found.length && found[j]?.us === found[i]?.us) j += 1;
      out.push(...(j - i > 1 ? this.random.shuffle(found.slice(i, j)) : found.slice(i, j)));
      i = j;
    }
    return out;
  }
}
