/**
 * The tenants of an HTTP server: who is let in, on what proof, and for how long anything is held open. A caller's
 * credentials are checked against Prefect before anything recorded is served to it, again after a while, and at once
 * when a call asks for fresh answers.
 */
import { AppError, toAppError } from "../../../errors.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Logger } from "../../../lib/logger.ts";
import { withLimits } from "../../../queries/source/context.ts";
import { proveAccess } from "../../../queries/source/prove-access.ts";
import { tenantClosed } from "../../guard.ts";
import type { Metrics } from "../metrics.ts";
import { checkTarget, type LookupHost, type TargetRules } from "../target-rules.ts";
import { CredentialProofs } from "./credential-proofs.ts";
import type { TenantTarget } from "./tenant-headers.ts";
import { type HostedApp, Seat, type SeatOptions } from "./tenant-host.ts";

export interface TenantsOptions {
  /** The Prefect that this process is set up for. */
  openOwn(): HostedApp;
  /** Another Prefect, or the same one with a caller's credentials. `label` names it in the log. */
  openTenant(target: TenantTarget, label: string): HostedApp;
  /** Gives disk back, keeping what is in use: called now and then. */
  trimDisk(): void;
  readonly seat: Omit<SeatOptions, "label" | "callerId" | "open" | "hidesSettings">;
  readonly rules: TargetRules;
  readonly lookup: LookupHost;
  readonly recheckMs: number;
  readonly proofMs: number;
  readonly idleMs: number;
  readonly maxTenants: number;
  /** The own Prefect is followed from the start and for as long as the server runs, asked about or not. */
  readonly followOwn: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const OWN = "own";
const LABEL_LENGTH = 12;
/** A caller's share of the tenants is one of so many. */
const CALLER_SHARE = 4;
/** A caller refused just now is refused again without asking; one whose Prefect did not answer just now is not made to wait. */
const REMEMBER_MS = 1_000;
const UNREACHABLE_MS = 5_000;
const CHECK_WITHIN_MS = 5_000;

/** What a request is about. */
export interface Need {
  /** Its answer may hold something of the workspace. */
  readonly data: boolean;
  /** It asks for fresh answers: the credentials are checked at once. */
  readonly fresh: boolean;
}

interface Verdict {
  readonly atMs: number;
  readonly error: AppError;
}

export class Tenants {
  private readonly seats = new Map<string, Seat>();
  private readonly targets = new Map<string, TenantTarget | null>();
  private readonly checks = new Map<string, Promise<void>>();
  private readonly failed = new Map<string, Verdict>();
  private readonly proofs: CredentialProofs;
  /** Prefect's last word on the own credentials, when it was no: it stands until Prefect says yes, reachable or not. */
  private ownRefusal: AppError | null = null;
  private readonly options: TenantsOptions;
  private isClosed = false;

  constructor(options: TenantsOptions) {
    this.options = options;
    const { recheckMs, proofMs, maxTenants } = options;
    this.proofs = new CredentialProofs({
      recheckMs,
      bridgeMs: Math.max(recheckMs, proofMs),
      maxProofs: 10 * maxTenants,
    });
  }

  get open(): number {
    return this.seats.values().reduce((sum, seat) => sum + (seat.isOpen ? 1 : 0), 0);
  }

  get streams(): number {
    return this.seats.values().reduce((sum, seat) => sum + seat.streams, 0);
  }

  get sessions(): number {
    return this.seats.values().reduce((sum, seat) => sum + seat.sessions.size, 0);
  }

  /** Name of the tenant in logs and metrics. */
  labelOf(target: TenantTarget | null): string {
    return target === null ? OWN : this.proofs.keyOf(target).slice(0, LABEL_LENGTH);
  }

  /**
   * The seat of a caller that Prefect accepts. Throws AppError `unauthorized` (refused target or credentials) or
   * `unavailable` (Prefect is away and the caller was not proven before).
   */
  async admit(target: TenantTarget | null, need: Need, callerId: string): Promise<Seat> {
    const { clock } = this.options;
    const key = target === null ? OWN : this.proofs.keyOf(target);
    const seat = await this.seatOf(key, target, callerId);
    seat.usedMs = clock.nowMs();
    // What the own server offers is no secret and must not depend on Prefect; another's is made for proven callers only.
    if (target === null && !need.data) return seat;
    await this.prove(key, target, seat, need.fresh);
    if (this.seats.get(key) !== seat) throw tenantClosed();
    this.makeRoom(seat);
    seat.follow();
    return seat;
  }

  /** Begins following the own Prefect, or does so again after it had refused the server. */
  async followOwn(): Promise<void> {
    if (!this.options.followOwn || this.isClosed || this.seats.has(OWN)) return;
    const seat = await this.seatOf(OWN, null, OWN);
    seat.follow();
  }

  /** Now and then: idle tenants rest, open streams and long calls of refused ones end. */
  async sweep(): Promise<void> {
    const { clock, idleMs } = this.options;
    for (const [key, seat] of this.seats) {
      const nowMs = clock.nowMs();
      seat.sessions.dropIdle(nowMs);
      if (seat.streams > 0 || seat.running > 0) {
        // Side by side: one Prefect that does not answer must not put off what another one says.
        this.prove(key, this.targets.get(key) ?? null, seat, false).catch(() => undefined);
      } else if (!(key === OWN && this.options.followOwn) && nowMs - seat.usedMs >= idleMs && seat.isOpen) {
        this.options.logger.info("idle tenant closed", { tenant: seat.label });
        await seat.rest();
      }
    }
    for (const [key, { atMs }] of this.failed) if (clock.nowMs() - atMs > UNREACHABLE_MS) this.failed.delete(key);
    this.options.trimDisk();
    await this.followOwn();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const seats = [...this.seats.values()];
    this.seats.clear();
    await Promise.all(seats.map((seat) => seat.close()));
  }

  private async seatOf(key: string, target: TenantTarget | null, callerId: string): Promise<Seat> {
    if (this.isClosed) throw tenantClosed();
    if (target !== null) await this.lookAt(key, target);
    const known = this.seats.get(key);
    if (known) {
      this.seats.delete(key);
      this.seats.set(key, known);
      return known;
    }
    const label = this.labelOf(target);
    const open = () => (target === null ? this.options.openOwn() : this.options.openTenant(target, label));
    const seat = new Seat({ ...this.options.seat, label, callerId, open, hidesSettings: target === null });
    this.seats.set(key, seat);
    this.targets.set(key, target);
    return seat;
  }

  /**
   * Names are looked at again whenever the credentials are: they may point elsewhere by now. Where names cannot be looked up,
   * Prefect is unreachable like any other way: who was proven goes on with what is recorded.
   */
  private async lookAt(key: string, target: TenantTarget): Promise<void> {
    const { clock, rules, lookup } = this.options;
    const state = this.proofs.state(key, clock.nowMs());
    if (state === "fresh") return;
    try {
      await checkTarget(target.url, rules, lookup);
    } catch (error) {
      const known = toAppError(error);
      if (state === "none" || !known.retryable) throw known;
      this.failed.set(key, { atMs: clock.nowMs(), error: known });
    }
  }

  /**
   * Over the limit the least recently used goes: of the caller's own tenants where it holds more than its share, so that one
   * caller with many keys cannot crowd out the others; else of those in which nothing is under way, else of all.
   */
  private makeRoom(kept: Seat): void {
    const { maxTenants } = this.options;
    const over = this.seats.size - maxTenants;
    if (over <= 0) return;
    const others = [...this.seats].filter(([key, seat]) => seat !== kept && key !== OWN);
    const own = others.filter(([, seat]) => seat.callerId === kept.callerId);
    const isGreedy = own.length >= Math.ceil(maxTenants / CALLER_SHARE);
    const idle = others.filter(([, seat]) => seat.streams === 0 && seat.running === 0);
    const order = new Set([...(isGreedy ? own : []), ...idle, ...others]);
    for (const [key, seat] of [...order].slice(0, over)) void this.remove(key, seat);
  }

  private async remove(key: string, seat: Seat): Promise<void> {
    if (this.seats.get(key) === seat) {
      this.seats.delete(key);
      this.targets.delete(key);
    }
    this.options.metrics.forget("tenant", seat.label);
    await seat.close();
  }

  /** Nobody who is not proven keeps a seat, so that strangers cannot crowd out tenants. */
  private async prove(key: string, target: TenantTarget | null, seat: Seat, isFresh: boolean): Promise<void> {
    const { clock } = this.options;
    const state = this.proofs.state(key, clock.nowMs());
    if (state === "fresh" && !isFresh) return;
    const lately = this.failed.get(key);
    const isUnreachable = lately?.error.retryable === true;
    const rememberMs = isUnreachable ? UNREACHABLE_MS : REMEMBER_MS;
    if (lately && clock.nowMs() - lately.atMs < rememberMs && !(isFresh && isUnreachable)) {
      try {
        this.settle(lately.error, target, state);
      } catch (error) {
        if (target !== null && state === "none" && !this.checks.has(key)) await this.remove(key, seat);
        throw error;
      }
      return;
    }
    const running = this.checks.get(key) ?? this.check(key, seat).finally(() => this.checks.delete(key));
    this.checks.set(key, running);
    try {
      await running;
    } catch (error) {
      await this.settleFailure(key, seat, toAppError(error), target, state);
    }
  }

  private async check(key: string, seat: Seat): Promise<void> {
    const { clock, metrics } = this.options;
    const untilUs = clock.nowUs() + CHECK_WITHIN_MS * 1_000;
    const startMs = clock.nowMs();
    metrics.count("credential_checks_total", { tenant: seat.label });
    await proveAccess(withLimits(seat.query(), { liveUntilUs: untilUs }));
    this.proofs.accept(key, startMs);
    this.failed.delete(key);
    if (key === OWN) this.ownRefusal = null;
  }

  private async settleFailure(
    key: string,
    seat: Seat,
    error: AppError,
    target: TenantTarget | null,
    state: "fresh" | "aging" | "none",
  ): Promise<void> {
    const { clock, logger, metrics } = this.options;
    this.failed.set(key, { atMs: clock.nowMs(), error });
    metrics.count("credential_failures_total", { code: error.code });
    const isRefused = isRefusal(error, target);
    if (isRefused) {
      this.proofs.refuse(key);
      if (key === OWN) this.ownRefusal = error;
      logger.info("Prefect refused a caller", { tenant: seat.label, code: error.code });
    }
    if (isRefused || (target !== null && state === "none")) await this.remove(key, seat);
    this.settle(error, target, state);
  }

  /** While Prefect does not answer, who was proven goes on; the own Prefect's callers proved themselves to this server. */
  private settle(error: AppError, target: TenantTarget | null, state: "fresh" | "aging" | "none"): void {
    if (isRefusal(error, target)) throw refusedByPrefect(error);
    if (target === null && this.ownRefusal) throw refusedByPrefect(this.ownRefusal);
    if (target === null || (error.retryable && state !== "none")) return;
    if (!error.retryable) throw error;
    throw new AppError(error.code, `Prefect cannot be asked whether these credentials are good: ${error.message}`, {
      hint: "Nothing recorded is served to a caller whom Prefect has not accepted lately. Try again when it is back.",
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    });
  }
}

/** Prefect said no, or there is no such workspace for these credentials. A wrong URL of our own is the tools' to explain. */
function isRefusal({ code }: AppError, target: TenantTarget | null): boolean {
  return code === "unauthorized" || (target !== null && code === "not_found");
}

function refusedByPrefect(error: AppError): AppError {
  return new AppError("unauthorized", `Prefect refuses these credentials: ${error.message}`, {
    hint: "Check X-Prefect-Api-Key or X-Prefect-Api-Auth-String and the URL they are for (without these headers: the server's own settings).",
    ...(error.status === undefined ? {} : { status: error.status }),
  });
}
