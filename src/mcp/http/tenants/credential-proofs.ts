import { createHash, randomBytes } from "node:crypto";
import type { TenantTarget } from "./tenant-headers.ts";

/**
 * What Prefect said of a caller's credentials, remembered by a salted hash only. The salt lives as long as the process,
 * so a hash says nothing outside it.
 */
export type ProofState =
  /** Prefect accepted them so recently that it need not be asked again. */
  | "fresh"
  /** Accepted once, but it is time to ask again; while Prefect is unreachable they still count. */
  | "aging"
  /** Never accepted, refused since, or accepted too long ago to count even offline. */
  | "none";

export interface ProofSettings {
  /** Prefect is asked again after this time. */
  readonly recheckMs: number;
  /** An unreachable Prefect is bridged for at most this long. */
  readonly bridgeMs: number;
  readonly maxProofs: number;
}

export class CredentialProofs {
  private readonly accepted = new Map<string, number>();
  private readonly salt = randomBytes(32);
  private readonly settings: ProofSettings;

  constructor(settings: ProofSettings) {
    this.settings = settings;
  }

  /** Key of target and credentials together, also the tenant's key: hex, never reversible, different in each process. */
  keyOf(target: TenantTarget): string {
    const { credential } = target;
    const secret =
      credential.kind === "key" ? credential.key : credential.kind === "basic" ? credential.authString : "";
    const hash = createHash("sha256").update(this.salt);
    for (const part of [target.url, credential.kind, secret]) hash.update(`${part.length}:`).update(part);
    return hash.digest("hex");
  }

  state(key: string, nowMs: number): ProofState {
    const atMs = this.accepted.get(key);
    if (atMs === undefined) return "none";
    const age = nowMs - atMs;
    if (age < this.settings.recheckMs) return "fresh";
    if (age < this.settings.bridgeMs) return "aging";
    this.accepted.delete(key);
    return "none";
  }

  accept(key: string, nowMs: number): void {
    this.accepted.delete(key);
    this.accepted.set(key, nowMs);
    for (const oldest of this.accepted.keys()) {
      if (this.accepted.size <= this.settings.maxProofs) break;
      this.accepted.delete(oldest);
    }
  }

  /** Prefect refused: nothing is served any more, recorded or not. */
  refuse(key: string): void {
    this.accepted.delete(key);
  }
}
