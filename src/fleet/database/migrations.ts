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
  // A claim as one statement: in a transaction of several, the row of the session would stay locked while the node is too busy to read
  // the answers in between, and its own renewal would wait for it. The lease is locked before the session for the same reason.
  `CREATE FUNCTION prefect_mcp_fleet.claim(of_tenant text, of_url text, of_session uuid, above bigint)
  RETURNS TABLE (kind text, owner uuid, number bigint, counted bigint) LANGUAGE plpgsql AS $$
  DECLARE
    held prefect_mcp_fleet.lease%ROWTYPE;
    own bigint;
    next bigint;
  BEGIN
    IF NOT EXISTS (SELECT FROM prefect_mcp_fleet.node n WHERE n.incarnation = of_session AND NOT n.is_ended) THEN
      RETURN QUERY SELECT 'ended', NULL::uuid, NULL::bigint, NULL::bigint;
      RETURN;
    END IF;
    INSERT INTO prefect_mcp_fleet.tenant (key, url) VALUES (of_tenant, of_url) ON CONFLICT DO NOTHING;
    INSERT INTO prefect_mcp_fleet.lease (tenant, fence) VALUES (of_tenant, 0) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT held FROM prefect_mcp_fleet.lease l WHERE l.tenant = of_tenant FOR UPDATE;
    -- Locks the session, so that it cannot be ended while it gets the lease.
    UPDATE prefect_mcp_fleet.node n SET renewals = n.renewals + 1
      WHERE n.incarnation = of_session AND NOT n.is_ended RETURNING n.renewals INTO own;
    IF own IS NULL THEN
      RETURN QUERY SELECT 'ended', NULL::uuid, NULL::bigint, NULL::bigint;
    -- The owner is not locked: a session that is not ended here may be ended a moment later, but never the other way round.
    ELSIF held.incarnation <> of_session AND EXISTS (
      SELECT FROM prefect_mcp_fleet.node n WHERE n.incarnation = held.incarnation AND NOT n.is_ended
    ) THEN
      RETURN QUERY SELECT 'owned', held.incarnation, NULL::bigint, own;
    ELSE
      next := greatest(held.fence, above) + 1;
      UPDATE prefect_mcp_fleet.lease l SET incarnation = of_session, fence = next, since_at = now()
        WHERE l.tenant = of_tenant;
      RETURN QUERY SELECT 'held', of_session, next, own;
    END IF;
  END $$`,
];
