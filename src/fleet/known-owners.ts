import type { Clock } from "../lib/clock.ts";
import { NEVER_MS, type SteadyMs } from "../lib/time.ts";

/** An owner that the database named is asked this long without looking again. */
export const OWNER_FRESH_MS = 2_000;
const MAX_OWNERS = 100_000;
/** A node that did not answer is not asked for this long. */
const SILENT_MS = 2_000;

/** The owners of tenants as the database named them last, and the nodes that did not answer lately. */
export class KnownOwners {
  private readonly clock: Clock;
  private readonly owners = new Map<string, { readonly incarnation: string; readonly readMs: SteadyMs }>();
  private readonly silent = new Map<string, SteadyMs>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The owner, when it was read lately. */
  owner(tenant: string): string | null {
    const known = this.owners.get(tenant);
    return known && this.clock.steadyMs() - known.readMs < OWNER_FRESH_MS ? known.incarnation : null;
  }

  put(tenant: string, incarnation: string): void {
    this.owners.delete(tenant);
    this.owners.set(tenant, { incarnation, readMs: this.clock.steadyMs() });
    const oldest = this.owners.size > MAX_OWNERS ? this.owners.keys().next().value : undefined;
    if (oldest !== undefined) this.owners.delete(oldest);
  }

  forget(tenant: string): void {
    this.owners.delete(tenant);
  }

  isSilent(incarnation: string): boolean {
    return this.clock.steadyMs() - (this.silent.get(incarnation) ?? NEVER_MS) < SILENT_MS;
  }

  putSilent(incarnation: string): void {
    this.silent.set(incarnation, this.clock.steadyMs());
  }

  /** The other nodes have no session any more. */
  keepOnly(incarnations: ReadonlySet<string>): void {
    for (const incarnation of this.silent.keys()) if (!incarnations.has(incarnation)) this.silent.delete(incarnation);
  }
}
