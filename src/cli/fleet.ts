/** `fleet status`: the nodes of the fleet and the tenants that they own, from its database. */
import { AppError } from "../errors.ts";
import { openPostgresStore } from "../fleet/database/postgres-store.ts";
import type { FleetStatus } from "../fleet/fleet-store.ts";
import { counted, type Line, oneLine, own, sentence } from "../lib/shown-text.ts";
import { chosenSettings } from "./arguments/chosen-settings.ts";
import { UsageError } from "./arguments/usage-error.ts";
import type { CommandContext } from "./command.ts";
import { table } from "./terminal/table.ts";

const MAX_SHOWN = 50;
const KEY_LENGTH = 12;

/** Exit code 0 when at least one node has a session and every session was renewed lately, else 1. */
export async function runFleet(ctx: CommandContext): Promise<number> {
  const { invocation, out } = ctx;
  if (invocation.words.join() !== "status") {
    throw new UsageError(own("`fleet` needs the word status."), own("Run `prefect-mcp-bun fleet status`."));
  }
  const { fleet } = (await chosenSettings(ctx)).current().settings;
  if (fleet === null) {
    throw new AppError("invalid_config", "PREFECT_MCP_FLEET_URL is not set.", {
      hint: "Set it to the PostgreSQL database of the fleet, as on its nodes.",
    });
  }
  const status = await readStatus(fleet.url);
  const isWell = status.nodes.length > 0 && status.nodes.every(({ renewedAgoS }) => renewedAgoS < LATE_S);
  if (invocation.switches.has("json")) out.json(toJson(status));
  else out.lines(toLines(status));
  return isWell ? 0 : 1;
}

/** A session that was not renewed for this long is about to be ended by the other nodes. */
const LATE_S = 5;

async function readStatus(url: string): Promise<FleetStatus> {
  const store = openPostgresStore(url);
  try {
    return await store.status();
  } catch (error) {
    throw new AppError("unavailable", "The database of the fleet cannot be read.", {
      hint: "Check PREFECT_MCP_FLEET_URL. Before the first node has started, the database has no tables of a fleet.",
      cause: error,
    });
  } finally {
    await store[Symbol.asyncDispose]();
  }
}

function toJson({ nodes, tenants, tenantCount, ownedCount }: FleetStatus) {
  return {
    nodes: nodes.map(({ name, address, version, isDraining, tenants: owned, renewedAgoS, report }) => ({
      name,
      address,
      version,
      draining: isDraining,
      tenants: owned,
      renewed_ago_s: renewedAgoS,
      open: report?.open ?? 0,
      replica_lag_s: report?.replicaLagS ?? null,
      requests: { forwarded: report?.forwarded ?? 0, received: report?.received ?? 0, live: report?.live ?? 0 },
    })),
    tenants: tenants.map(({ key, url, owner, fence, ownedForS }) => ({
      key: key.slice(0, KEY_LENGTH),
      url,
      owner,
      moves: fence,
      owned_for_s: ownedForS,
    })),
    tenant_count: tenantCount,
    owned_count: ownedCount,
  };
}

function toLines({ nodes, tenants, tenantCount, ownedCount }: FleetStatus): Line[] {
  const nodeRows = nodes.map(({ name, address, version, isDraining, tenants: owned, renewedAgoS, report }) => [
    name,
    address,
    version,
    isDraining ? "leaving" : renewedAgoS < LATE_S ? "well" : `no sign for ${Math.round(renewedAgoS)} s`,
    String(owned),
    String(report?.open ?? 0),
    String(report?.forwarded ?? 0),
    String(report?.live ?? 0),
    report?.replicaLagS === undefined ? "-" : `${report.replicaLagS} s`,
  ]);
  const tenantRows = tenants
    .slice(0, MAX_SHOWN)
    .map(({ key, url, owner, fence }) => [key.slice(0, KEY_LENGTH), url, owner ?? "-", String(fence)]);
  const left = tenantCount - tenantRows.length;
  return [
    ...table([
      ["node", "address", "version", "state", "tenants", "open", "forwarded", "live", "replica lag"],
      ...nodeRows,
    ]),
    oneLine(""),
    sentence`${counted(tenantCount, "tenant")}, ${ownedCount} of them owned.`,
    ...(tenantRows.length === 0 ? [] : table([["tenant", "API", "owner", "fence"], ...tenantRows])),
    ...(left > 0 ? [sentence`Not shown: ${left} more.`] : []),
  ];
}
