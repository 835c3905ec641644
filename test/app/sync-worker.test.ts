import { describe, expect, test } from "bun:test";
import { createSyncWorker } from "../../src/app/sync-worker.ts";
import { WriterStarts } from "../../src/app/writer-starts.ts";
import { loadSettings } from "../../src/config/load-settings.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { createLogger } from "../../src/lib/logger.ts";
import type { LiveBatch } from "../../src/model/events/live-batch.ts";
import { anEvent } from "../support/builders.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const { settings } = loadSettings({
  flags: { "api-url": "http://127.0.0.1:9/api", "data-dir": "/nowhere" },
  env: {},
  cwd: "/nowhere",
  home: "/nowhere",
  platform: "linux",
});

const batch = (id: string, chars = 0): LiveBatch => ({
  kind: "event",
  rows: [{ ...anEvent({ payload: { text: "x".repeat(chars) } }), id }],
  readUs: 1,
});

function start(starts?: WriterStarts) {
  const log: string[] = [];
  const changes: (readonly string[])[] = [];
  const waiting: (() => void)[] = [];
  const worker = createSyncWorker({
    entry: import.meta.resolve("./scripted-worker.ts"),
    settings,
    version: "1",
    clock: systemClock,
    starts,
    logger: createLogger("warn", (line) => void log.push(line)),
    onChange: ({ kinds }) => {
      changes.push(kinds);
      for (const resolve of waiting.splice(0)) resolve();
    },
  });
  /** The messages that the Worker has received so far. */
  const report = async (): Promise<readonly string[]> => {
    const answered = new Promise<void>((resolve) => void waiting.push(resolve));
    worker.saveLive(batch("report"));
    await answered;
    return changes.at(-1) ?? [];
  };
  return { worker, log, report };
}

describe("the sync Worker", () => {
  test("starts with the first live batch, without following", async () => {
    const { worker, report } = start();
    expect(await report()).toEqual(["open", "save report"]);
    await worker.stop(1000);
  });

  test("is ordered once to follow, and receives in order what was sent before it was ready", async () => {
    const { worker, report } = start();
    worker.follow();
    worker.follow();
    worker.saveLive(batch("a"));
    worker.saveLive(batch("b"));
    expect(await report()).toEqual(["open", "save a", "save b", "save report"]);
    await worker.stop(1000);
  });

  test("is ordered to follow later when it only stored at first", async () => {
    const { worker, report } = start();
    await report();
    worker.follow();
    expect(await report()).toEqual(["open", "save report", "follow", "save report"]);
    await worker.stop(1000);
  });

  test("is started again after a crash, which is logged", async () => {
    const { worker, log, report } = start();
    await report();
    worker.saveLive(batch("crash"));
    await waitUntil("the crash and the new start are logged", () => log.length >= 2);
    expect(await report()).toEqual(["open", "save report"]);
    const [failed, again] = log.map((line) => JSON.parse(line) as { message: string; error?: string });
    expect(failed).toMatchObject({
      level: "error",
      message: "the sync worker failed",
      error: "error: crashed as ordered",
    });
    expect(again).toMatchObject({ level: "warn", message: "the sync worker ended and is started again" });
    await worker.stop(1000);
  });

  test("gets no further live batches while it has too many bytes of them to process", async () => {
    const { worker, report } = start();
    const large = 10_000_000;
    for (let n = 0; n < 6; n += 1) worker.saveLive(batch("slow", large));
    const received = await report();
    expect(received).toEqual(["open", "save slow", "save slow", "save slow", "save report"]);
    await worker.stop(1000);
  });

  test("gets live batches of any total size as long as it processes them", async () => {
    const { worker, report } = start();
    for (let n = 0; n < 6; n += 1) {
      worker.saveLive(batch("a", 10_000_000));
      await report();
    }
    expect((await report()).filter((one) => one === "save a")).toHaveLength(6);
    await worker.stop(1000);
  });

  test("does nothing after it is stopped", async () => {
    const { worker, log } = start();
    await worker.stop(1000);
    worker.follow();
    worker.saveLive(batch("late"));
    await worker.stop(1000);
    expect(log).toEqual([]);
  });

  test("waits for its turn to start, which ends when another has opened its record or is stopped", async () => {
    const starts = new WriterStarts(systemClock, 1);
    const [first, second, third, fourth] = [start(starts), start(starts), start(starts), start(starts)];
    const order: string[] = [];
    for (const [name, { report }] of Object.entries({ first, second, third, fourth }))
      void report().then(() => order.push(name));
    await first.report();
    expect(order).toEqual(["first"]);
    // It waits, and makes room for the others.
    await third.worker.stop(1000);
    first.worker.saveLive(batch("started"));
    await second.report();
    await first.report();
    expect(order).toEqual(["first", "second"]);
    await second.worker.stop(1000);
    expect(await fourth.report()).toContain("open");
    expect(order).toEqual(["first", "second", "fourth"]);
    await Promise.all([first.worker.stop(1000), fourth.worker.stop(1000)]);
  });
});
