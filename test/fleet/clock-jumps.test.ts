/** Two nodes and a real PostgreSQL; the wall clock of the owner is set while it runs. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPostgresStore } from "../../src/fleet/database/postgres-store.ts";
import { type FakePrefect, startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { MAIN } from "../support/process/product.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { callNode, type FleetNode, startTestFleet, type TestFleet } from "./fleet-nodes.ts";

const SHIM = Bun.fileURLToPath(import.meta.resolve("../process/clock-shim.ts"));
const folder = mkdtempSync(join(tmpdir(), "clock-jumps-"));
const file = join(folder, "offsets");
let prefect: FakePrefect;
let fleet: TestFleet;
let owner: FleetNode;
let other: FleetNode;
let wall: Float64Array;

beforeAll(async () => {
  await Bun.write(file, new Uint8Array(16));
  wall = new Float64Array(Bun.mmap(file, { shared: true }).buffer);
  prefect = await startFakePrefect();
  fleet = await startTestFleet(prefect.url);
  owner = await fleet.start("a", { CLOCK_SHIM_FILE: file }, [process.execPath, "--preload", SHIM, MAIN]);
  await waitUntil("an answer from the record", () => callNode(owner, "read_events"), isRecorded);
  other = await fleet.start("b");
});

afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
  await prefect?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const isRecorded = ({ structured, isError }: Awaited<ReturnType<typeof callNode>>) =>
  !isError && structured.source === "record";

test.each([
  ["forward", 60_000],
  ["back", -60_000],
])("a node whose wall clock is set %s by a minute keeps its session and its tenants", async (_, ms) => {
  const store = openPostgresStore(fleet.databaseUrl);
  const before = await store.status();
  wall[0] = ms;
  const renewed = (count: number) => (one: { incarnation: string; renewals: number }) => {
    const then = before.nodes.find(({ incarnation }) => incarnation === one.incarnation)?.renewals ?? 0;
    return one.renewals >= then + count;
  };
  // As many renewals as another node waits for before it ends a session, and more.
  const after = await waitUntil(
    "renewals of both nodes",
    () => store.status(),
    ({ nodes }) => nodes.length === 2 && nodes.every(renewed(8)),
  );
  await store[Symbol.asyncDispose]();
  const leases = ({ tenants }: typeof after) => tenants.map(({ owner: name, fence }) => ({ name, fence }));
  expect(leases(after)).toEqual(leases(before));
  for (const node of [owner, other]) {
    expect((await callNode(node, "read_events")).isError).toBe(false);
    expect(node.stderr()).not.toMatch(/could not renew|owns no tenants|lost its tenants/);
  }
  expect(prefect.subscribers).toBe(1);
});
