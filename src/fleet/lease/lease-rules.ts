/**
 * What the database knows of sessions and leases. `database/postgres-store.ts` keeps the rules in transactions; `test/fleet/lease/` states
 * them in memory, for the simulation, and `test/fleet/database/` compares both. No rule uses a clock.
 *
 * A node has a session, which it renews. A tenant's lease names a session and holds as long as that session is not ended: so a node
 * renews one row, however many tenants it owns. A session that was ended never begins again, and each lease that changes its session
 * gets the next fencing number.
 *
 * A failover to a copy of the database that lagged behind takes back the last commits. Renewals and claims count in the row of their
 * session, so that a node whose claim was taken back finds a count that it has seen before, and gives its session up.
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
  | {
      readonly kind: "held";
      readonly fence: number;
      /** Of the session of the caller. A claim counts as a renewal. */
      readonly renewals: number;
    }
  /** Another session owns the tenant. */
  | { readonly kind: "owned"; readonly incarnation: string }
  /** The session of the caller was ended. */
  | { readonly kind: "ended" };

export interface Renewal {
  /** False: the session was ended, and all its leases are lost. */
  readonly isAccepted: boolean;
  /** Of the session of the caller; 0 when it was ended. */
  readonly renewals: number;
  /** All sessions that are not ended. */
  readonly sessions: readonly NodeSession[];
}
