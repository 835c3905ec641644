import { lookup } from "node:dns/promises";
import { availableParallelism } from "node:os";
import { createConfirmations } from "../acting/confirmations.ts";
import { AccountBudgets } from "../app/account-budgets.ts";
import { firstRecordFileOf } from "../app/connection.ts";
import type { JoinedFleet } from "../app/join-fleet.ts";
import type { SettingsSource } from "../app/settings-source.ts";
import { createTenantApps, settingsFor } from "../app/tenant-apps.ts";
import { VERSION } from "../app/version.ts";
import { openWorkspaces } from "../app/workspaces/open-workspaces.ts";
import { WriterStarts } from "../app/writer-starts.ts";
import { credentialsOf } from "../config/credentials.ts";
import type { ResolvedSettings, Settings } from "../config/settings.ts";
import { AppError, toAppError } from "../errors.ts";
import type { HeldLease } from "../fleet/fleet.ts";
import type { TenantName } from "../fleet/fleet-store.ts";
import { systemClock } from "../lib/clock.ts";
import { createLogger } from "../lib/logger.ts";
import { asPlace, oneLine, sentence } from "../lib/shown-text.ts";
import { writeStderr } from "../lib/stderr.ts";
import { LEAVE_WITHIN_MS } from "../mcp/http/fleet/leave-fleet.ts";
import { serveHttp } from "../mcp/http/http.ts";
import { lookupWithin } from "../mcp/http/tenants/target-rules.ts";
import type { TenantTarget } from "../mcp/http/tenants/tenant-headers.ts";
import { createRedactor } from "../model/secrets/redact.ts";
import { redactLogger } from "../model/secrets/redact-logger.ts";
import { chosenSettings } from "./arguments/chosen-settings.ts";
import type { CommandContext } from "./command.ts";

/** Longest wait for the DNS lookup of a host that a caller names. */
const LOOKUP_WITHIN_MS = 2_000;

/** `serve --http`: runs until the signal aborts. Its messages go to stderr. */
export async function runServeHttp(ctx: CommandContext): Promise<number> {
  return serveUntilAborted(ctx, await chosenSettings(ctx), (url) =>
    ctx.out.note(oneLine(`prefect-mcp-bun ${VERSION} serves MCP at ${url}`)),
  );
}

/** `listening` is called with the URL of `/mcp`. */
export async function serveUntilAborted(
  ctx: CommandContext,
  source: SettingsSource,
  listening: (url: string) => void,
): Promise<number> {
  const base = () => source.current();
  const { http, logLevel, dataDir } = base().settings;
  const logger = redactLogger(
    createLogger(logLevel, writeStderr),
    createRedactor({ credentials: credentialsOf(base().settings) }),
  );
  if (http.tokens.some((token) => token.length < 16)) {
    logger.warn("a token in PREFECT_MCP_HTTP_TOKENS is shorter than 16 characters", {
      fix: "Use a long random one, for example the output of `openssl rand -hex 32`.",
    });
  }
  const confirmations = createConfirmations(systemClock);
  const accounts = new AccountBudgets(systemClock);
  const starts = new WriterStarts(systemClock, Math.max(1, availableParallelism()));
  const common = { entry: ctx.entry, version: VERSION, clock: systemClock, logger, confirmations, accounts, starts };
  const apps = createTenantApps({ ...common, base });
  const { fleet: fleetSettings } = base().settings;
  const joined =
    fleetSettings === null ? null : await (await import("../app/join-fleet.ts")).joinFleet(fleetSettings, http, logger);
  const start = () =>
    serveHttp({
      settings: http,
      openOwn: (access) => openWorkspaces({ ...common, ...access, settings: source, isRestricted: true }),
      openTenant: (target, label, access) => apps.open(target, label, access),
      trimDisk: () => apps.trimDisk(),
      dataDir,
      followOwn: true,
      lookup: lookupWithin(LOOKUP_WITHIN_MS, systemClock, addressesOf),
      clock: systemClock,
      logger,
      ...(joined ? { fleet: { ...fleetParts(joined, base), ownTarget: () => ownTarget(base().settings) } } : {}),
    });
  let server: ReturnType<typeof start>;
  try {
    server = start();
  } catch (error) {
    throw bindError(error, http.host, http.port);
  }
  await using _litestream = joined?.litestream;
  await using _fleet = joined?.fleet;
  await using _ = server;
  if (joined) ctx.endWithin?.(LEAVE_WITHIN_MS);
  joined?.start(server);
  listening(server.url);
  await new Promise<void>((resolve) => {
    if (ctx.signal.aborted) resolve();
    ctx.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  return 0;
}

function fleetParts({ fleet, secret, records, fenceOf }: JoinedFleet, base: () => ResolvedSettings) {
  const fileOf = (target: TenantTarget | null) => {
    const { settings } = target === null ? base() : settingsFor(base(), target);
    return firstRecordFileOf(settings, settings.apiUrl ?? "");
  };
  const replicated = records && {
    lagMs: () => records.lagMs,
    take: (tenant: TenantName, lease: HeldLease, target: TenantTarget | null) =>
      records.take(tenant, lease, fileOf(target)),
    leave: (target: TenantTarget | null) => records.leave(fileOf(target)),
  };
  const recordFence = (target: TenantTarget | null) => fenceOf(fileOf(target));
  return { fleet, secret, recordFence, ...(replicated ? { records: replicated } : {}) };
}

/** The Prefect of the settings, as a caller would name it. */
function ownTarget({ apiUrl, auth }: Settings): TenantTarget {
  return { url: apiUrl ?? "", credential: auth };
}

async function addressesOf(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

function bindError(error: unknown, host: string, port: number): AppError {
  if (error instanceof AppError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "EADDRINUSE") {
    return new AppError("invalid_config", sentence`Port ${port} of ${asPlace(host)} is in use.`, {
      hint: "Choose another with --port, or --port 0 for a free one.",
    });
  }
  return new AppError(
    "invalid_config",
    sentence`Cannot listen on ${asPlace(host)}:${port}: ${toAppError(error).sentence}`,
    {
      hint: "Check --host, --port, --tls-cert and --tls-key.",
    },
  );
}
