/** The rules of sessions and leases in memory: what the database does, in the simulation. */
import type { ClaimResult, NodeDescription, NodeSession, Renewal } from "../../../src/fleet/lease/lease-rules.ts";

interface LeaseState {
  incarnation: string | null;
  fence: number;
}

/** Rules that are broken on purpose, to see that the simulation finds it. */
export interface BrokenRules {
  /** A late release frees a later lease of the same session. */
  readonly releasesAnyNumber?: boolean;
  /** A session is ended although it was renewed meanwhile. */
  readonly endsRenewed?: boolean;
}

export class LeaseBook {
  private readonly broken: BrokenRules;
  private live = new Map<string, NodeSession>();
  private known = new Set<string>();
  private leases = new Map<string, LeaseState>();

  constructor(broken: BrokenRules = {}) {
    this.broken = broken;
  }

  /** The state now. The returned function brings it back: what a failover to a copy that lagged behind does. */
  copy(): () => void {
    const { live, known, leases } = this;
    const then = [
      new Map(live),
      new Set(known),
      new Map([...leases].map(([key, lease]) => [key, { ...lease }])),
    ] as const;
    return () => {
      [this.live, this.known, this.leases] = then;
    };
  }

  /** Begins a session. Has no effect for an incarnation that was known before. */
  begin(node: NodeDescription): void {
    if (this.known.has(node.incarnation)) return;
    this.known.add(node.incarnation);
    this.live.set(node.incarnation, { ...node, renewals: 0, isDraining: false });
  }

  renew(incarnation: string, isDraining = false): Renewal {
    const session = this.live.get(incarnation);
    if (session) this.live.set(incarnation, { ...session, renewals: session.renewals + 1, isDraining });
    return {
      isAccepted: session !== undefined,
      renewals: (session?.renewals ?? -1) + 1,
      sessions: [...this.live.values()],
    };
  }

  /** Ends a session if it was not renewed since it had `renewals`. `null`: in any case, which only the node itself may ask for. */
  end(incarnation: string, renewals: number | null): boolean {
    const session = this.live.get(incarnation);
    if (!session || (renewals !== null && session.renewals !== renewals && !this.broken.endsRenewed)) return false;
    return this.live.delete(incarnation);
  }

  /**
   * Gives a tenant to a session, unless another one that is not ended owns it. A repeated claim gets a new number too: a release of the
   * earlier one may still be under way, and must not free this one.
   */
  claim(tenant: string, incarnation: string, above = 0): ClaimResult {
    const session = this.live.get(incarnation);
    if (!session) return { kind: "ended" };
    const renewals = session.renewals + 1;
    this.live.set(incarnation, { ...session, renewals });
    const lease = this.leases.get(tenant) ?? { incarnation: null, fence: 0 };
    const { incarnation: owner } = lease;
    if (owner !== null && owner !== incarnation && this.live.has(owner)) return { kind: "owned", incarnation: owner };
    const fence = Math.max(lease.fence, above) + 1;
    this.leases.set(tenant, { incarnation, fence });
    return { kind: "held", fence, renewals };
  }

  /** Gives a lease up; the number stays, so that the next owner gets a higher one. */
  release(tenant: string, incarnation: string, fence: number): void {
    const lease = this.leases.get(tenant);
    if (lease?.incarnation === incarnation && (lease.fence === fence || this.broken.releasesAnyNumber))
      lease.incarnation = null;
  }

  /** The session that owns a tenant; null: none, or one that is ended. */
  owner(tenant: string): string | null {
    const incarnation = this.leases.get(tenant)?.incarnation ?? null;
    return incarnation !== null && this.live.has(incarnation) ? incarnation : null;
  }
}
