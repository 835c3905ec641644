/** Records of a fleet that Litestream replicates to a shared folder: real processes, a real Litestream. The tests share the fleet. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/lib/clock.ts";
import { addUs, formatIsoUs } from "../../../src/lib/time.ts";
import { openRecord } from "../../../src/store/database.ts";
import { findFence } from "../../../src/store/fence.ts";
import { anEvent } from "../../support/builders.ts";
import { type FakePrefect, startFakePrefect } from "../../support/fake-prefect/fake-prefect.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { callNode, type FleetNode, startTestFleet, type TestFleet } from "../fleet-nodes.ts";
import {
  callerOf,
  checkClaims,
  idsIn,
  idsOf,
  isRecorded,
  KEY,
  pathWithLitestream,
  recordOf,
  startTwo,
  wholeReplica,
} from "./replica-nodes.ts";

const path = await pathWithLitestream();
const folder = mkdtempSync(join(tmpdir(), "prefect-mcp-replica-"));
const aside = mkdtempSync(join(tmpdir(), "prefect-mcp-aside-"));
let own: FakePrefect;
let other: FakePrefect;
let fleet: TestFleet;
let owner: FleetNode;
let next: FleetNode;
let late: FleetNode;
let key = "";

const ask = (node: FleetNode) => callNode(node, "read_events", callerOf(other), { limit: 5 });
const emit = (count: number, agoUs: number) =>
  other.emit(
    Array.from({ length: count }, () => anEvent({ occurred: formatIsoUs(addUs(systemClock.nowUs(), -agoUs)) })),
  );
/** Files of a replica with transactions, oldest first. */
const segments = (replica: string) =>
  [...new Bun.Glob("ltx/0/*.ltx").scanSync({ cwd: replica })].toSorted().map((name) => join(replica, name));

beforeAll(async () => {
  if (path === null) return;
  own = await startFakePrefect();
  other = await startFakePrefect({ apiKey: KEY });
  emit(60, 3_600_000_000);
  fleet = await startTestFleet(own.url);
  const nodes = await startTwo(fleet, { PATH: path, PREFECT_MCP_FLEET_REPLICA: `file://${folder}` });
  await waitUntil("the record", () => ask(nodes[0] as FleetNode), isRecorded);
  owner = nodes.find((node) => recordOf(node) !== undefined) as FleetNode;
  next = nodes.find((node) => node !== owner) as FleetNode;
  ({ key } = await wholeReplica(fleet, other.url));
});

afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
  await Promise.all([own?.stop(), other?.stop()]);
  for (const one of [folder, aside]) rmSync(one, { recursive: true, force: true });
});

const replicaOf = (base: string) => join(base, key, readdirSync(join(base, key)).toSorted().at(-1) ?? "");

test.if(path !== null)("in every state that a replica can be restored to, rows and claims agree", async () => {
  for (let round = 0; round < 4; round += 1) {
    const before = segments(replicaOf(folder)).length;
    emit(20, 1_000);
    await waitUntil("one more segment", () => segments(replicaOf(folder)).length > before);
  }
  cpSync(folder, aside, { recursive: true });
  const states = segments(replicaOf(aside)).map((file) => file.split("-").at(-1)?.replace(".ltx", "") ?? "");
  let most = 0;
  for (const [index, state] of states.entries()) {
    const out = join(aside, `state-${index}.sqlite`);
    const args = ["restore", "-txid", state, "-o", out, `file://${replicaOf(aside)}`];
    const child = Bun.spawn(["litestream", ...args], { env: { PATH: path ?? "" }, stderr: "pipe" });
    expect([await child.exited, await new Response(child.stderr).text()]).toEqual([0, ""]);
    const { missing, claimed } = checkClaims(out, other);
    expect({ state, missing }).toEqual({ state, missing: [] });
    most = Math.max(most, claimed);
  }
  expect(states.length).toBeGreaterThanOrEqual(4);
  expect(most).toBeGreaterThanOrEqual(60);
});

test.if(path !== null)(
  "a new owner restores an old replica with a torn end, and reads the rest from Prefect",
  async () => {
    emit(200, 1_000);
    await waitUntil("what the old replica lacks", () => idsIn(recordOf(owner) ?? "").length === idsOf(other).length);
    process.kill(owner.pid, "SIGKILL");
    // What the storage has is older than what the owner had, and its newest file is torn.
    renameSync(join(folder, key), join(aside, "newer"));
    cpSync(join(aside, key), join(folder, key), { recursive: true });
    const torn = segments(replicaOf(folder)).at(-1) ?? "";
    truncateSync(torn, statSync(torn).size - 20);
    const first = await ask(next);
    expect([first.isError, first.structured.source]).toEqual([false, "live"]);
    await waitUntil("the restored record", () => ask(next), isRecorded);
    expect(next.stderr()).toContain("an earlier state was restored");
    expect(next.stderr()).toContain("a record was restored from its replica");
    const file = recordOf(next) ?? "";
    await waitUntil("all events", () => idsIn(file).length === idsOf(other).length);
    expect(idsIn(file)).toEqual(idsOf(other));
    expect(checkClaims(file, other).missing).toEqual([]);
    const db = openRecord(file, "read");
    await waitUntil(
      "a write of the new owner",
      () => findFence(db),
      (fence) => fence > 1,
    );
    db.close();
  },
);

test.if(path !== null)(
  "an owner that was stopped past its lease writes neither the record nor the replica of the next one",
  async () => {
    late = await fleet.start("late", { PATH: path ?? "", PREFECT_MCP_FLEET_REPLICA: `file://${folder}` });
    const { fence } = await waitUntil("the replica of the owner", async () => {
      const whole = await wholeReplica(fleet, other.url);
      return whole.fence > 1 ? whole : null;
    });
    const before = idsIn(recordOf(next) ?? "").length;
    process.kill(next.pid, "SIGSTOP");
    emit(30, 1_000);
    const answer = await waitUntil("the record of the next owner", () => ask(late), isRecorded);
    expect(answer.isError).toBe(false);
    const whole = await waitUntil("its replica", async () => {
      const found = await wholeReplica(fleet, other.url);
      return found.fence > fence ? found : null;
    });
    emit(30, 1_000);
    process.kill(next.pid, "SIGCONT");
    // Its session was ended; it begins another one, and sends the request to the new owner.
    await waitUntil("a forwarded answer", () => ask(next), isRecorded);
    expect(next.stderr()).toContain("this node owns no tenants any more");
    expect(idsIn(recordOf(next) ?? "").length).toBe(before);
    const file = recordOf(late) ?? "";
    await waitUntil("all events", () => idsIn(file).length === idsOf(other).length);
    expect(idsIn(file)).toEqual(idsOf(other));
    expect(checkClaims(file, other).missing).toEqual([]);
    await waitUntil(
      "one follower",
      () => other.subscribers,
      (count) => count === 1,
    );
    const places = readdirSync(join(folder, key)).map((name) => Number(name.split("-")[0]));
    expect(places).toContain(whole.fence);
    expect(new Set(places).size).toBe(places.length);
  },
);

test.if(path !== null)("where the replica is empty, the record is filled from Prefect", async () => {
  process.kill(late.pid, "SIGKILL");
  rmSync(join(folder, key), { recursive: true });
  emit(30, 1_000);
  await waitUntil("the record", () => ask(next), isRecorded);
  expect(next.stderr()).toContain("the record is filled from Prefect");
  const file = recordOf(next) ?? "";
  await waitUntil("all events", () => idsIn(file).length === idsOf(other).length);
  expect(idsIn(file)).toEqual(idsOf(other));
  expect(checkClaims(file, other).missing).toEqual([]);
});
