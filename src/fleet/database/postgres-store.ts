/** The fleet's database: PostgreSQL. This module is loaded only by processes that belong to a fleet. */
import { and, count, desc, eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import { default as postgres, type TransactionSql } from "postgres";
import type { FleetStatus, FleetStore, RenewalRequest, TenantName, WholeReplica } from "../fleet-store.ts";
import type { ClaimResult, NodeDescription, NodeSession, Renewal } from "../lease/lease-rules.ts";
import { isTooFar } from "../version-skew.ts";
import { FLEET_MIGRATIONS } from "./migrations.ts";
import { lease, node, tenant } from "./tables.ts";

const CONNECT_SECONDS = 2;
const STATEMENT_MS = 2_000;
const MAX_CONNECTIONS = 4;
/** Of `pg_advisory_xact_lock`: nodes that start together migrate and begin one after the other. */
const BEGIN_LOCK = 7_310_194;
/** A session that was renewed within this time belongs to a node that runs. By the clock of the database. */
const RUNNING = "15 seconds";
/** Ended sessions are kept this long, so that a late renewal of one is refused and not a new session. */
const KEEP_ENDED = "1 day";
const MAX_LISTED = 1_000;

type Client = ReturnType<typeof postgres>;

/** Connects at the first call. */
export function openPostgresStore(url: string): FleetStore {
  return new PostgresStore(url);
}

/** What a node publishes of its session. */
const SESSION_COLUMNS = {
  incarnation: node.incarnation,
  name: node.name,
  address: node.address,
  version: node.version,
  renewals: node.renewals,
  isDraining: node.isDraining,
} as const;

/** Of the function `claim`, see migrations.ts. Numbers of eight bytes arrive as text. */
type ClaimRow =
  | { kind: "ended" }
  | { kind: "owned"; owner: string }
  | { kind: "held"; number: string; counted: string };

class PostgresStore implements FleetStore {
  private readonly url: string;
  private client: Client;
  /** One connection for the node's own session: a renewal waits for no claim, and is not cut when claims are not answered. */
  private sessionClient: Client;

  constructor(url: string) {
    this.url = url;
    this.client = this.connect(MAX_CONNECTIONS);
    this.sessionClient = this.connect(1);
  }

  reconnect(): void {
    endNow(this.client);
    this.client = this.connect(MAX_CONNECTIONS);
  }

  reconnectSession(): void {
    endNow(this.sessionClient);
    this.sessionClient = this.connect(1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const clients = [this.client, this.sessionClient];
    await Promise.all(clients.map((client) => client.end({ timeout: 1 }).catch(() => undefined)));
  }

  begin({ incarnation, name, address, version }: NodeDescription): Promise<string | null> {
    return this.client.begin(async (tx) => {
      // Of nodes that begin together, the later one sees the earlier.
      await tx`SELECT pg_advisory_xact_lock(${BEGIN_LOCK})`;
      const [found] = await tx<
        { exists: boolean }[]
      >`SELECT to_regclass('prefect_mcp_fleet.node') IS NOT NULL AS exists`;
      if (found?.exists) {
        const running = await tx<{ version: string }[]>`SELECT version FROM prefect_mcp_fleet.node
          WHERE NOT is_ended AND renewed_at > clock_timestamp() - ${RUNNING}::interval`;
        const other = running.find((one) => isTooFar(one.version, version));
        if (other) return other.version;
      }
      await migrate(tx);
      await tx`INSERT INTO prefect_mcp_fleet.node (incarnation, name, address, version, renewals, is_draining, is_ended)
        VALUES (${incarnation}, ${name}, ${address}, ${version}, 0, false, false) ON CONFLICT DO NOTHING`;
      return null;
    });
  }

  async renew({ incarnation, isDraining, report }: RenewalRequest): Promise<Renewal> {
    const db = drizzle(this.sessionClient);
    const renewing = db
      .update(node)
      .set({ renewals: sql`${node.renewals} + 1`, isDraining, report, renewedAt: sql`now()` })
      .where(and(eq(node.incarnation, incarnation), eq(node.isEnded, false)))
      .returning({ renewals: node.renewals });
    // Sent together, on the one connection in this order.
    const [[own], sessions] = await Promise.all([renewing.execute(), this.sessions()]);
    return { isAccepted: own !== undefined, renewals: own?.renewals ?? 0, sessions };
  }

  async end(incarnation: string, renewals: number | null): Promise<boolean> {
    const db = this.db();
    const isUnchanged = renewals === null ? undefined : eq(node.renewals, renewals);
    const ended = await db
      .update(node)
      .set({ isEnded: true })
      .where(and(eq(node.incarnation, incarnation), eq(node.isEnded, false), isUnchanged))
      .returning({ incarnation: node.incarnation });
    if (ended.length > 0) {
      const isOld = sql`${node.renewedAt} < now() - ${KEEP_ENDED}::interval`;
      await db.delete(node).where(and(eq(node.isEnded, true), isOld));
    }
    return ended.length > 0;
  }

  async claim({ key, url }: TenantName, incarnation: string, above: number): Promise<ClaimResult> {
    const [row] = await this.db().execute<ClaimRow>(
      sql`SELECT * FROM prefect_mcp_fleet.claim(${key}, ${url}, ${incarnation}::uuid, ${above}::bigint)`,
    );
    if (row === undefined || row.kind === "ended") return { kind: "ended" };
    if (row.kind === "owned") return { kind: "owned", incarnation: row.owner };
    return { kind: "held", fence: Number(row.number), renewals: Number(row.counted) };
  }

  async release(key: string, incarnation: string, fence: number): Promise<void> {
    const isThis = and(eq(lease.tenant, key), eq(lease.incarnation, incarnation), eq(lease.fence, fence));
    await this.db().update(lease).set({ incarnation: null }).where(isThis);
  }

  async owner(key: string): Promise<string | null> {
    const rows = await this.db()
      .select({ incarnation: node.incarnation })
      .from(lease)
      .innerJoin(node, eq(node.incarnation, lease.incarnation))
      .where(and(eq(lease.tenant, key), eq(node.isEnded, false)));
    return rows[0]?.incarnation ?? null;
  }

  async replica(key: string): Promise<WholeReplica | null> {
    const rows = await this.db()
      .select({ fence: tenant.replicaFence, name: tenant.replicaName })
      .from(tenant)
      .where(eq(tenant.key, key));
    const { fence, name } = rows[0] ?? {};
    return fence != null && name != null ? { fence, name } : null;
  }

  async putReplica(key: string, { fence, name }: WholeReplica): Promise<void> {
    const isNewer = sql`coalesce(${tenant.replicaFence}, 0) <= ${fence}`;
    await this.db()
      .update(tenant)
      .set({ replicaFence: fence, replicaName: name })
      .where(and(eq(tenant.key, key), isNewer));
  }

  async status(): Promise<FleetStatus> {
    const db = this.db();
    const isLive = eq(node.isEnded, false);
    const nodes = await db
      .select({
        ...SESSION_COLUMNS,
        report: node.report,
        renewedAgoS: sql<number>`extract(epoch FROM clock_timestamp() - ${node.renewedAt})::float8`,
        tenants: sql<number>`count(${lease.tenant})::int`,
      })
      .from(node)
      .leftJoin(lease, eq(lease.incarnation, node.incarnation))
      .where(isLive)
      .groupBy(node.incarnation)
      .orderBy(node.name, node.beganAt);
    const tenants = await db
      .select({
        key: tenant.key,
        url: tenant.url,
        owner: node.name,
        fence: sql<number>`coalesce(${lease.fence}, 0)::int`,
        ownedForS: sql<number | null>`CASE WHEN ${node.name} IS NOT NULL
          THEN extract(epoch FROM clock_timestamp() - ${lease.sinceAt})::float8 END`,
      })
      .from(tenant)
      .leftJoin(lease, eq(lease.tenant, tenant.key))
      .leftJoin(node, and(eq(node.incarnation, lease.incarnation), isLive))
      .orderBy(desc(lease.sinceAt))
      .limit(MAX_LISTED);
    const [all] = await db.select({ n: count() }).from(tenant);
    const ownedCount = nodes.reduce((sum, { tenants: owned }) => sum + owned, 0);
    return { nodes, tenants, tenantCount: all?.n ?? 0, ownedCount };
  }

  private db() {
    return drizzle(this.client);
  }

  private connect(max: number): Client {
    return postgres(this.url, {
      max,
      connect_timeout: CONNECT_SECONDS,
      idle_timeout: 60,
      // Named statements would fail behind a pooler that gives each transaction another connection.
      prepare: false,
      connection: { application_name: "prefect-mcp-bun", statement_timeout: STATEMENT_MS },
      onnotice: () => undefined,
    });
  }

  private async sessions(): Promise<NodeSession[]> {
    return drizzle(this.sessionClient)
      .select({ ...SESSION_COLUMNS })
      .from(node)
      .where(eq(node.isEnded, false))
      .orderBy(node.beganAt);
  }
}

async function migrate(tx: TransactionSql): Promise<void> {
  await tx`CREATE SCHEMA IF NOT EXISTS prefect_mcp_fleet`;
  await tx`CREATE TABLE IF NOT EXISTS prefect_mcp_fleet.migration (number int PRIMARY KEY)`;
  const done = await tx<{ number: number }[]>`SELECT number FROM prefect_mcp_fleet.migration`;
  for (const [number, text] of FLEET_MIGRATIONS.entries()) {
    if (done.some((row) => row.number === number)) continue;
    await tx.unsafe(text);
    await tx`INSERT INTO prefect_mcp_fleet.migration (number) VALUES (${number})`;
  }
}

/** Calls that it has not answered fail. */
function endNow(client: Client): void {
  void client.end({ timeout: 0 }).catch(() => undefined);
}
