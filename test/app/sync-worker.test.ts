import { describe, expect, test } from "bun:test";
import { createSyncer } from "../../src/app/sync-worker.ts";
import { loadSettings } from "../../src/config/load-settings.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { createLogger } from "../../src/lib/logger.ts";
import type { LiveBatch } from "../../src/model/events/live-batch.ts";
import { anEvent } from "../support/builders.ts";

const { settings } = loadSettings({
  flags: { "api-url": "http://127.0.0.1:9/api", "data-dir": "/nowhere" },
  env: {},
  cwd: "/nowhere",
  home: "/nowhere",
  platform: "linux",
});

const order = (id: string): LiveBatch => ({ kind: "event", rows: [{ ...anEvent(), id }], readUs: 1 });

function start() {
  const log: string[] = [];
  const changes: (readonly string[])[] = [];
  const waiting: (() => void)[] = [];
  const syncer = createSyncer({
    entry: import.meta.resolve("./scripted-worker.ts"),
    settings,
    version: "1",
    clock: systemClock,
    logger: createLogger("warn", (line) => void log.push(line)),
    onChange: ({ kinds }) => {
      changes.push(kinds);
      for (const resolve of waiting.splice(0)) resolve();
    },
  });
  /** What the Worker has heard so far. */
  const report = async (): Promise<readonly string[]> => {
    const told = new Promise<void>((resolve) => void waiting.push(resolve));
    syncer.saveLive(order("report"));
    await told;
    return changes.at(-1) ?? [];
  };
  return { syncer, log, report };
}

describe("the hold on the Worker", () => {
  test("starts it with the first live answer, without following", async () => {
    const { syncer, report } = start();
    expect(await report()).toEqual(["open", "keep report"]);
    await syncer.stop(1000);
  });

  test("tells it to follow, once, and stores in order what came before it was ready", async () => {
    const { syncer, report } = start();
    syncer.follow();
    syncer.follow();
    syncer.saveLive(order("a"));
    syncer.saveLive(order("b"));
    expect(await report()).toEqual(["open", "keep a", "keep b", "keep report"]);
    await syncer.stop(1000);
  });

  test("tells a Worker that only stored so far to follow", async () => {
    const { syncer, report } = start();
    await report();
    syncer.follow();
    expect(await report()).toEqual(["open", "keep report", "follow", "keep report"]);
    await syncer.stop(1000);
  });

  test("starts it again after a crash and says so", async () => {
    const { syncer, log, report } = start();
    await report();
    syncer.saveLive(order("crash"));
    while (log.length < 2) await systemClock.sleep(5);
    expect(await report()).toEqual(["open", "keep report"]);
    const [failed, again] = log.map((line) => JSON.parse(line) as { message: string; error?: string });
    expect(failed).toMatchObject({
      level: "error",
      message: "the sync worker failed",
      error: "error: crashed as told",
    });
    expect(again).toMatchObject({ level: "warn", message: "the sync worker ended and is started again" });
    await syncer.stop(1000);
  });

  test("knows when the record cannot be written", async () => {
    const { syncer, report } = start();
    expect(syncer.trouble).toBeNull();
    syncer.saveLive(order("trouble"));
    await report();
    expect(syncer.trouble).toEqual({ code: "unavailable", message: "The disk is full.", hint: null });
    await syncer.stop(1000);
  });

  test("does nothing more once it is stopped", async () => {
    const { syncer, log } = start();
    await syncer.stop(1000);
    syncer.follow();
    syncer.saveLive(order("late"));
    await syncer.stop(1000);
    expect(log).toEqual([]);
  });
});
