import { createHash, randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Clock } from "../../../lib/clock.ts";
import type { LocalUs, SteadyMs } from "../../../lib/time.ts";
import type { TenantTarget } from "./tenant-headers.ts";

export type ProofState =
  /** Prefect accepted the credentials so recently that it is not asked again. */
  | "fresh"
  /** Accepted before, to be checked again now; still valid while Prefect is unreachable. */
  | "aging"
  /** Never accepted, refused since, or accepted too long ago. */
  | "none";

/** One moment on both clocks. */
export interface Moment {
  readonly steadyMs: SteadyMs;
  readonly wallUs: LocalUs;
}

/** NTP may slew the wall clock, so that it runs a little behind. */
const SET_BACK_MS = 1_000;

export interface ProofSettings {
  /** Prefect is asked again after this time. */
  readonly recheckMs: number;
  /** For how long an accepted check is valid while Prefect is unreachable. */
  readonly offlineMs: number;
  readonly maxProofs: number;
}

/**
 * When Prefect last accepted which credentials. They are held only as a salted hash; the salt is random and lives in this process, so
 * that a hash in a log or a metric cannot be matched to a credential elsewhere.
 */
export class CredentialProofs {
  /** When each was accepted; the least recently accepted is dropped first. */
  private readonly accepted: LRUCache<string, Moment>;
  private readonly salt = randomBytes(32);
  private readonly settings: ProofSettings;
  private readonly clock: Clock;

  constructor(settings: ProofSettings, clock: Clock) {
    this.settings = settings;
    this.clock = clock;
    this.accepted = new LRUCache({ max: settings.maxProofs });
  }

  /** Hash of target and credentials together, in hex; also the tenant's key. Different in each process. */
  keyOf(target: TenantTarget): string {
    const { credential } = target;
    const secret =
      credential.kind === "key" ? credential.key : credential.kind === "basic" ? credential.authString : "";
    const hash = createHash("sha256").update(this.salt);
    for (const part of [target.url, credential.kind, secret]) hash.update(`${part.length}:`).update(part);
    return hash.digest("hex");
  }

  state(key: string): ProofState {
    const accepted = this.accepted.peek(key);
    if (accepted === undefined) return "none";
    const age = this.ageMs(accepted);
    if (age < this.settings.recheckMs) return "fresh";
    if (age < this.settings.offlineMs) return "aging";
    this.accepted.delete(key);
    return "none";
  }

  /** Prefect accepted the credentials when it was asked at `askedAt`. */
  accept(key: string, askedAt: Moment): void {
    this.accepted.set(key, askedAt);
  }

  /** Now, for `accept`. */
  now(): Moment {
    return { steadyMs: this.clock.steadyMs(), wallUs: this.clock.nowUs() };
  }

  /**
   * The larger age of both clocks, since each may show too little: the wall clock after it was set back, the steady one after a suspend
   * that the system does not report. A wall clock from before the check has certainly been set back, and since when is unknown: such a
   * proof is older than any limit.
   */
  private ageMs(accepted: Moment): number {
    const now = this.now();
    const wallMs = (now.wallUs - accepted.wallUs) / 1000;
    if (wallMs < -SET_BACK_MS) return Number.POSITIVE_INFINITY;
    return Math.max(now.steadyMs - accepted.steadyMs, wallMs);
  }

  /** Prefect refused the credentials: nothing is served for them any more, also nothing recorded. */
  refuse(key: string): void {
    this.accepted.delete(key);
  }
}
