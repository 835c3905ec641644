/**
 * Seeded schedules of a fleet: nodes with drifting clocks, pauses, suspends, crashes and restarts; a database that only some of them
 * reach; messages that are late, lost or overtake each other. The lease code is the shipped one, the time is virtual.
 */

import { LeaseHolder } from "../../../src/fleet/lease/lease-holder.ts";
import type { ClaimResult, Renewal } from "../../../src/fleet/lease/lease-rules.ts";
import { LEASE_TIMING, type LeaseTiming } from "../../../src/fleet/lease/timing.ts";
import { seededRandom } from "../../support/random.ts";
import { type BrokenRules, LeaseBook } from "./lease-book.ts";

const NODES = 3;
const TENANTS = ["a", "b"];
/** Faults happen until here; after that everything works and has to recover. */
const FAULTS_MS = 28_000;
const END_MS = 60_000;
const STEP_MS = 100;
/** The steady clock may miss this much of a suspend; see lib/clock.ts. */
const MISSED_MS = 2_000;
const DRIFT = 0.005;
/** Steps whose commits a failover loses at most. */
const LOST_STEPS = 10;

export interface LeaseWorldResult {
  readonly problems: readonly string[];
  readonly commits: number;
  readonly refused: number;
  readonly moves: number;
}

interface Machine {
  readonly name: string;
  readonly rate: number;
  holder: LeaseHolder | null;
  /** Steady time that the clock has missed in suspends. */
  missedMs: number;
  /** The steady clock stands still until then. */
  standsUntilMs: number;
  pausedUntilMs: number;
  cutUntilMs: number;
  suspendableMs: number;
  isDraining: boolean;
  /** When a node that drains ends its session. */
  drainedMs: number;
  /** A commit whose check is done, which a pause separates from the write. */
  writing: Write | null;
}

interface Write {
  readonly tenant: string;
  readonly fence: number;
  /** Its incarnation. */
  readonly by: string;
}

interface Delivery {
  readonly atMs: number;
  readonly order: number;
  run(): void;
}

export interface LeaseWorldOptions {
  readonly timing?: LeaseTiming;
  readonly broken?: BrokenRules;
  /** Default: the record checks the fencing number. */
  readonly fencesRecord?: boolean;
  /** The database fails over to a copy that lags behind: the last commits are lost after they were answered. */
  readonly losesCommits?: boolean;
  /** A node does not look whether the database lost commits. */
  readonly forgetsCounts?: boolean;
}

export function runLeaseWorld(seed: number, options: LeaseWorldOptions = {}): LeaseWorldResult {
  return new LeaseWorld(seed, options).run();
}

class LeaseWorld {
  private readonly random: () => number;
  private readonly world: LeaseWorldOptions;
  private readonly timing: LeaseTiming;
  private readonly fencesRecord: boolean;
  private readonly book: LeaseBook;
  /** Copies of the database of the last moments, the oldest first. */
  private readonly copies: (() => void)[] = [];
  /** Until here nodes may not know yet that the database lost commits. */
  private unawareUntilMs = 0;
  private epoch = 0;
  private readonly machines: Machine[];
  private readonly queue: Delivery[] = [];
  /** Fencing number in the record of each tenant, and which incarnation has written with it. */
  private readonly records = new Map<string, { fence: number; by: string }>();
  private readonly problems: string[] = [];
  private nowMs = 0;
  private count = 0;
  private commits = 0;
  private refused = 0;
  private moves = 0;
  private lastCommitMs = new Map<string, number>();

  constructor(seed: number, world: LeaseWorldOptions) {
    this.random = seededRandom(seed);
    this.world = world;
    this.timing = world.timing ?? LEASE_TIMING;
    this.fencesRecord = world.fencesRecord ?? true;
    this.book = new LeaseBook(world.broken);
    this.machines = Array.from({ length: NODES }, (_, index) => ({
      name: `n${index}`,
      rate: 1 + (this.random() * 2 - 1) * DRIFT,
      holder: null,
      missedMs: 0,
      standsUntilMs: 0,
      pausedUntilMs: 0,
      cutUntilMs: 0,
      suspendableMs: 0,
      drainedMs: 0,
      isDraining: false,
      writing: null,
    }));
  }

  run(): LeaseWorldResult {
    for (; this.nowMs < END_MS; this.nowMs += STEP_MS) {
      if (this.nowMs < FAULTS_MS) {
        for (const machine of this.machines) this.injectFault(machine);
        this.failOver();
      }
      for (const machine of this.machines)
        if (machine.standsUntilMs > this.nowMs) machine.missedMs += STEP_MS * machine.rate;
      this.deliver();
      for (const machine of this.machines) if (machine.pausedUntilMs <= this.nowMs) this.act(machine);
      this.checkOwners();
      if (this.problems.length > 0) return this.result();
    }
    for (const tenant of TENANTS) {
      if ((this.lastCommitMs.get(tenant) ?? 0) < END_MS - 6_000)
        this.problems.push(`nobody writes ${tenant} at the end`);
    }
    return this.result();
  }

  private result(): LeaseWorldResult {
    const { problems, commits, refused, moves } = this;
    return { problems, commits, refused, moves };
  }

  private chance(probability: number): boolean {
    return this.random() < probability;
  }

  private steadyMs({ rate, missedMs }: Machine): number {
    return this.nowMs * rate - missedMs;
  }

  private injectFault(machine: Machine): void {
    if (this.chance(0.004))
      machine.pausedUntilMs = Math.max(machine.pausedUntilMs, this.nowMs + this.random() * 12_000);
    if (this.chance(0.002) && machine.suspendableMs <= this.nowMs) {
      const forMs = this.random() * 15_000;
      machine.pausedUntilMs = Math.max(machine.pausedUntilMs, this.nowMs + forMs);
      machine.standsUntilMs = this.nowMs + Math.min(MISSED_MS, forMs);
      machine.suspendableMs = this.nowMs + forMs + 10_000;
    }
    if (this.chance(0.002) && machine.holder && !machine.isDraining) {
      machine.isDraining = true;
      machine.drainedMs = this.nowMs + 500 + this.random() * 3_000;
    }
    if (this.chance(0.004)) machine.cutUntilMs = this.nowMs + this.random() * 15_000;
    if (this.chance(0.003)) {
      // A crash; `act` starts it again.
      machine.holder = null;
      machine.isDraining = false;
      machine.writing = null;
      machine.standsUntilMs = 0;
      machine.pausedUntilMs = this.nowMs + this.random() * 5_000;
    }
  }

  /** The database is away for all nodes; afterwards its last commits may be lost, of which some were answered. */
  private failOver(): void {
    if (this.world.losesCommits) {
      this.copies.push(this.book.copy());
      if (this.copies.length > LOST_STEPS) this.copies.shift();
    }
    if (!this.chance(0.001)) return;
    const awayMs = this.random() * 6_000;
    for (const machine of this.machines) machine.cutUntilMs = Math.max(machine.cutUntilMs, this.nowMs + awayMs);
    const copy = this.copies[Math.floor(this.random() * this.copies.length)];
    if (!copy) return;
    copy();
    this.copies.length = 0;
    // A node that is away counts on its session until then at most, and its next renewal shows it the count.
    this.unawareUntilMs = this.nowMs + awayMs + this.timing.holdMs + 2 * MISSED_MS;
    // What is on its way to the old server never arrives.
    this.epoch += 1;
  }

  private deliver(): void {
    for (;;) {
      let next = -1;
      for (const [index, { atMs, order }] of this.queue.entries()) {
        if (atMs > this.nowMs) continue;
        const best = this.queue[next];
        if (!best || atMs < best.atMs || (atMs === best.atMs && order < best.order)) next = index;
      }
      if (next < 0) return;
      this.queue.splice(next, 1)[0]?.run();
    }
  }

  private after(ms: number, run: () => void): void {
    this.count += 1;
    this.queue.push({ atMs: this.nowMs + ms, order: this.count, run });
  }

  /** A request to the database and its answer; either may be lost or very late. A paused machine reads answers when it runs again. */
  private ask<T>(machine: Machine, question: () => T, answered: (answer: T) => void, failed: () => void): void {
    const { holder } = machine;
    const isFaulty = this.nowMs < FAULTS_MS;
    const delayMs = () => (isFaulty && this.chance(0.03) ? this.random() * 20_000 : this.random() * 150);
    const isLost = () => machine.cutUntilMs > this.nowMs || (isFaulty && this.chance(0.02));
    const receive = (then: () => void): void => {
      if (machine.holder !== holder) return;
      if (machine.pausedUntilMs > this.nowMs) this.after(machine.pausedUntilMs - this.nowMs + 1, () => receive(then));
      else then();
    };
    if (isLost()) {
      this.after(this.timing.answerMs, () => receive(failed));
      return;
    }
    const { epoch } = this;
    this.after(delayMs(), () => {
      if (epoch !== this.epoch) {
        this.after(this.timing.answerMs, () => receive(failed));
        return;
      }
      const answer = question();
      // A failover ends the connections, so no answer of the old server comes after those of the new one.
      const arrived = () => (epoch === this.epoch ? answered(answer) : failed());
      if (isLost()) this.after(this.timing.answerMs, () => receive(failed));
      else this.after(delayMs(), () => receive(arrived));
    });
  }

  private act(machine: Machine): void {
    if (machine.holder === null || machine.holder.isEnded) this.start(machine);
    const { holder } = machine;
    if (holder === null) return;
    const nowMs = this.steadyMs(machine);
    if (holder.isRenewalDue(nowMs)) {
      const sent = this.counting(holder.renewalSent(nowMs));
      const answered = (renewal: Renewal) => holder.renewalAnswered(renewal, sent, this.steadyMs(machine));
      this.ask(
        machine,
        () => this.book.renew(holder.incarnation, machine.isDraining),
        answered,
        () => holder.renewalFailed(sent),
      );
    }
    for (const { incarnation, renewals } of holder.endable(nowMs)) {
      if (this.chance(0.3))
        this.ask(
          machine,
          () => this.book.end(incarnation, renewals),
          () => {},
          () => {},
        );
    }
    if (machine.isDraining && this.drain(machine, holder)) return;
    const { writing } = machine;
    machine.writing = null;
    // It does not look at its lease again: this is what the fencing number is for.
    if (writing) this.commit(writing);
    for (const tenant of TENANTS) this.useTenant(machine, holder, tenant, nowMs);
  }

  /** Gives all tenants up, ends the session after a while, and starts again. True: it has ended. */
  private drain(machine: Machine, holder: LeaseHolder): boolean {
    for (const tenant of holder.tenants) this.giveUp(machine, holder, tenant);
    if (machine.drainedMs > this.nowMs) return false;
    const nothing = () => {};
    this.ask(machine, () => this.book.end(holder.incarnation, null), nothing, nothing);
    machine.holder = null;
    machine.writing = null;
    machine.isDraining = false;
    machine.pausedUntilMs = this.nowMs + this.random() * 3_000;
    return true;
  }

  private giveUp(machine: Machine, holder: LeaseHolder, tenant: string): void {
    const released = holder.released(tenant);
    if (released === null) return;
    const nothing = () => {};
    this.ask(machine, () => this.book.release(tenant, holder.incarnation, released), nothing, nothing);
  }

  private counting<T extends { readonly above: number }>(sent: T): T {
    return this.world.forgetsCounts ? { ...sent, above: -1 } : sent;
  }

  private start(machine: Machine): void {
    this.count += 1;
    const incarnation = `${machine.name}-${this.count}`;
    const holder = new LeaseHolder(incarnation, this.timing);
    machine.holder = holder;
    machine.writing = null;
    const node = { incarnation, name: machine.name, address: "", version: "1" };
    // A session that could not begin is replaced by the next.
    const failed = () => {
      if (machine.holder === holder) machine.holder = null;
    };
    this.ask(
      machine,
      () => this.book.begin(node),
      () => {},
      failed,
    );
  }

  private useTenant(machine: Machine, holder: LeaseHolder, tenant: string, nowMs: number): void {
    const fence = holder.fence(tenant, nowMs);
    if (fence === null) {
      if (!machine.isDraining && this.chance(0.05)) this.claim(machine, holder, tenant);
      return;
    }
    if (this.chance(0.01) && this.nowMs < FAULTS_MS) {
      this.giveUp(machine, holder, tenant);
      return;
    }
    const write = { tenant, fence, by: holder.incarnation };
    // Its check is done; the next step, perhaps after a pause, writes.
    if (this.chance(0.1)) machine.writing = write;
    else if (this.chance(0.3)) this.commit(write);
  }

  private claim(machine: Machine, holder: LeaseHolder, tenant: string): void {
    if (holder.leftMs(this.steadyMs(machine)) === 0) return;
    const claim = this.counting(holder.claimSent(tenant));
    const answered = (result: ClaimResult) => holder.claimAnswered(tenant, claim, result);
    const failed = () => holder.claimFailed(tenant, claim);
    const above = this.records.get(tenant)?.fence ?? 0;
    this.ask(machine, () => this.book.claim(tenant, holder.incarnation, above), answered, failed);
  }

  /** A write to a record that all nodes can reach: as in the writer's transaction, a lower number is refused. */
  private commit({ tenant, fence, by }: Write): void {
    if (this.nowMs < this.unawareUntilMs) {
      // Two owners may have the same number; each writes a file of its own.
      this.records.set(tenant, { fence: Math.max(fence, this.records.get(tenant)?.fence ?? 0), by: "" });
      return;
    }
    const record = this.records.get(tenant) ?? { fence: 0, by: "" };
    if (this.fencesRecord && fence < record.fence) {
      this.refused += 1;
      return;
    }
    if (fence < record.fence) this.problems.push(`${tenant}: ${by} wrote with ${fence} after ${record.fence}`);
    if (fence === record.fence && record.by !== "" && record.by !== by)
      this.problems.push(`${tenant}: ${by} and ${record.by} have both the number ${fence}`);
    if (fence > record.fence) this.moves += 1;
    this.records.set(tenant, { fence, by });
    this.commits += 1;
    this.lastCommitMs.set(tenant, this.nowMs);
  }

  /** At no moment do two nodes count on the same lease, paused and suspended ones included. */
  private checkOwners(): void {
    if (this.nowMs < this.unawareUntilMs) return;
    for (const tenant of TENANTS) {
      const owners = this.machines.filter(
        (machine) => (machine.holder?.fence(tenant, this.steadyMs(machine)) ?? null) !== null,
      );
      if (owners.length > 1)
        this.problems.push(`${this.nowMs} ms: ${owners.map(({ name }) => name).join(" and ")} own ${tenant}`);
    }
  }
}
