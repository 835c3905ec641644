/** Runs one schedule: the real session on a simulated server, disk and clock, checked by the oracle. */
import { ExactNumber } from "../../src/lib/exact-json.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { DAY_US, formatIsoUs, parseIsoUs } from "../../src/lib/time.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import { createRedactor } from "../../src/model/secrets/redact.ts";
import type { SyncSettings } from "../../src/model/sync-settings.ts";
import type { RecordDb } from "../../src/store/database.ts";
import type { LeaderLock } from "../../src/store/file/leader-lock.ts";
import { findFact } from "../../src/store/sync-state.ts";
import { retentionFloorUs } from "../../src/sync/context/retention-floor.ts";
import { createSyncSession, type SyncSession } from "../../src/sync/session.ts";
import { DEFAULT_SYNC_SETTINGS } from "../support/default-sync-settings.ts";
import { Oracle } from "./oracle.ts";
import type { FaultKind, Plan, Step } from "./plan.ts";
import { Prng } from "./prng.ts";
import { runScript } from "./run-script.ts";
import { SimApi } from "./sim-api.ts";
import { SimMachine } from "./sim-clocks.ts";
import { SimDatabase } from "./sim-database.ts";
import { SimDisk, type SimRecord } from "./sim-disk.ts";
import { SimProcess } from "./sim-process.ts";
import { SimServer } from "./sim-server.ts";
import { VirtualTime } from "./virtual-time.ts";

/** The record must be complete this long after the last fault. */
const WHOLE_MS = 15_000;
/** Longer than the server takes to commit rows after their events. */
const ROW_LATE_MS = 130_000;
/** For this long after the server clock was set forward, its stamps do not say how long ago something was. */
const UNSURE_MS = 11 * 60_000;
/** A client counts as active for a little longer. */
const ACTIVE_MS = 4 * 60_000;
/**
 * Runs are counted within this time: 10 min after a count that has found a difference, and at most 15 min later because of the idle
 * allowance.
 */
const COUNTED_MS = 26 * 60_000;
/** The allowance is also used to recognise a server that has none of the recorded events: 30 min. */
const COUNTED_WITHOUT_EVENTS_MS = 41 * 60_000;
const ROW_PAGE = 4;
/** Events that were lost unnoticed are found by the next regular catch-up. */
const POLL_MS = 30_000;
const POLL_WITHOUT_STREAM_MS = 10_000;
/** Time between catch-ups without a websocket, while nothing changes. */
const QUIET_POLL_MS = 20_000;
const FLUSH_MS = 5_000;
const SOON_MS = 1_000;
/** A clock that was set is noticed within this time. */
const CLOCK_NOTICED_MS = 3_000;
/** Another server must be noticed within this time. */
const NOTICED_MS = 60_000;
const NOTICED_WITHOUT_EVENTS_MS = 240_000;
const DAY_MS = 86_400_000;
/** Events that were streamed this long before another database answered may be withdrawn with what is not proven. */
const UNPROVEN_MS = 45_000;
/** Until a catch-up asks for it. */
const MARKER_LEFT_US = 60_000_000;
/** Each catch-up finds events that arrive at most this late. */
const ORDINARY_MS = 90_000;
/** Faults whose end the engine cannot notice. */
const SILENT: ReadonlySet<FaultKind> = new Set([
  "lossy",
  "deaf",
  "half-open",
  "shuffled",
  "straggling",
  "rejected",
  "old-headers",
]);

const redact = createRedactor({ credentials: [] });

export interface Outcome {
  /** What went wrong, or null. */
  readonly failure: string | null;
  readonly events: number;
  readonly requests: number;
  readonly processes: number;
}

/** Numbers that no double writes in this way: the record has to keep every digit. */
const EXACT = ["9223372036854775807", "1.0", "-0.0"].map((text) => new ExactNumber(text));

/** The server clock gains on the steady clock of the process. */
function setsServerForward(step: Step): boolean {
  if (step.kind === "set-clock") return step.of !== "product" && step.byMs > 0;
  return step.kind === "sleep" && !step.uptime;
}

class Failed extends Error {}

export function runPlan(plan: Plan): Outcome {
  return new World(plan).run();
}

interface Running {
  readonly process: SimProcess;
  readonly session: SyncSession;
  readonly api: SimApi;
  readonly stop: AbortController;
  /** Whether it waits for the leader lock; the second process of a step does not. */
  readonly locked: boolean;
  readonly startedMs: number;
}

/** A streamed event. `sentMs`: when the server received it. */
interface Delivery {
  readonly id: string;
  readonly atMs: number;
  readonly sentMs: number;
  readonly process: SimProcess;
  readonly database: SimDatabase;
}

class World {
  private readonly plan: Plan;
  private readonly time = new VirtualTime();
  private readonly random: Prng;
  private readonly faults = new Map<FaultKind, number>();
  private readonly server: SimServer;
  private readonly machine: SimMachine;
  private readonly disk: SimDisk;
  private readonly oracles = new Map<SimRecord, Oracle>();
  /** All databases that have answered, and those of other servers by their number. */
  private readonly databases: SimDatabase[];
  private readonly others = new Map<number, SimDatabase>();
  /** When another database began to answer, and when something was last wrong. */
  private changedMs: number[] = [];
  private disturbedMs = -1;
  /** After a change that the product could not notice, the next catch-up finds what it means. */
  private unsureUntilMs = -1;
  /** When a database lost everything that was recorded of it. */
  private readonly lostMs = new Map<SimDatabase, number>();
  private readonly settings: SyncSettings;
  private readonly sent: { event: PrefectEvent; us: number }[] = [];
  /** Events that were streamed to a process that was not killed soon after: they must not be lost. */
  private readonly mustHold = new Map<string, Delivery>();
  private readonly delivered: Delivery[] = [];
  private readonly live: Running[] = [];
  private holder: SimProcess | null = null;
  private failure: string | null = null;
  private processes = 0;
  private requests = 0;
  private fullUntilMs = -1;
  private asleepFromMs = -1;
  private asleepUntilMs = -1;
  /** By when the record must be complete. */
  private wholeByMs = 0;

  constructor(plan: Plan) {
    const { knobs } = plan;
    this.plan = plan;
    this.random = new Prng(plan.seed ^ 0x5eed);
    this.machine = new SimMachine(this.time, knobs.clientSkewMs);
    this.server = new SimServer({ time: this.time, knobs, faults: this.faults, random: this.random });
    this.databases = [this.server.database];
    this.disk = new SimDisk(
      () => this.time.nowMs < this.fullUntilMs,
      (info) => this.oracleOf(info.record).afterCommit(info, this.databases),
    );
    this.settings = {
      ...DEFAULT_SYNC_SETTINGS,
      backfillUs: knobs.backfillMs * 1000,
      pollMs: POLL_MS,
      pollWithoutStreamMs: POLL_WITHOUT_STREAM_MS,
      retentionUs: knobs.keepMs * 1000,
      retentionBytes: 0,
      stream: knobs.stream,
      requestsPerMinute: 6_000,
    };
  }

  run(): Outcome {
    try {
      this.preload();
      for (const step of this.plan.steps) this.time.at(step.atMs, () => this.take(step));
      this.begin();
      this.advance(this.plan.endMs);
      this.finish();
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
    } finally {
      for (const running of this.live) running.process.kill();
    }
    return { failure: this.failure, events: this.sent.length, requests: this.requests, processes: this.processes };
  }

  /** The oracle of the record in use. */
  private get oracle(): Oracle {
    return this.oracleOf(this.disk.current);
  }

  private oracleOf(record: SimRecord): Oracle {
    const known = this.oracles.get(record);
    if (known) return known;
    const oracle = new Oracle({
      time: this.time,
      localClock: this.machine.wall,
      serverClock: this.server.clock,
      knobs: this.plan.knobs,
      sqlite: record.sqlite,
      answering: () => this.server.database,
      isReadable: () =>
        record === this.disk.current &&
        this.time.nowMs >= this.unsureUntilMs &&
        findFact(this.peek(record), "otherServer") === null,
      unlistable: () => this.server.unlistable(),
      fail: (what) => this.fail(what),
    });
    this.oracles.set(record, oracle);
    return oracle;
  }

  /** A connection for the tests' own questions. */
  private peek(record = this.disk.current): RecordDb {
    return record.open(new SimProcess(this.time, this.machine));
  }

  /** In some schedules, because it takes long. */
  private get areRunsCounted(): boolean {
    return this.plan.seed % 4 === 0;
  }

  private countedMs(): number {
    const horizonUs = this.server.nowUs() + (COUNTED_MS - this.plan.knobs.retentionMs) * 1000;
    const { rows, taskRuns } = this.server.database;
    const onceMs = rows.some((row) => row.us > horizonUs) ? COUNTED_MS : COUNTED_WITHOUT_EVENTS_MS;
    // Ended task runs are asked for one page at a time, before each count.
    const isChanged = ({ kind, how }: { kind: string; how?: string }) => kind === "exchange" || how === "restored";
    const counts = this.plan.steps.some(isChanged) ? Math.ceil(taskRuns.size / ROW_PAGE) : 1;
    return onceMs * Math.max(1, counts);
  }

  private fail(what: string): void {
    this.failure ??= `${what} (at ${Math.round(this.time.nowMs)} ms)`;
  }

  private advance(untilMs: number): void {
    this.time.runUntil(untilMs, () => {
      if (this.failure !== null) throw new Failed();
    });
    if (this.failure !== null) throw new Failed();
  }

  private preload(): void {
    const { history, historyMs } = this.plan.knobs;
    const stamps = Array.from(
      { length: history },
      () => this.server.nowUs() - this.random.int(6_000, historyMs) * 1000,
    );
    const events = stamps.sort((a, b) => a - b).map((us) => this.makeEvent(this.random, us));
    this.server.preload(events);
    this.sent.push(...events);
    if (this.plan.seed % 5 === 1) this.preloadOldRuns();
  }

  /** Flow runs that began before the wanted history and have not ended: no event and no covered time shows them. */
  private preloadOldRuns(): void {
    const random = new Prng(this.plan.seed);
    for (const type of ["RUNNING", "PAUSED", "SCHEDULED"] as const) {
      const us = this.server.nowUs() - this.plan.knobs.backfillMs * 1000 - random.int(1, 10) * DAY_US;
      const state = { id: random.uuid(), type, name: type, timestamp: formatIsoUs(us) };
      const id = random.uuid();
      const row = {
        id,
        name: "old run",
        flow_id: random.uuid(),
        expected_start_time: formatIsoUs(us),
        state_id: state.id,
        state_type: type,
        state_name: type,
        state,
      };
      this.server.database.commitRun(id, row, us, this.time.nowMs);
    }
  }

  private makeEvent(random: Prng, us: number): { event: PrefectEvent; us: number } {
    const name = random.pick(["lake.loaded", "lake.checked", "prefect.deployment.updated"]);
    const resource = { "prefect.resource.id": `lake.${random.int(1, 5)}` };
    const n = random.int(0, 999);
    const event: PrefectEvent = {
      occurred: formatIsoUs(us),
      event: name,
      resource,
      related: [],
      payload: { n, exact: EXACT[n % EXACT.length] },
      id: random.uuid(),
      follows: null,
      received: "",
    };
    return { event, us };
  }

  /** Starts a process. It runs until it is killed or asked to end. */
  private begin(locked = true): Running {
    this.processes += 1;
    const { knobs } = this.plan;
    const process = new SimProcess(this.time, this.machine);
    process.freeze(this.asleepUntilMs);
    const api = this.makeApi(process);
    const session = createSyncSession({
      file: ":memory:",
      api,
      clock: process.clock,
      logger: {
        ...silentLogger,
        warn: (message, fields) => {
          if (fields?.code === "internal" && !process.isDead) this.fail(`internal error: ${message}: ${fields.error}`);
          const isSetBack = message === "Prefect's clock was set" && Number(fields?.by_seconds) < 0;
          if (isSetBack && !this.server.clock.wasSet) this.fail("the server clock counts as set back, and was not set");
        },
      },
      settings: this.settings,
      redact,
      records: this.disk.recordsOf(process),
      acquireLeader: () => (locked ? this.lock(process) : { file: "", release: () => {} }),
      random: () => this.random.next(),
      tuning: {
        eventPage: knobs.pageSize,
        rowPage: ROW_PAGE,
        burstEvents: 6,
        batchEvents: 12,
        heartbeatMs: 15_000,
      },
    });
    const stop = new AbortController();
    const running = { process, session, api, stop, locked, startedMs: this.time.nowMs };
    process.onDeath = () => this.killed(running);
    this.live.push(running);
    session.run(stop.signal).then(
      () => this.ended(running),
      (error: unknown) => {
        if (!process.isDead) this.fail(`the session threw ${String(error)}`);
      },
    );
    this.until(Math.max(this.time.nowMs, this.asleepUntilMs) + WHOLE_MS);
    return running;
  }

  private makeApi(process: SimProcess): SimApi {
    return new SimApi({
      time: this.time,
      server: this.server,
      process,
      knobs: this.plan.knobs,
      random: this.random,
      fail: (what) => this.fail(what),
      onDelivery: (events, database) => {
        const { nowMs } = this.time;
        for (const event of events)
          this.delivered.push({ id: event.id, atMs: nowMs, sentMs: this.receivedMs(event), process, database });
        this.expectSoon(events, process);
      },
    });
  }

  /** Streamed events must be in the record within a second. */
  private expectSoon(events: readonly PrefectEvent[], process: SimProcess): void {
    const fromMs = this.time.nowMs;
    this.time.after(SOON_MS, () => {
      const isChanged = this.changedMs.some((ms) => Math.abs(ms - fromMs) < NOTICED_MS);
      const isExcused =
        isChanged || process.isDead || this.asleepUntilMs >= fromMs || this.fullUntilMs >= fromMs - 1_500;
      if (isExcused || this.holder !== process) return;
      const late = events.find((event) => !this.oracle.holds(event.id));
      if (late && !this.isDropped(late))
        this.fail(`event ${late.id} is not in the record ${SOON_MS} ms after it was streamed`);
    });
  }

  private receivedMs(event: PrefectEvent): number {
    return this.server.clock.latestMs(parseIsoUs(event.received) ?? 0);
  }

  private isDropped(event: PrefectEvent): boolean {
    return (parseIsoUs(event.occurred) ?? 0) < retentionFloorUs(this.peek());
  }

  private lock(process: SimProcess): LeaderLock | null {
    if (this.holder !== null && !this.holder.isDead) return null;
    this.holder = process;
    return {
      file: "",
      release: () => {
        if (this.holder === process) this.holder = null;
      },
    };
  }

  /** The process was killed: events that it received just before may be lost. */
  private killed(running: Running): void {
    this.remove(running);
    const nowMs = this.time.nowMs;
    const awakeMs = this.asleepUntilMs > nowMs - 1_500 ? this.asleepFromMs : nowMs;
    // If the disk was full until just now, none of its events are certain to be stored.
    const sureMs = this.fullUntilMs > nowMs - 1_500 ? -1 : awakeMs - 1_000;
    this.requireDelivered(running, sureMs);
    this.disturbedMs = nowMs;
  }

  /** The events that the process received before `untilMs` must be in the record of the server that sent them. */
  private requireDelivered(running: Running, untilMs = Number.POSITIVE_INFINITY): void {
    for (const delivery of this.delivered)
      if (delivery.process === running.process && delivery.atMs < untilMs) this.mustHold.set(delivery.id, delivery);
  }

  /** Asked at the end, because the database may have changed after the process that received the event had ended. */
  private isUnproven({ atMs }: Delivery): boolean {
    return this.changedMs.some((ms) => atMs > ms - UNPROVEN_MS && atMs < ms + NOTICED_MS);
  }

  /** The process ended after it was asked to: all events that it received must be stored. */
  private ended(running: Running): void {
    this.remove(running);
    if (running.process.isDead) return;
    if (this.time.nowMs > this.fullUntilMs) {
      this.requireDelivered(running);
    }
    running.process.onDeath = null;
    running.process.kill();
  }

  private remove(running: Running): void {
    const index = this.live.indexOf(running);
    if (index < 0) return;
    this.requests += running.api.requests;
    this.live.splice(index, 1);
  }

  private until(ms: number): void {
    this.wholeByMs = Math.max(this.wholeByMs, ms);
  }

  private take(step: Step): void {
    switch (step.kind) {
      case "emit":
        this.emit(step);
        return;
      case "resend": {
        const random = new Prng(step.seed);
        const again = Array.from({ length: this.sent.length === 0 ? 0 : step.count }, () => random.pick(this.sent));
        // A server emits no events of runs that its database has lost.
        const lost = new Set(this.server.database.lostRuns.map(({ id }) => `prefect.flow-run.${id}`));
        this.server.publish(again.filter(({ event }) => !lost.has(event.resource["prefect.resource.id"] ?? "")));
        return;
      }
      case "resend-lost": {
        // Those of runs are sent by the server itself, which has lost the runs too.
        const lost = this.server.database.history.filter(
          ({ event, removedBy }) => removedBy === "restored" && !/^prefect\.(flow|task)-run\./.test(event.event),
        );
        this.server.publish(lost.slice(-step.count).map(({ event, us }) => ({ event, us })));
        return;
      }
      case "run":
        runScript({ ...step, time: this.time, server: this.server, sent: this.sent });
        return;
      case "exchange": {
        const { database } = this.server;
        database.exchangeTaskRuns(step.count, new Prng(step.seed), this.server.nowUs(), this.time.nowMs);
        return;
      }
      case "fault":
        this.fault(step.what, step.forMs);
        return;
      case "kill":
        this.kill(step.writes, step.downMs);
        return;
      case "end": {
        const running = this.live[0];
        running?.stop.abort();
        this.time.after(step.downMs + 50, () => this.revive());
        return;
      }
      case "second": {
        const second = this.begin(false);
        this.time.after(step.forMs, () => second.stop.abort());
        return;
      }
      case "sleep": {
        if (this.asleepUntilMs < this.time.nowMs) this.asleepFromMs = this.time.nowMs;
        this.asleepUntilMs = Math.max(this.asleepUntilMs, this.time.nowMs + step.forMs);
        this.machine.suspend(this.asleepUntilMs, step);
        for (const { process } of this.live) process.freeze(this.asleepUntilMs);
        // A server on the same machine answers nothing meanwhile.
        if (step.withServer) this.faults.set("down", Math.max(this.faults.get("down") ?? 0, this.asleepUntilMs));
        this.until(this.asleepUntilMs + WHOLE_MS);
        return;
      }
      case "set-clock":
        this.setClock(step);
        return;
      case "server":
        this.stopServer(step);
        return;
      case "swap":
        this.swap(step);
        return;
      case "failed-flush":
        this.server.failsNextFlush = true;
        return;
      case "live":
        this.readLive(step.fromMs, step.toMs);
        return;
      case "live-run":
        this.readLiveRun(step);
        return;
      case "audit": {
        const running = this.live[0];
        running?.session.audit({ deep: step.deep }, running.stop.signal).catch(() => {});
      }
    }
  }

  private stopServer({ how, downMs, backMs }: Extract<Step, { kind: "server" }>): void {
    const withinMs = this.noticedWithinMs();
    this.server.stop(how, { backMs, isCopy: this.canBeCopy() && this.random.chance(0.5) });
    this.disturbedMs = this.time.nowMs + downMs;
    if (how === "restored") for (const oracle of this.oracles.values()) oracle.databaseRestored();
    if (how === "restored" && !this.isRecognisable()) {
      // A backup without anything that is recorded: it counts as another database, and a new record is begun.
      this.lostMs.set(this.server.database, this.time.nowMs);
      this.changedMs.push(this.time.nowMs);
    }
    if (!this.databases.includes(this.server.database)) this.databaseChanged(withinMs);
    this.time.after(downMs, () => this.server.start());
    this.until(this.time.nowMs + downMs + WHOLE_MS);
  }

  /**
   * Copies of one template have nothing but their content to be told apart by: the record must have an event that the server cannot
   * have deleted by age, and the other server must have one, so that the first one is recognised when it is back.
   */
  private canBeCopy(): boolean {
    const { retentionMs, keepMs } = this.plan.knobs;
    const { nowMs } = this.time;
    const isKept = retentionMs >= DAY_MS && keepMs === 0;
    return (
      isKept &&
      this.server.database.rows.some((row) => row.storedMs < nowMs - 30_000 && this.oracle.holds(row.event.id))
    );
  }

  /** Whether the database that answers has an event that is confirmed in the record and will not be deleted soon, on either side. */
  private isRecognisable(): boolean {
    const { retentionMs, keepMs } = this.plan.knobs;
    const keptMs = Math.min(retentionMs - Math.min(60_000, retentionMs / 10), keepMs || Number.POSITIVE_INFINITY);
    const keptUs = this.server.nowUs() - keptMs * 1000 + MARKER_LEFT_US;
    return this.server.database.rows.some((row) => row.us > keptUs && this.oracle.isConfirmed(row.event.id));
  }

  /** Without such an event, a server is recognised less often. */
  private noticedWithinMs(): number {
    return this.canBeCopy() ? NOTICED_MS : NOTICED_WITHOUT_EVENTS_MS;
  }

  private swap(step: Extract<Step, { kind: "swap" }>): void {
    const former = this.server.database;
    this.until(this.time.nowMs + step.forMs + NOTICED_WITHOUT_EVENTS_MS + POLL_MS + WHOLE_MS);
    this.answerWith(this.otherDatabase(step), step.keepsConnections);
    this.time.after(step.forMs / 2, () => this.storeMissed(former, step));
    this.time.after(step.forMs, () => this.answerWith(former, step.keepsConnections));
  }

  private answerWith(database: SimDatabase, keepsConnections: boolean): void {
    if (database === this.server.database) return;
    const withinMs = this.noticedWithinMs();
    this.server.swap(database, keepsConnections);
    this.databaseChanged(withinMs);
  }

  private databaseChanged(withinMs: number): void {
    const { nowMs } = this.time;
    this.changedMs.push(nowMs);
    const { database } = this.server;
    if (!this.databases.includes(database)) this.databases.push(database);
    if (withinMs === NOTICED_WITHOUT_EVENTS_MS) this.unsureUntilMs = nowMs + POLL_MS + WHOLE_MS;
    this.until(nowMs + withinMs + POLL_MS + WHOLE_MS);
    this.time.after(withinMs, () => {
      const isDisturbed = this.disturbedMs >= nowMs || [...this.faults.values()].some((untilMs) => untilMs > nowMs);
      if (isDisturbed || this.asleepUntilMs >= nowMs || this.server.database !== database || !this.server.isUp) return;
      const { current } = this.disk;
      const owner = this.oracle.database;
      if (owner !== null && owner !== database && findFact(this.peek(current), "otherServer") === null)
        this.fail(`another server answers for ${withinMs} ms and the record does not say so`);
    });
  }

  private otherDatabase({ which, seed, isCopy, events }: Extract<Step, { kind: "swap" }>): SimDatabase {
    const known = this.others.get(which);
    if (known) return known;
    const random = new Prng(seed);
    const made = new SimDatabase(random, isCopy && events > 0 && this.canBeCopy() ? this.server.database : null);
    this.others.set(which, made);
    this.storeInto(made, random, events, 10 * 60_000);
    return made;
  }

  /** The server whose place is taken goes on elsewhere. */
  private storeMissed(database: SimDatabase, { seed, missed }: Extract<Step, { kind: "swap" }>): void {
    if (database !== this.server.database) this.storeInto(database, new Prng(seed + 1), missed, 5_000);
  }

  private storeInto(database: SimDatabase, random: Prng, count: number, withinMs: number): void {
    const stamps = Array.from({ length: count }, () => this.server.nowUs() - random.int(10, withinMs) * 1000);
    for (const us of stamps.sort((a, b) => a - b)) {
      const { event } = this.makeEvent(random, us);
      const stored = { ...event, received: formatIsoUs(us + 1_000) };
      database.published.set(event.id, [stored]);
      database.store(stored, us, this.time.nowMs);
      this.sent.push({ event, us });
    }
  }

  private setClock({ of, byMs }: Extract<Step, { kind: "set-clock" }>): void {
    if (of !== "product") {
      this.server.clock.set(byMs);
      // The next answer shows it.
      this.until(this.time.nowMs + POLL_MS + WHOLE_MS);
    }
    if (of !== "server") this.setLocalClock(byMs);
  }

  private setLocalClock(byMs: number): void {
    // Where no clock counts a suspend, it hides how the wall clock was set meanwhile.
    if (this.asleepUntilMs + CLOCK_NOTICED_MS > this.time.nowMs) {
      this.time.at(this.asleepUntilMs + CLOCK_NOTICED_MS + 1, () => this.setLocalClock(byMs));
      this.until(this.asleepUntilMs + CLOCK_NOTICED_MS + WHOLE_MS);
    } else {
      this.machine.wall.set(byMs);
      this.until(this.time.nowMs + WHOLE_MS);
      this.time.after(CLOCK_NOTICED_MS, () => this.settleClock());
    }
  }

  /** Once a process had time to notice how the local clock was set, the times in the record have to be right. */
  private settleClock(): void {
    const sinceMs = this.time.nowMs - CLOCK_NOTICED_MS;
    const isBusy = this.asleepUntilMs > sinceMs || this.fullUntilMs > sinceMs || this.machine.wall.setMs > sinceMs;
    // A process that is ending does not look at the clock any more; the next one does when it begins.
    const isLed = this.live.some(
      ({ process, locked, startedMs, stop }) =>
        locked && !process.isDead && !stop.signal.aborted && startedMs <= sinceMs,
    );
    if (this.machine.wall.isSettled) return;
    if (isBusy || !isLed) {
      this.time.after(1_000, () => this.settleClock());
      return;
    }
    this.machine.wall.settle();
    this.oracle.recheck();
  }

  private emit(step: Extract<Step, { kind: "emit" }>): void {
    const random = new Prng(step.seed);
    const base = this.server.nowUs() - step.lateMs * 1000;
    const first = step.alike ? this.makeEvent(random, base).event : null;
    const makeEvent = (us: number) => {
      const made = this.makeEvent(random, us);
      const alike = first === null ? {} : { event: first.event, resource: first.resource };
      return { ...made, event: { ...made.event, ...alike } };
    };
    const events = Array.from({ length: step.count }, (_, i) =>
      makeEvent(step.ties ? base - (i % 3 === 0 ? 0 : 1_000) : base + i * random.int(1, 900)),
    );
    this.sent.push(...events);
    const lost = step.lost;
    if (step.spreadMs === 0) {
      this.server.publish(events.map((one) => ({ ...one, lost })));
      return;
    }
    for (const one of events)
      this.time.after(random.int(0, step.spreadMs), () => this.server.publish([{ ...one, lost }]));
  }

  private fault(what: FaultKind, forMs: number): void {
    const untilMs = this.time.nowMs + forMs;
    if (what === "disk-full") this.fullUntilMs = Math.max(this.fullUntilMs, untilMs);
    this.faults.set(what, Math.max(this.faults.get(what) ?? 0, untilMs));
    this.until(untilMs + (SILENT.has(what) ? POLL_MS + 2 * FLUSH_MS + WHOLE_MS : WHOLE_MS));
    if (what === "straggling") this.until(untilMs + 25_000 + POLL_MS + WHOLE_MS);
    if (what === "hanging") this.until(untilMs + 20_000 + WHOLE_MS);
  }

  private kill(writes: number, downMs: number): void {
    const running = this.live[0];
    if (!running) return;
    const { process } = running;
    const before = process.onDeath;
    process.onDeath = () => {
      before?.();
      this.until(this.time.nowMs + downMs + WHOLE_MS);
      this.time.after(downMs, () => this.revive());
    };
    if (writes === 0) process.kill();
    else process.writesLeft = writes;
  }

  private revive(): void {
    if (!this.live.some((running) => running.locked && !running.stop.signal.aborted)) this.begin();
  }

  /** Reads a range as a query does, and hands it to the session as a live batch that claims the range. */
  private readLive(fromMs: number, toMs: number): void {
    const running = this.live[0];
    if (!running) return;
    const { session, process } = running;
    const api = this.makeApi(process);
    const range = { fromUs: this.server.nowUs() - fromMs * 1000, toUs: this.server.nowUs() - toMs * 1000 };
    const readUs = process.clock.nowUs();
    const reachedUs = api.mark();
    const occurred = { since: formatIsoUs(range.fromUs), until: formatIsoUs(range.toUs) };
    api.filterEvents({ occurred, order: "ASC" }, 50).then(
      (page) => {
        const isWhole = page.nextToken === null && page.events.length === page.total;
        const covered = isWhole ? { covered: range } : {};
        void session.saveLive({ kind: "event", rows: page.events, readUs, reachedUs: reachedUs(), ...covered });
      },
      () => {},
    );
  }

  /** As `get_flow_run`. */
  private readLiveRun({ seed, lateMs }: Extract<Step, { kind: "live-run" }>): void {
    const running = this.live[0];
    const ids = [...this.server.database.runs.keys()];
    if (!running || ids.length === 0) return;
    const { session, process } = running;
    const id = new Prng(seed).pick(ids);
    const readUs = process.clock.nowUs();
    this.makeApi(process)
      .filterFlowRuns({ flow_runs: { id: { any_: [id] } } })
      .then(
        (rows) =>
          process.later(lateMs, () => {
            const missing = rows.length === 0 ? { missing: [id] } : {};
            void session.saveLive({ kind: "flow_run", rows: [...rows], readUs, ...missing });
          }),
        () => {},
      );
  }

  /** All faults end: the record must become complete without help, and the audit must find no difference. */
  private finish(): void {
    this.faults.clear();
    this.fullUntilMs = Math.min(this.fullUntilMs, this.time.nowMs);
    for (const { process } of this.live) process.writesLeft = 0;
    if (!this.server.isUp) this.server.start();
    this.revive();
    this.until(this.plan.endMs + WHOLE_MS + FLUSH_MS);
    if (!this.plan.knobs.stream) this.until(this.plan.endMs + QUIET_POLL_MS + WHOLE_MS + FLUSH_MS);
    this.advance(this.wholeByMs);
    const running = this.checkAnswering();
    if (this.plan.seed % 2 === 0) return;
    // Each server answers once more, and its record is taken up again.
    for (const database of this.databases.filter((one) => one !== this.server.database && one.isAlive)) {
      this.answerWith(database, false);
      this.advance(this.wholeByMs);
      if (this.live.includes(running)) this.checkAnswering();
    }
  }

  /** The record of the server that answers now is complete and has nothing of another one. */
  private checkAnswering(): Running {
    const { oracle } = this;
    if (oracle.database !== null && oracle.database !== this.server.database)
      this.fail("the record in use is that of a server that does not answer any more");
    this.checkWhole();
    const running = this.live.find((one) => one.locked && !one.stop.signal.aborted);
    if (!running) {
      this.fail("no process is left that syncs");
      throw new Failed();
    }
    if (this.plan.steps.some((step) => step.kind === "run")) {
      // After this time a row that was never written counts as deleted.
      this.advance(this.time.nowMs + ROW_LATE_MS);
      for (let ms = this.plan.steps.some(setsServerForward) ? UNSURE_MS : 0; ms > 0; ms -= ACTIVE_MS) {
        running.session.markClientActive();
        this.advance(this.time.nowMs + Math.min(ms, ACTIVE_MS));
      }
      // With an active client, changes without an event are found within one round too.
      running.session.markClientActive();
      this.advance(this.time.nowMs + 40_000);
      // Ended runs that were deleted, and task runs that were made for the past, are found by counting.
      if (this.areRunsCounted) this.advance(this.time.nowMs + this.countedMs());
    }
    // While the server clock is unknown nothing is claimed, so there is nothing to audit.
    if (this.plan.knobs.skewKnown) {
      this.audit(running, false);
      if (this.plan.seed % 3 === 0) this.audit(running, true);
    }
    this.requireDelivered(running);
    const goalUs = this.goalUs();
    if (!this.plan.knobs.skewKnown) return running;
    oracle.checkAll();
    const lostMs = (oracle.database && this.lostMs.get(oracle.database)) ?? Number.NEGATIVE_INFINITY;
    const ids = [...this.mustHold].flatMap(([id, delivery]) =>
      delivery.database === oracle.database && delivery.sentMs > lostMs && !this.isUnproven(delivery) ? id : [],
    );
    oracle.checkEnd(this.peek(), goalUs, this.occurredSince(new Set(ids), goalUs));
    if (this.plan.knobs.keepMs === 0) oracle.checkRunsAtEnd(this.peek(), goalUs, this.areRunsCounted);
    if (this.failure !== null) throw new Failed();
    return running;
  }

  /** Within the stated time the record must have all events that were not very late, before any verification runs. */
  private checkWhole(): void {
    if (!this.plan.knobs.skewKnown) return;
    const { nowMs } = this.time;
    const storedByMs = nowMs - WHOLE_MS;
    const fromUs = this.goalUs();
    // Later ones are not asked for: they may be from before the server clock was set back.
    const toUs = this.server.nowUs() + DAY_US;
    const due = this.server.database.rows.filter((row) => {
      const storedUs = Math.max(
        this.server.clock.usAt(row.storedMs),
        this.server.nowUs() - (nowMs - row.storedMs) * 1000,
      );
      const isOrdinary = storedUs - row.us <= ORDINARY_MS * 1000;
      return row.storedMs <= storedByMs && isOrdinary && row.us >= fromUs && row.us <= toUs && row.storedMs > 0;
    });
    this.oracle.checkReach();
    const missing = this.oracle.missing(due);
    if (missing.length > 0) {
      const [first] = missing;
      this.fail(
        `${missing.length} events are missing when the record should be whole, the first stored at ${first?.storedMs} ms`,
      );
    }
    if (this.failure !== null) throw new Failed();
  }

  private audit(running: Running, deep: boolean, again = 2): void {
    const outcome: { state: "open" | "done" | "again" } = { state: "open" };
    running.session.audit({ deep }, running.stop.signal).then(
      (report) => {
        outcome.state = "done";
        if (report.unexplained > this.server.unlistable().size)
          this.fail(`the audit leaves ${report.unexplained} events unexplained`);
        if (report.buckets.some((bucket) => bucket.verdict === "equal" && bucket.server !== bucket.record)) {
          this.fail("the audit calls unequal counts equal");
        }
      },
      (error: unknown) => {
        // Ties whose order differs between pages can make a whole audit fail by chance.
        outcome.state = this.plan.knobs.ties === "random" && again > 0 ? "again" : "done";
        if (outcome.state === "done") this.fail(`the audit failed: ${String(error)}`);
      },
    );
    for (let tries = 0; outcome.state === "open" && tries < 60; tries += 1) this.advance(this.time.nowMs + 2_000);
    if (outcome.state === "open") this.fail("the audit does not end");
    if (outcome.state === "again") this.audit(running, deep, again - 1);
  }

  /**
   * Events before this need not be in the record: the start of the backfill, the retention horizon or the retention
   * floor.
   */
  private goalUs(): number {
    const { retentionMs } = this.plan.knobs;
    const horizonUs = this.server.nowUs() - (retentionMs - Math.min(60_000, retentionMs / 10)) * 1000;
    const db = this.peek();
    const goalUs = findFact(db, "backfill")?.goalUs ?? this.server.nowUs() - 540_000_000;
    return Math.max(goalUs, horizonUs, retentionFloorUs(db)) + 5_000_000;
  }

  private occurredSince(ids: ReadonlySet<string>, fromUs: number): Set<string> {
    const stampOf = new Map(this.sent.map((one) => [one.event.id, one.us]));
    return new Set([...ids].filter((id) => (stampOf.get(id) ?? 0) >= fromUs));
  }
}
