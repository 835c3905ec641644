/** Runs one schedule: the real session on a simulated server, disk and clock, checked by the oracle. */
import { ExactNumber } from "../../src/lib/exact-json.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { formatIsoUs, parseIsoUs } from "../../src/lib/time.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import { createRedactor } from "../../src/model/secrets/redact.ts";
import type { SyncSettings } from "../../src/model/sync-settings.ts";
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
import { SimDisk } from "./sim-disk.ts";
import { SimProcess } from "./sim-process.ts";
import { EPOCH_US, SimServer } from "./sim-server.ts";
import { VirtualTime } from "./virtual-time.ts";

/** The record must be complete this long after the last fault. */
const WHOLE_MS = 15_000;
/** Longer than the server takes to commit rows after their events. */
const ROW_LATE_MS = 130_000;
/** Events that were lost unnoticed are found by the next regular catch-up. */
const POLL_MS = 30_000;
const POLL_WITHOUT_STREAM_MS = 10_000;
/** Time between catch-ups without a websocket, while nothing changes. */
const QUIET_POLL_MS = 20_000;
const FLUSH_MS = 5_000;
const SOON_MS = 1_000;
/** Each catch-up finds events that arrive at most this late. */
const ORDINARY_MS = 90_000;
/** Faults whose end the engine cannot notice. */
const SILENT: ReadonlySet<FaultKind> = new Set(["lossy", "deaf", "half-open", "shuffled", "straggling", "rejected"]);

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
}

class World {
  private readonly plan: Plan;
  private readonly time = new VirtualTime();
  private readonly random: Prng;
  private readonly faults = new Map<FaultKind, number>();
  private readonly server: SimServer;
  private readonly disk: SimDisk;
  private readonly oracle: Oracle;
  private readonly settings: SyncSettings;
  private readonly sent: { event: PrefectEvent; us: number }[] = [];
  /** Events that were streamed to a process that was not killed soon after: they must not be lost. */
  private readonly mustHold = new Set<string>();
  private readonly delivered: { id: string; atMs: number; process: SimProcess }[] = [];
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
    this.server = new SimServer({ time: this.time, knobs, faults: this.faults, random: this.random });
    this.disk = new SimDisk(
      () => this.time.nowMs < this.fullUntilMs,
      (info) => this.oracle.afterCommit(info),
    );
    const fail = (what: string) => this.fail(what);
    this.oracle = new Oracle({ time: this.time, server: this.server, knobs, sqlite: this.disk.sqlite, fail });
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
    const process = new SimProcess(this.time, knobs.clientSkewMs);
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
        },
      },
      settings: this.settings,
      redact,
      db: this.disk.open(process),
      acquireLeader: () => (locked ? this.lock(process) : { file: "", release: () => {} }),
      random: () => this.random.next(),
      tuning: {
        eventPage: knobs.pageSize,
        rowPage: 4,
        burstEvents: 6,
        batchEvents: 12,
        heartbeatMs: 15_000,
      },
    });
    const stop = new AbortController();
    const running = { process, session, api, stop, locked };
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
      onDelivery: (events) => {
        for (const event of events) this.delivered.push({ id: event.id, atMs: this.time.nowMs, process });
        this.expectSoon(events, process);
      },
    });
  }

  /** Streamed events must be in the record within a second. */
  private expectSoon(events: readonly PrefectEvent[], process: SimProcess): void {
    const fromMs = this.time.nowMs;
    this.time.after(SOON_MS, () => {
      const isExcused = process.isDead || this.asleepUntilMs >= fromMs || this.fullUntilMs >= fromMs - 1_500;
      if (isExcused || this.holder !== process) return;
      const late = events.find((event) => !this.oracle.holds(event.id));
      if (late && !this.isDropped(late))
        this.fail(`event ${late.id} is not in the record ${SOON_MS} ms after it was streamed`);
    });
  }

  private isDropped(event: PrefectEvent): boolean {
    return (parseIsoUs(event.occurred) ?? 0) < retentionFloorUs(this.disk.open(new SimProcess(this.time, 0)));
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
    for (const { id, atMs, process } of this.delivered)
      if (process === running.process && atMs < sureMs) this.mustHold.add(id);
  }

  /** The process ended after it was asked to: all events that it received must be stored. */
  private ended(running: Running): void {
    this.remove(running);
    if (running.process.isDead) return;
    if (this.time.nowMs > this.fullUntilMs) {
      for (const { id, process } of this.delivered) if (process === running.process) this.mustHold.add(id);
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
        this.server.publish(again);
        return;
      }
      case "run":
        runScript({ ...step, time: this.time, server: this.server, sent: this.sent });
        return;
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
        // Only the process's machine sleeps; the server continues.
        if (this.asleepUntilMs < this.time.nowMs) this.asleepFromMs = this.time.nowMs;
        this.asleepUntilMs = Math.max(this.asleepUntilMs, this.time.nowMs + step.forMs);
        for (const { process } of this.live) process.freeze(this.asleepUntilMs);
        this.until(this.asleepUntilMs + WHOLE_MS);
        return;
      }
      case "server":
        this.server.stop(step.how);
        this.time.after(step.downMs, () => this.server.start());
        this.until(this.time.nowMs + step.downMs + WHOLE_MS);
        return;
      case "failed-flush":
        this.server.failsNextFlush = true;
        return;
      case "live":
        this.readLive(step.fromMs, step.toMs);
        return;
      case "audit": {
        const running = this.live[0];
        running?.session.audit({ deep: step.deep }, running.stop.signal).catch(() => {});
      }
    }
  }

  private emit(step: Extract<Step, { kind: "emit" }>): void {
    const random = new Prng(step.seed);
    const base = this.server.nowUs() - step.lateMs * 1000;
    const events = Array.from({ length: step.count }, (_, i) =>
      this.makeEvent(random, step.ties ? base - (i % 3 === 0 ? 0 : 1_000) : base + i * random.int(1, 900)),
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
        session.saveLive({ kind: "event", rows: page.events, readUs, reachedUs: reachedUs(), ...covered });
      },
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
    this.checkWhole();
    const running = this.live.find((one) => one.locked && !one.stop.signal.aborted);
    if (!running) {
      this.fail("no process is left that syncs");
      throw new Failed();
    }
    if (this.plan.steps.some((step) => step.kind === "run")) {
      // After this time a row that was never written counts as deleted.
      this.advance(this.time.nowMs + ROW_LATE_MS);
      // With an active client, changes without an event are found within one round too.
      running.session.markClientActive();
      this.advance(this.time.nowMs + 40_000);
    }
    // While the server clock is unknown nothing is claimed, so there is nothing to audit.
    if (this.plan.knobs.skewKnown) {
      this.audit(running, false);
      if (this.plan.seed % 3 === 0) this.audit(running, true);
    }
    this.oracle.checkAll();
    for (const { id, process } of this.delivered) if (process === running.process) this.mustHold.add(id);
    const goalUs = this.goalUs(running);
    if (!this.plan.knobs.skewKnown) return;
    this.oracle.checkEnd(this.disk.open(running.process), goalUs, this.occurredSince(this.mustHold, goalUs));
    if (this.plan.knobs.keepMs === 0) this.oracle.checkRunsAtEnd(this.disk.open(running.process), goalUs);
    if (this.failure !== null) throw new Failed();
  }

  /** Within the stated time the record must have all events that were not very late, before any verification runs. */
  private checkWhole(): void {
    if (!this.plan.knobs.skewKnown) return;
    const storedByMs = this.time.nowMs - WHOLE_MS;
    const fromUs = this.goalUs(this.live[0]);
    const due = this.server.rows.filter((row) => {
      const storedUs = EPOCH_US + (row.storedMs + this.plan.knobs.serverSkewMs) * 1000;
      return (
        row.storedMs <= storedByMs && storedUs - row.us <= ORDINARY_MS * 1000 && row.us >= fromUs && row.storedMs > 0
      );
    });
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
        if (report.unexplained > 0) this.fail(`the audit leaves ${report.unexplained} events unexplained`);
        if (report.buckets.some((bucket) => bucket.verdict === "equal" && bucket.server !== bucket.record)) {
          this.fail("the audit calls unequal counts equal");
        }
      },
      (error: unknown) => {
        // Ties whose order differs between pages can make a whole audit fail by chance.
        outcome.state = this.plan.knobs.looseTies && again > 0 ? "again" : "done";
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
  private goalUs(running: Running | undefined): number {
    const { retentionMs } = this.plan.knobs;
    const horizonUs = this.server.nowUs() - (retentionMs - Math.min(60_000, retentionMs / 10)) * 1000;
    const db = this.disk.open(running?.process ?? new SimProcess(this.time, 0));
    const goalUs = findFact(db, "backfill")?.goalUs ?? this.server.nowUs() - 540_000_000;
    return Math.max(goalUs, horizonUs, retentionFloorUs(db)) + 5_000_000;
  }

  private occurredSince(ids: ReadonlySet<string>, fromUs: number): Set<string> {
    const stampOf = new Map(this.sent.map((one) => [one.event.id, one.us]));
    return new Set([...ids].filter((id) => (stampOf.get(id) ?? 0) >= fromUs));
  }
}
