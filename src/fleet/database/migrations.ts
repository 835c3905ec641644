/**
 * The SQL of the fleet's tables, in order. The first node that starts runs what is missing. Older nodes keep running beside newer ones, so
 * a migration only adds, and is never edited after a release.
 */
export const FLEET_MIGRATIONS: readonly string[] = [
  `CREATE TABLE prefect_mcp_fleet.node (
    incarnation uuid PRIMARY KEY,
    name text NOT NULL,
    address text NOT NULL,
    version text NOT NULL,
    renewals bigint NOT NULL,
    is_draining boolean NOT NULL,
    is_ended boolean NOT NULL,
    report jsonb,
    began_at timestamptz NOT NULL DEFAULT now(),
    renewed_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX node_live ON prefect_mcp_fleet.node (began_at) WHERE NOT is_ended;
  CREATE TABLE prefect_mcp_fleet.tenant (
    key text PRIMARY KEY,
    url text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE prefect_mcp_fleet.lease (
    tenant text PRIMARY KEY REFERENCES prefect_mcp_fleet.tenant (key),
    incarnation uuid REFERENCES prefect_mcp_fleet.node (incarnation) ON DELETE SET NULL,
    fence bigint NOT NULL,
    since_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX lease_incarnation ON prefect_mcp_fleet.lease (incarnation);`,
  "ALTER TABLE prefect_mcp_fleet.tenant ADD COLUMN replica_fence bigint",
  "ALTER TABLE prefect_mcp_fleet.tenant ADD COLUMN replica_name text",
];
