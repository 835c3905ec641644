/**
 * A Prefect server with the behaviour that was measured on real ones: events are published to subscribers at once, and
 * stored in batches up to 5 s later or never. A full queue of a subscriber drops events without a notice, and deletions
 * cause no events.
 */
import { formatIsoUs } from "../../src/lib/time.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import { compileEventFilter, type EventFilter } from "../../src/model/events/event-filter.ts";
import type { FaultKind, Knobs } from "./plan.ts";
import { Prng } from "./prng.ts";
import { SimWallClock } from "./sim-clocks.ts";
import { SimDatabase, type StoredEvent } from "./sim-database.ts";
import type { VirtualTime } from "./virtual-time.ts";

const FLUSH_MS = 5_000;
const FLUSH_COUNT = 20;
/** Events of one burst that a subscriber receives; a real server's queue holds 256. */
export const QUEUE = 8;
const VACUUM_MS = 20_000;
/** A blocked server makes a new `Date` header this seldom. */
const OLD_HEADER_MS = 50_000;

export interface Subscriber {
  deliver(events: readonly PrefectEvent[]): void;
  end(): void;
}

interface Queued {
  readonly event: PrefectEvent;
  readonly us: number;
  readonly lost: boolean;
}

export class SimServer {
  /** The database that answers now. */
  database: SimDatabase;
  readonly subscribers = new Set<Subscriber>();
  readonly clock: SimWallClock;
  isUp = true;
  failsNextFlush = false;
  private readonly time: VirtualTime;
  private readonly knobs: Knobs;
  private readonly faults: ReadonlyMap<FaultKind, number>;
  private readonly random: Prng;
  private queue: Queued[] = [];
  private unsent: (() => void)[] = [];
  private readonly parked = new Map<SimDatabase, readonly Subscriber[]>();
  private flushTimer = false;

  constructor(options: { time: VirtualTime; knobs: Knobs; faults: ReadonlyMap<FaultKind, number>; random: Prng }) {
    this.time = options.time;
    this.knobs = options.knobs;
    this.clock = new SimWallClock(options.time, options.knobs.serverSkewMs);
    this.faults = options.faults;
    this.random = options.random;
    this.database = new SimDatabase(options.random, null);
    const vacuum = () => {
      this.vacuum();
      this.time.after(VACUUM_MS, vacuum);
    };
    this.time.after(this.random.int(0, VACUUM_MS), vacuum);
  }

  /** The server clock, microseconds. */
  nowUs(): number {
    return this.clock.nowUs();
  }

  /** The time in the `Date` header, microseconds. */
  headerUs(): number {
    return this.nowUs() - (this.hasFault("old-headers") ? (this.time.nowMs % OLD_HEADER_MS) * 1000 : 0);
  }

  hasFault(kind: FaultKind): boolean {
    return (this.faults.get(kind) ?? -1) > this.time.nowMs;
  }

  /**
   * Publishes events at once: a subscriber does not get those that exceed its queue. While the server is down, clients
   * wait. A server that does not answer at the URL now stores them.
   */
  publish(events: readonly { event: PrefectEvent; us: number; lost?: boolean }[], database = this.database): void {
    const isAway = database !== this.database;
    if (!this.isUp && !isAway) {
      this.unsent.push(() => this.publish(events));
      return;
    }
    const received = formatIsoUs(this.nowUs());
    const stamped = events.map((one) => ({ ...one, event: { ...one.event, received } }));
    for (const { event, us, lost } of stamped) {
      const versions = database.published.get(event.id);
      if (versions) versions.push(event);
      else database.published.set(event.id, [event]);
      if (!isAway) this.queue.push({ event, us, lost: lost ?? false });
      else if (!lost) database.store(event, us, this.time.nowMs);
    }
    if (isAway) return;
    const copies = stamped.slice(0, QUEUE).map((one) => one.event);
    for (const subscriber of [...this.subscribers]) subscriber.deliver(copies);
    this.planFlush();
  }

  /** Stores events before the first process starts. */
  preload(events: readonly { event: PrefectEvent; us: number }[]): void {
    for (const { event, us } of events) {
      const stamped = { ...event, received: formatIsoUs(us + 1000) };
      this.database.published.set(event.id, [stamped]);
      this.store(stamped, us);
    }
  }

  /** `backMs`: age of the backup to which the database is restored. `isCopy`: an emptied one is a copy of the same template. */
  stop(
    how: "stopped" | "killed" | "emptied" | "restored",
    { backMs, isCopy }: { readonly backMs: number; readonly isCopy: boolean },
  ): void {
    if (how === "stopped") this.flush();
    this.queue = [];
    this.isUp = false;
    if (how === "emptied") {
      this.database.isAlive = false;
      this.database = new SimDatabase(this.random, isCopy ? this.database : null);
    } else if (how === "restored") this.database.restore(this.time.nowMs - backMs, this.time.nowMs);
    for (const subscriber of [...this.subscribers]) subscriber.end();
    this.subscribers.clear();
  }

  /**
   * Another server answers from now on; the former one goes on elsewhere. Websockets to it are lost, or stay open and deliver
   * nothing until it is back.
   */
  swap(database: SimDatabase, keepsConnections: boolean): void {
    this.flush();
    const open = [...this.subscribers];
    if (keepsConnections) this.parked.set(this.database, open);
    else for (const subscriber of open) subscriber.end();
    this.subscribers.clear();
    this.database = database;
    for (const subscriber of this.parked.get(database) ?? []) this.subscribers.add(subscriber);
    this.parked.delete(database);
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
    this.database.store(event, us, this.time.nowMs);
  }

  private vacuum(): void {
    this.database.vacuum(this.nowUs() - this.knobs.retentionMs * 1000, this.time.nowMs);
  }

  /**
   * `POST /events/filter`: rows between two times, ascending, with ties in the order in which the database returns them to this query.
   * `part`: what the query asks for besides time, and where its page ends.
   */
  between(sinceUs: number, untilUs: number, filter: EventFilter, part: string): StoredEvent[] {
    const matches = compileEventFilter(filter);
    const found = this.database.rows.filter((row) => row.us >= sinceUs && row.us <= untilUs && matches(row.event));
    if (this.knobs.ties === "insertion") return found;
    const out: StoredEvent[] = [];
    for (let i = 0; i < found.length; ) {
      let j = i + 1;
      while (j < found.length && found[j]?.us === found[i]?.us) j += 1;
      const { random } = this;
      const order = this.knobs.ties === "random" ? random : new Prng(Bun.hash.crc32(`${part} ${found[i]?.us}`));
      out.push(...(j - i > 1 ? order.shuffle(found.slice(i, j)) : found.slice(i, j)));
      i = j;
    }
    return out;
  }

  /**
   * Events of instants that have more events of one name and one resource than a page: no filter makes the server list all of them,
   * when each page has an order of its own.
   */
  unlistable(): ReadonlySet<string> {
    const alike = new Map<string, string[]>();
    if (this.knobs.ties !== "insertion")
      for (const { us, event } of this.database.rows) {
        const key = `${us} ${event.event} ${event.resource["prefect.resource.id"]}`;
        alike.set(key, [...(alike.get(key) ?? []), event.id]);
      }
    return new Set([...alike.values()].filter((ids) => ids.length > this.knobs.pageSize).flat());
  }
}
