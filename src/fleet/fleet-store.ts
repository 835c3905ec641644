/** What a node asks the fleet's database. The rules are those of lease/lease-rules.ts. Each call may fail or never be answered. */
import type { ClaimResult, NodeDescription, NodeSession, Renewal } from "./lease/lease-rules.ts";

/** What a node says of itself, for `fleet status`. */
export interface NodeReport {
  /** Tenants with an open record. */
  readonly open: number;
  /** Requests that were passed to other nodes, and that came from them. */
  readonly forwarded: number;
  readonly received: number;
  /** Requests that were answered live because no owner could be asked. */
  readonly live: number;
  /** For how long the replica that is furthest behind has lacked a commit, seconds. Absent where records are not replicated. */
  readonly replicaLagS?: number;
}

/** A tenant, by the hash that all nodes compute. */
export interface TenantName {
  readonly key: string;
  /** Its API URL, for people. */
  readonly url: string;
}

/** A replica from which a record can be restored. */
export interface WholeReplica {
  /** Of the owner that wrote it. */
  readonly fence: number;
  /** Of its place in the storage, below the key of the tenant. */
  readonly name: string;
}

export interface RenewalRequest {
  readonly incarnation: string;
  readonly isDraining: boolean;
  readonly report: NodeReport;
}

export interface FleetStore extends AsyncDisposable {
  /** Returns null, or the version of a node that runs now and is too far from this one's: then the session does not begin. */
  begin(node: NodeDescription): Promise<string | null>;
  renew(request: RenewalRequest): Promise<Renewal>;
  /** Returns whether the session was ended by this call. */
  end(incarnation: string, renewals: number | null): Promise<boolean>;
  /** The number of the lease will be higher than `above`: the one with which the record of this node was written. */
  claim(tenant: TenantName, incarnation: string, above: number): Promise<ClaimResult>;
  release(tenant: string, incarnation: string, fence: number): Promise<void>;
  /** Incarnation of the owner; null: none. */
  owner(tenant: string): Promise<string | null>;
  /** The whole replica with the highest fencing number; null: there is none. */
  replica(tenant: string): Promise<WholeReplica | null>;
  putReplica(tenant: string, replica: WholeReplica): Promise<void>;
  status(): Promise<FleetStatus>;
  /** Drops the connections: after calls that were not answered, which later ones would wait for. */
  reconnect(): void;
  /** The same for the connection on which `renew` asks. */
  reconnectSession(): void;
}

export interface FleetStatus {
  readonly nodes: readonly NodeStatus[];
  readonly tenants: readonly TenantStatus[];
  /** All tenants, also those that are not in `tenants`. */
  readonly tenantCount: number;
  readonly ownedCount: number;
}

export interface NodeStatus extends NodeSession {
  readonly tenants: number;
  /** Seconds since it renewed its session, by the clock of the database. */
  readonly renewedAgoS: number;
  readonly report: NodeReport | null;
}

export interface TenantStatus {
  readonly key: string;
  readonly url: string;
  /** Name of the node; null: it has no owner. */
  readonly owner: string | null;
  readonly fence: number;
  /** Seconds, by the clock of the database. */
  readonly ownedForS: number | null;
}
