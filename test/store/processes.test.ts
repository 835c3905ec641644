import { expect, test } from "bun:test";
import { join } from "node:path";
import { openRecord } from "../../src/store/database.ts";
import { findEventRange } from "../../src/store/events/events.ts";
import { tryBecomeLeader } from "../../src/store/file/leader-lock.ts";
import { seededRandom } from "../support/random.ts";
import { claimedCount, findFaults } from "./check-record.ts";
import { tempRecordFile } from "./temp-record.ts";

const SCRIPT = join(import.meta.dir, "record-process.ts");

function start(...args: (string | number)[]) {
  return Bun.spawn({ cmd: [process.execPath, SCRIPT, ...args.map(String)], stdout: "pipe", stderr: "pipe" });
}

/** Reads the output of the process until it contains `text`. */
async function until(child: ReturnType<typeof start>, text: (said: string) => boolean): Promise<void> {
  let said = "";
  const reader = child.stdout.getReader();
  while (!text(said)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`ended after: ${said} ${await new Response(child.stderr).text()}`);
    said += new TextDecoder().decode(value);
  }
  reader.releaseLock();
}

test("four processes starting at once on a new file all open it and store the same events once", async () => {
  for (let round = 0; round < 3; round += 1) {
    const file = tempRecordFile();
    const children = Array.from({ length: 4 }, () => start("open", file));
    const said = await Promise.all(children.map((child) => new Response(child.stdout).text()));
    const errors = await Promise.all(children.map((child) => new Response(child.stderr).text()));
    expect(errors).toEqual(["", "", "", ""]);
    expect(said.map((one) => JSON.parse(one))).toEqual(Array(4).fill({ notice: null, count: 200 }));
    const db = openRecord(file, "write");
    expect(findFaults(db)).toEqual([]);
    db.close();
  }
});

test("of four processes that open a damaged file at once, one moves it aside", async () => {
  const file = tempRecordFile();
  openRecord(file, "write").close();
  await Bun.write(file, "no database".repeat(2000));
  const children = Array.from({ length: 4 }, () => start("open", file));
  const said = await Promise.all(
    children.map((child) => new Response(child.stdout).json() as Promise<{ notice: string | null; count: number }>),
  );
  expect(said.filter(({ notice }) => notice !== null)).toHaveLength(1);
  expect(said.map(({ count }) => count)).toEqual([200, 200, 200, 200]);
});

test("a writer killed at any moment leaves an intact file that has every event of its claims", async () => {
  const file = tempRecordFile();
  const random = seededRandom(7);
  let before = 0;
  for (let round = 0; round < 12; round += 1) {
    const child = start("ingest", file, round % 2 ? 50 : 170, round % 3 ? 200 : 4000, round % 2 ? before : 0);
    await until(child, (said) => said.includes("\n"));
    await Bun.sleep(random() * 60);
    child.kill("SIGKILL");
    await child.exited;
    const db = openRecord(file, "write");
    expect({ round, notice: db.notice, faults: findFaults(db) }).toEqual({ round, notice: null, faults: [] });
    const claimed = claimedCount(db);
    expect(claimed).toBeGreaterThanOrEqual(before);
    expect(findEventRange(db)?.count).toBeGreaterThanOrEqual(claimed);
    before = Math.floor(claimed / 10) * 10;
    db.close();
  }
});

test("one process of several holds the lock; when it is killed, another one gets it at once", async () => {
  const file = tempRecordFile();
  const first = start("lead", file);
  await until(first, (said) => said.includes("leading"));
  expect(tryBecomeLeader(file)).toBeNull();
  const second = start("lead", file);
  first.kill("SIGKILL");
  await first.exited;
  await until(second, (said) => said.includes("leading"));
  expect(tryBecomeLeader(file)).toBeNull();
  second.kill("SIGKILL");
  await second.exited;
  const own = tryBecomeLeader(file);
  expect(own?.file).toBe(`${file}.lock`);
  expect(tryBecomeLeader(file)).toBeNull();
  Bun.gc(true);
  expect(tryBecomeLeader(file)).toBeNull();
  own?.release();
  own?.release();
  const again = tryBecomeLeader(file);
  expect(again).not.toBeNull();
  again?.release();
});
