/** Makes this server a node of a fleet. Loaded only where `PREFECT_MCP_FLEET_URL` is set. */
import { hostname } from "node:os";
import type { HttpSettings } from "../config/settings.ts";
import { AppError } from "../errors.ts";
import { openPostgresStore } from "../fleet/database/postgres-store.ts";
import { Fleet } from "../fleet/fleet.ts";
import type { NodeReport } from "../fleet/fleet-store.ts";
import { Litestream } from "../fleet/replica/litestream.ts";
import { systemClock } from "../lib/clock.ts";
import { parseHttpUrl } from "../lib/http-url.ts";
import type { Logger } from "../lib/logger.ts";
import { asPlace, sentence } from "../lib/shown-text.ts";
import type { HttpServer } from "../mcp/http/http.ts";
import type { FleetSettings } from "../model/fleet-settings.ts";
import { FleetRecords, localFence } from "./fleet-records.ts";
import { VERSION } from "./version.ts";

export interface JoinedFleet {
  readonly fleet: Fleet;
  readonly secret: string;
  /** Begins the session, now that the server listens. */
  start(server: HttpServer): void;
  /** The number with which this node's own file was written last. `first`: see `currentRecordFile`. */
  fenceOf(first: string): number;
  /** Absent: records are not replicated. */
  readonly records?: FleetRecords;
  /** Absent: no program replicates records. */
  readonly litestream?: Litestream;
}

const MIN_SECRET = 32;
const WILDCARDS = new Set(["0.0.0.0", "::", "[::]"]);

/** Throws AppError `invalid_config`. */
export async function joinFleet(settings: FleetSettings, http: HttpSettings, logger: Logger): Promise<JoinedFleet> {
  const { url, secret } = settings;
  const name = settings.node ?? hostname();
  if (secret === null || secret.length < MIN_SECRET) {
    throw new AppError("invalid_config", sentence`PREFECT_MCP_FLEET_SECRET needs at least ${MIN_SECRET} characters.`, {
      hint: "Set the same long random text on all nodes, for example the output of `openssl rand -hex 32`.",
    });
  }
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) {
    throw new AppError("invalid_config", sentence`${asPlace(name)} cannot be the name of a node.`, {
      hint: "Set PREFECT_MCP_FLEET_NODE to at most 64 letters, digits, `.`, `_` and `-`.",
    });
  }
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw new AppError("invalid_config", "PREFECT_MCP_FLEET_URL is not the URL of a PostgreSQL database.", {
      hint: "It begins with postgres://, for example postgres://user:password@db.example/fleet.",
    });
  }
  if (settings.address === null && WILDCARDS.has(http.host)) {
    throw new AppError("invalid_config", "PREFECT_MCP_FLEET_ADDRESS is not set.", {
      hint: "Other nodes cannot reach the address that the server binds to. Set the URL at which they reach this one.",
    });
  }
  if (settings.address !== null && parseHttpUrl(settings.address) === null) {
    throw new AppError("invalid_config", "PREFECT_MCP_FLEET_ADDRESS is not a URL.", {
      hint: "Set it to the URL at which other nodes reach this one, for example http://10.0.0.5:4201.",
    });
  }
  let server: HttpServer | null = null;
  const report = (): NodeReport => server?.fleetReport() ?? { open: 0, forwarded: 0, received: 0, live: 0 };
  const store = openPostgresStore(url);
  const fleet = new Fleet({
    name,
    version: VERSION,
    store,
    clock: systemClock,
    logger,
    report,
  });
  const litestream = settings.replica === null ? undefined : new Litestream(systemClock, logger);
  const records =
    litestream && settings.replica !== null
      ? new FleetRecords({ litestream, store, base: settings.replica, logger, clock: systemClock })
      : undefined;
  return {
    fleet,
    secret,
    fenceOf: localFence,
    ...(litestream && records ? { litestream, records } : {}),
    start(listening) {
      litestream?.start();
      server = listening;
      fleet.start(settings.address ?? new URL(listening.url).origin);
    },
  };
}
