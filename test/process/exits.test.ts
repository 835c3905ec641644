import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { aFlowRun, anEvent } from "../support/builders.ts";
import { startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { type Form, isAlive, type LineClient, makePlace, startClient } from "./program.ts";

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

/** The Worker ended by itself and not by a deadline, and the record is whole without its log. */
async function expectClean(client: LineClient): Promise<void> {
  expect(isAlive(client.child.pid)).toBe(false);
  expect(await client.stderr()).not.toContain("terminated");
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

/** States of all threads of a process, as in proc_pid_stat(5); empty on systems without /proc. */
function threadStates(pid: number): string[] {
  const folder = `/proc/${pid}/task`;
  if (!existsSync(folder)) return [];
  const stats = readdirSync(folder).map((thread) => readFileSync(`${folder}/${thread}/stat`, "utf8"));
  return stats.map((text) => text.replace(/^.*\) /s, "").charAt(0));
}

describe.each<Form>(["source", "bundle", "compiled"])("the %s program while it syncs", (form) => {
  test("ends by itself with exit code 0 when stdin ends, the record checkpointed", async () => {
    await using client = await startSyncing(form);
    const children = childrenOf(client.child.pid);
    await client.close();
    expect(client.child.exitCode).toBe(0);
    await expectClean(client);
    expect(children.filter(isAlive)).toEqual([]);
  });

  test.each(["SIGTERM", "SIGINT"] as const)("ends by itself on %s, the record checkpointed", async (signal) => {
    await using client = await startSyncing(form);
    client.child.kill(signal);
    await client.child.exited;
    // A process that has to be ended by its own deadline has the exit code of the signal.
    expect(client.child.exitCode).toBe(0);
    await expectClean(client);
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
  // A thread that spins is runnable all the time, also while it waits for a processor.
  let sleeping = 0;
  const count = () => {
    sleeping = threadStates(client.child.pid).includes("R") ? 0 : sleeping + 1;
    return sleeping;
  };
  await waitUntil("no thread is runnable, twenty times in a row", count, (times) => times >= 20);
  await client.close();
});
