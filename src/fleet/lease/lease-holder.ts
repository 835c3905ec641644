/**
 * What one node knows of its session and its leases, and what it may conclude from it. It sends nothing and reads no clock: the caller
 * passes the steady clock in, so that the simulation runs this code with thousands of orders of events.
 */
import { addMs, NEVER_MS, type SteadyMs } from "../../lib/time.ts";
import type { ClaimResult, NodeSession, Renewal } from "./lease-rules.ts";
import type { LeaseTiming } from "./timing.ts";

/** A session that may be ended, as it was last seen. */
export interface Sighting {
  readonly incarnation: string;
  readonly renewals: number;
}

/** A request that counts in the session, as it was sent. */
export interface SentRenewal {
  readonly sentMs: SteadyMs;
  /** The highest count that was known then: the answer has a higher one, unless the database lost commits. */
  readonly above: number;
}

export interface SentClaim {
  readonly number: number;
  readonly above: number;
}

interface Seen {
  renewals: number;
  /** Since when it was seen with this number of renewals. */
  sinceMs: SteadyMs;
}

export class LeaseHolder {
  readonly incarnation: string;
  private readonly timing: LeaseTiming;
  private heldUntilMs: SteadyMs = NEVER_MS;
  private isLost = false;
  private renewingMs: SteadyMs = NEVER_MS;
  private renewedMs: SteadyMs = NEVER_MS;
  private seenMs: SteadyMs = NEVER_MS;
  private readonly fences = new Map<string, number>();
  /** The claims that are not answered yet, each with its number. */
  private readonly claims = new Map<string, number>();
  private claimCount = 0;
  /** The highest count of its own session in an answer. */
  private counted = 0;
  private readonly seen = new Map<string, Seen>();
  private others: readonly NodeSession[] = [];

  constructor(incarnation: string, timing: LeaseTiming) {
    this.incarnation = incarnation;
    this.timing = timing;
  }

  /** The session was ended: its leases are lost, and a new session has to begin. */
  get isEnded(): boolean {
    return this.isLost;
  }

  /** Sessions that are not ended, as of the last renewal, its own included. */
  get sessions(): readonly NodeSession[] {
    return this.others;
  }

  /** Tenants that it owns while the session is held. */
  get tenants(): readonly string[] {
    return [...this.fences.keys()];
  }

  /** For how long the session is certainly held, milliseconds; 0: not. */
  leftMs(nowMs: SteadyMs): number {
    return this.isLost ? 0 : Math.max(0, this.heldUntilMs - nowMs);
  }

  /** The fencing number of a tenant that it owns now, else null. */
  fence(tenant: string, nowMs: SteadyMs): number | null {
    return this.leftMs(nowMs) > 0 ? (this.fences.get(tenant) ?? null) : null;
  }

  /** Whether to send a renewal now. */
  isRenewalDue(nowMs: SteadyMs): boolean {
    if (this.isLost || nowMs - this.renewedMs < this.timing.renewMs) return false;
    return nowMs - this.renewingMs >= this.timing.answerMs;
  }

  renewalSent(nowMs: SteadyMs): SentRenewal {
    this.renewingMs = nowMs;
    return { sentMs: nowMs, above: this.counted };
  }

  /** Its time counts from `sentMs`, because the database may have accepted it right then. */
  renewalAnswered({ isAccepted, renewals, sessions }: Renewal, { sentMs, above }: SentRenewal, nowMs: SteadyMs): void {
    if (this.renewingMs === sentMs) this.renewingMs = NEVER_MS;
    if (!isAccepted || !this.isCounted(renewals, above)) {
      this.lose();
      return;
    }
    const untilMs = addMs(sentMs, this.timing.holdMs);
    if (untilMs > this.heldUntilMs) this.heldUntilMs = untilMs;
    if (sentMs > this.renewedMs) this.renewedMs = sentMs;
    this.observe(sessions, nowMs);
  }

  renewalFailed({ sentMs }: SentRenewal): void {
    if (this.renewingMs === sentMs) this.renewingMs = NEVER_MS;
    // The next attempt waits as after a success.
    if (sentMs > this.renewedMs) this.renewedMs = sentMs;
  }

  /** Sessions that were not renewed for so long that their nodes certainly do not count on them any more. */
  endable(nowMs: SteadyMs): readonly Sighting[] {
    return [...this.seen].flatMap(([incarnation, { renewals, sinceMs }]) =>
      incarnation !== this.incarnation && nowMs - sinceMs >= this.timing.observeMs ? [{ incarnation, renewals }] : [],
    );
  }

  /** Marks a claim as sent. Its number belongs to its answer. */
  claimSent(tenant: string): SentClaim {
    this.claimCount += 1;
    this.claims.set(tenant, this.claimCount);
    return { number: this.claimCount, above: this.counted };
  }

  /** An answer that was overtaken by a later claim or by a release is ignored: the lease may have another owner by now. */
  claimAnswered(tenant: string, claim: SentClaim, result: ClaimResult): void {
    if (result.kind === "ended") this.lose();
    if (result.kind === "held" && !this.isCounted(result.renewals, claim.above)) this.lose();
    if (this.claims.get(tenant) !== claim.number) return;
    this.claims.delete(tenant);
    if (this.isLost) return;
    if (result.kind === "held") this.fences.set(tenant, result.fence);
    else this.fences.delete(tenant);
  }

  claimFailed(tenant: string, claim: SentClaim): void {
    if (this.claims.get(tenant) === claim.number) this.claims.delete(tenant);
  }

  /** Stops owning a tenant. Returns the number to be released in the database, or null when it owned nothing. */
  released(tenant: string): number | null {
    const fence = this.fences.get(tenant) ?? null;
    this.fences.delete(tenant);
    this.claims.delete(tenant);
    return fence;
  }

  /** False: the database has lost commits that it had answered, perhaps a claim of this session. */
  private isCounted(renewals: number, above: number): boolean {
    this.counted = Math.max(this.counted, renewals);
    return renewals > above;
  }

  private lose(): void {
    this.isLost = true;
    this.fences.clear();
    this.claims.clear();
  }

  private observe(sessions: readonly NodeSession[], nowMs: SteadyMs): void {
    // Answers may overtake each other, and an older one must not look like a session without renewals.
    const isBlind = nowMs - this.seenMs > this.timing.blindMs;
    this.seenMs = nowMs;
    this.others = sessions;
    const present = new Set<string>();
    for (const { incarnation, renewals } of sessions) {
      present.add(incarnation);
      const known = this.seen.get(incarnation);
      if (known && !isBlind && known.renewals >= renewals) continue;
      this.seen.set(incarnation, { renewals: Math.max(renewals, known?.renewals ?? 0), sinceMs: nowMs });
    }
    for (const incarnation of this.seen.keys()) if (!present.has(incarnation)) this.seen.delete(incarnation);
  }
}
