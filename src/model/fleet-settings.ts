/** Settings of a server that belongs to a fleet. */
export interface FleetSettings {
  /** PostgreSQL, `postgres://…`. */
  readonly url: string;
  /** Name of this node; the same after a restart, and of no other node. Null: the host name. */
  readonly node: string | null;
  /** Where other nodes reach this one. Null: the address that it listens on. */
  readonly address: string | null;
  /** Shared by all nodes. Null when it is not set; `serve --http` refuses to start then. */
  readonly secret: string | null;
  /** Where Litestream replicates the records. Null: nowhere. */
  readonly replica: string | null;
}
