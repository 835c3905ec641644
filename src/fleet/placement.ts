import type { NodeSession } from "./lease/lease-rules.ts";

/** Where a request belongs. */
export type TenantPlacement =
  | { readonly kind: "own" }
  | { readonly kind: "peer"; readonly node: NodeSession }
  /** No owner can be asked: `database`, because it cannot be reached; `owner`, because the owner does not answer. */
  | { readonly kind: "live"; readonly why: "database" | "owner" };

export interface PlaceOptions {
  /** Another node has sent the request here, so it is not sent on to the preferred node. */
  readonly isForwarded: boolean;
  /** Called before the tenant is claimed; throws when Prefect does not accept its credentials, so that strangers cannot fill the database. */
  prove(): Promise<void>;
  /** The number with which the record of this node was written last; a database that lost commits may not know it. */
  recordFence(): number;
}
