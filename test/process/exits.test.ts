import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { aFlowRun, anEvent } from "../support/builders.ts";
import { startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { type Form, isAlive, makePlace, startClient } from "./program.ts";

const place = makePlace();
const prefect = await startFakePrefect();
prefect.workspace.flowRuns.push(aFlowRun());
prefect.emit([anEvent(), anEvent()]);
const env = place.env({ PREFECT_API_URL: prefect.url });

afterAll(async () => {
  await prefect.stop();
  place[Symbol.dispose]();
});

/** The record's files, once the Worker has written into it. */
function recordFile(): string | null {
  if (!existsSync(place.dataDir)) return null;
  const name = readdirSync(place.dataDir).find((file) => file.endsWith(".sqlite"));
  return name ? join(place.dataDir, name) : null;
}

async function startSyncing(form: Form) {
  const client = startClient(await place.command(form), { cwd: place.dir, env });
  await client.initialize();
  await waitUntil(
    "the record is being synced",
    async () => (await client.call("get_record_status")).syncing === "self",
  );
  return client;
}

function expectClean(pid: number): void {
  expect(isAlive(pid)).toBe(false);
  const file = recordFile();
  expect(file).not.toBeNull();
  const wal = `${file}-wal`;
  expect(existsSync(wal) ? statSync(wal).size : 0).toBe(0);
}

/** Ids of processes whose parent this is. */
function childrenOf(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  return existsSync(path) ? readFileSync(path, "utf8").split(" ").filter(Boolean).map(Number) : [];
}

describe.each<Form>(["source", "bundle", "compiled"])("the %s program while it syncs", (form) => {
  test("ends within a second with exit code 0 when stdin ends, the record checkpointed", async () => {
    await using client = await startSyncing(form);
    const children = childrenOf(client.child.pid);
    const tookMs = await client.close();
    expect(client.child.exitCode).toBe(0);
    expect(tookMs).toBeLessThan(1000);
    expectClean(client.child.pid);
    expect(children.filter(isAlive)).toEqual([]);
  });

  test.each(["SIGTERM", "SIGINT"] as const)("ends within a second on %s, the record checkpointed", async (signal) => {
    await using client = await startSyncing(form);
    const begun = performance.now();
    client.child.kill(signal);
    await client.child.exited;
    expect(performance.now() - begun).toBeLessThan(1000);
    expect(client.child.exitCode).toBe(0);
    expectClean(client.child.pid);
  });
});

describe("a process that was only just started", () => {
  test("ends at once when stdin is empty", async () => {
    await using client = startClient(await place.command("source"), { cwd: place.dir, env });
    await client.close();
    expect(client.child.exitCode).toBe(0);
  });

  test("ends on a signal before anything was asked", async () => {
    await using client = startClient(await place.command("source"), { cwd: place.dir, env });
    await client.initialize();
    client.child.kill("SIGTERM");
    await client.child.exited;
    expect(client.child.exitCode).toBe(0);
  });
});

test("a process without work uses no processor time", async () => {
  await using client = await startSyncing("source");
  await Bun.sleep(3000);
  await client.close();
  // Starting takes some tenths of a second; a thread that spins would have taken three seconds more.
  expect(Number(client.child.resourceUsage()?.cpuTime.total ?? 0n) / 1e6).toBeLessThan(2);
});
