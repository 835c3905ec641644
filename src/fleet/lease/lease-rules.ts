/**
 * What the database does with sessions and leases. `LeaseBook` states the rules in memory; `database/postgres-store.ts` follows the same
 * ones in transactions, and `test/fleet/database/` compares both. No rule uses a clock.
 *
 * A node has a session, which it renews. A tenant's lease names a session and holds as long as that session is not ended: so a node
 * renews one row, however many tenants it owns. A session that was ended never begins again, and each lease that changes its session
 * gets the next fencing number.
 */

/** A session of a node, as other nodes see it. */
export interface NodeSession {
  /** Of one run of the program; unique. */
  readonly incarnation: string;
  /** Name of the node. It survives a restart, and decides which tenants the node gets. */
  readonly name: string;
  /** Where other nodes reach it: `http://10.0.0.5:4201`. */
  readonly address: string;
  readonly version: string;
  /** Grows with each renewal. */
  readonly renewals: number;
  /** It finishes its calls and takes no more tenants. */
  readonly isDraining: boolean;
}

export type NodeDescription = Omit<NodeSession, "renewals" | "isDraining">;

export type ClaimResult =
  | { readonly kind: "held"; readonly fence: number }
  /** Another session owns the tenant. */
  | { readonly kind: "owned"; readonly incarnation: string }
  /** The session of the caller was ended. */
  | { readonly kind: "ended" };

export interface Renewal {
  /** False: the session was ended, and all its leases are lost. */
  readonly isAccepted: boolean;
  /** All sessions that are not ended. */
  readonly sessions: readonly NodeSession[];
}

interface LeaseState {
  incarnation: string | null;
  fence: number;
}

export class LeaseBook {
  private readonly live = new Map<string, NodeSession>();
  private readonly known = new Set<string>();
  private readonly leases = new Map<string, LeaseState>();

  /** Begins a session. Has no effect for an incarnation that was known before. */
  begin(node: NodeDescription): void {
    if (this.known.has(node.incarnation)) return;
    this.known.add(node.incarnation);
    this.live.set(node.incarnation, { ...node, renewals: 0, isDraining: false });
  }

  renew(incarnation: string, isDraining = false): Renewal {
    const session = this.live.get(incarnation);
    if (session) this.live.set(incarnation, { ...session, renewals: session.renewals + 1, isDraining });
    return { isAccepted: session !== undefined, sessions: [...this.live.values()] };
  }

  /** Ends a session if it was not renewed since it had `renewals`. `null`: in any case, which only the node itself may ask for. */
  end(incarnation: string, renewals: number | null): boolean {
    const session = this.live.get(incarnation);
    if (!session || (renewals !== null && session.renewals !== renewals)) return false;
    return this.live.delete(incarnation);
  }

  /**
   * Gives a tenant to a session, unless another one that is not ended owns it. A repeated claim gets a new number too: a release of the
   * earlier one may still be under way, and must not free this one.
   */
  claim(tenant: string, incarnation: string): ClaimResult {
    if (!this.live.has(incarnation)) return { kind: "ended" };
    const lease = this.leases.get(tenant) ?? { incarnation: null, fence: 0 };
    const { incarnation: owner } = lease;
    if (owner !== null && owner !== incarnation && this.live.has(owner)) return { kind: "owned", incarnation: owner };
    this.leases.set(tenant, { incarnation, fence: lease.fence + 1 });
    return { kind: "held", fence: lease.fence + 1 };
  }

  /** Gives a lease up; the number stays, so that the next owner gets a higher one. */
  release(tenant: string, incarnation: string, fence: number): void {
    const lease = this.leases.get(tenant);
    if (lease?.incarnation === incarnation && lease.fence === fence) lease.incarnation = null;
  }

  /** The session that owns a tenant; null: none, or one that is ended. */
  owner(tenant: string): string | null {
    const incarnation = this.leases.get(tenant)?.incarnation ?? null;
    return incarnation !== null && this.live.has(incarnation) ? incarnation : null;
  }
}
