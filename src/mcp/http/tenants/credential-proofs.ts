import { createHash, randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { TenantTarget } from "./tenant-headers.ts";

export type ProofState =
  /** Prefect accepted the credentials so recently that it is not asked again. */
  | "fresh"
  /** Accepted before, to be checked again now; still valid while Prefect is unreachable. */
  | "aging"
  /** Never accepted, refused since, or accepted too long ago. */
  | "none";

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
  /** When each was accepted, milliseconds; the least recently accepted is dropped first. */
  private readonly accepted: LRUCache<string, number>;
  private readonly salt = randomBytes(32);
  private readonly settings: ProofSettings;

  constructor(settings: ProofSettings) {
    this.settings = settings;
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

  state(key: string, nowMs: number): ProofState {
    const atMs = this.accepted.peek(key);
    if (atMs === undefined) return "none";
    const age = nowMs - atMs;
    if (age < this.settings.recheckMs) return "fresh";
    if (age < this.settings.offlineMs) return "aging";
    this.accepted.delete(key);
    return "none";
  }

  accept(key: string, nowMs: number): void {
    this.accepted.set(key, nowMs);
  }

  /** Prefect refused the credentials: nothing is served for them any more, also nothing recorded. */
  refuse(key: string): void {
    this.accepted.delete(key);
  }
}
