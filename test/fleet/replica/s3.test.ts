/** Replicas on S3-compatible storage: a real Litestream and a real S3 server, reached through a proxy that can be cut. */
import { expect, test } from "bun:test";
import { type Subprocess, spawn } from "bun";
import { systemClock } from "../../../src/lib/clock.ts";
import { addUs, formatIsoUs } from "../../../src/lib/time.ts";
import { anEvent } from "../../support/builders.ts";
import { startFakePrefect } from "../../support/fake-prefect/fake-prefect.ts";
import { bareEnv } from "../../support/process/product.ts";
import { startFaultProxy } from "../../support/proxies/fault-proxy.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { callNode, type FleetNode, metricOf, startTestFleet } from "../fleet-nodes.ts";
import {
  callerOf,
  checkClaims,
  idsIn,
  idsOf,
  isRecorded,
  KEY,
  pathWithLitestream,
  recordOf,
  s3Server,
  startTwo,
  wholeReplica,
} from "./replica-nodes.ts";

const BUCKET = "fleet";

/** On a free port, with an empty bucket. */
async function startS3(program: string): Promise<{ port: number; child: Subprocess }> {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  const env = bareEnv({ HOME: "/nonexistent" });
  const child = spawn([program, "-H", "127.0.0.1", "-p", String(port)], { env, stdio: ["ignore", "ignore", "ignore"] });
  const url = `http://127.0.0.1:${port}/${BUCKET}`;
  await waitUntil("the S3 server", () =>
    fetch(url, { method: "PUT" }).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  return { port, child };
}

test("records are replicated to S3, restored from it while answers are live, and the lag of a silent storage is shown", async () => {
  const path = await pathWithLitestream();
  const program = path === null ? null : await s3Server();
  if (path === null || program === null) return;
  const s3 = await startS3(program);
  try {
    using storage = startFaultProxy({ hostname: "127.0.0.1", port: s3.port });
    await using own = await startFakePrefect();
    await using other = await startFakePrefect({ apiKey: KEY });
    const emit = (count: number) =>
      other.emit(
        Array.from({ length: count }, () => anEvent({ occurred: formatIsoUs(addUs(systemClock.nowUs(), -1_000_000)) })),
      );
    emit(60);
    await using fleet = await startTestFleet(own.url);
    const nodes = await startTwo(fleet, {
      PATH: path,
      PREFECT_MCP_FLEET_REPLICA: `s3://${BUCKET}/records?endpoint=http://127.0.0.1:${storage.port}&forcePathStyle=true`,
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_REGION: "us-east-1",
    });
    const ask = (node: FleetNode) => callNode(node, "read_events", callerOf(other), { limit: 5 });
    await waitUntil("the record", () => ask(nodes[0] as FleetNode), isRecorded);
    const owner = nodes.find((node) => recordOf(node) !== undefined) as FleetNode;
    const next = nodes.find((node) => node !== owner) as FleetNode;
    await wholeReplica(fleet, other.url);
    const lagOf = () => metricOf(owner, "fleet_replica_lag_seconds");
    await waitUntil("no lag", lagOf, (lag) => lag === 0);

    storage.set({ kind: "black-hole" });
    emit(100);
    await waitUntil("a lag", lagOf, (lag) => lag > 0);
    // The record is complete meanwhile.
    expect(isRecorded(await ask(owner))).toBe(true);
    await waitUntil("all events", () => idsIn(recordOf(owner) ?? "").length === idsOf(other).length);
    storage.set({ kind: "reset" });
    storage.set({ kind: "none" });
    await waitUntil("no lag", lagOf, (lag) => lag === 0);

    storage.set({ kind: "slow", delayMs: 700 });
    process.kill(owner.pid, "SIGKILL");
    const live = await waitUntil(
      "a new owner that restores",
      async () => [await ask(next), await metricOf(next, "fleet_tenants_owned")] as const,
      ([, owned]) => owned >= 1,
    );
    expect(live[0].isError).toBe(false);
    const restoring = await ask(next);
    expect([restoring.isError, restoring.structured.source]).toEqual([false, "live"]);
    expect(restoring.text).toContain("or the record is being restored");
    storage.set({ kind: "none" });
    await waitUntil("the restored record", () => ask(next), isRecorded);
    expect(next.stderr()).toContain("a record was restored from its replica");
    const file = recordOf(next) ?? "";
    await waitUntil("all events", () => idsIn(file).length === idsOf(other).length);
    expect(idsIn(file)).toEqual(idsOf(other));
    expect(checkClaims(file, other).missing).toEqual([]);
  } finally {
    s3.child.kill();
    await s3.child.exited;
  }
});
