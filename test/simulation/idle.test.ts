/** How many requests the engine sends and how soon it reacts, in simulated time. */
import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../src/lib/logger.ts";
import { formatIsoUs } from "../../src/lib/time.ts";
import { createRedactor } from "../../src/model/secrets/redact.ts";
import { createSyncSession, type SyncSession } from "../../src/sync/session.ts";
import { DEFAULT_SYNC_SETTINGS } from "../support/default-sync-settings.ts";
import type { FaultKind, Knobs } from "./plan.ts";
import { Prng } from "./prng.ts";
import { runScript } from "./run-script.ts";
import { SimApi } from "./sim-api.ts";
import { SimDisk } from "./sim-disk.ts";
import { SimProcess } from "./sim-process.ts";
import { SimServer } from "./sim-server.ts";
import { VirtualTime } from "./virtual-time.ts";

const MINUTE = 60_000;
const KNOBS: Knobs = {
  serverSkewMs: 0,
  clientSkewMs: 0,
  skewKnown: true,
  retentionMs: 7 * 24 * 60 * MINUTE,
  backfillMs: 7 * 24 * 60 * MINUTE,
  keepMs: 0,
  pageSize: 50,
  looseTies: false,
  rounds: false,
  history: 0,
  historyMs: MINUTE,
  stream: true,
  objects: true,
};

interface Scene {
  readonly time: VirtualTime;
  readonly server: SimServer;
  readonly api: SimApi;
  readonly disk: SimDisk;
  readonly session: SyncSession;
  readonly faults: Map<FaultKind, number>;
  run(ms: number): void;
}

function aScene(): Scene {
  const time = new VirtualTime();
  const random = new Prng(7);
  const faults = new Map<FaultKind, number>();
  const server = new SimServer({ time, knobs: KNOBS, faults, random });
  const process = new SimProcess(time, 0);
  const disk = new SimDisk(
    () => false,
    () => {},
  );
  const api = new SimApi({ time, server, process, knobs: KNOBS, random, fail: () => {}, onDelivery: () => {} });
  const session = createSyncSession({
    file: ":memory:",
    api,
    clock: process.clock,
    logger: silentLogger,
    settings: DEFAULT_SYNC_SETTINGS,
    redact: createRedactor({ credentials: [] }),
    db: disk.open(process),
    acquireLeader: () => ({ file: "", release: () => {} }),
    random: () => random.next(),
  });
  void session.run(new AbortController().signal);
  return { time, server, api, disk, session, faults, run: (ms) => time.runUntil(time.nowMs + ms, () => {}) };
}

const emit = (scene: Scene, count: number, lateMs = 0) => {
  const random = new Prng(scene.time.nowMs + 1);
  const us = scene.server.nowUs() - lateMs * 1000;
  scene.server.publish(
    Array.from({ length: count }, (_, i) => ({
      us: us + i,
      event: {
        id: random.uuid(),
        occurred: formatIsoUs(us + i),
        event: "lake.loaded",
        resource: { "prefect.resource.id": "lake.1" },
        related: [],
        payload: {},
        follows: null,
        received: "",
      },
    })),
  );
};

const held = (scene: Scene) => scene.disk.sqlite.query<{ n: number }, []>("SELECT count(*) AS n FROM event").get()?.n;

describe("the engine", () => {
  test("costs an idle workspace at most four requests a minute", () => {
    const scene = aScene();
    // Scheduled runs, and one that never ends.
    for (let seed = 1; seed <= 5; seed += 1) {
      const { time, server } = scene;
      runScript({ seed, fails: false, deleted: false, silent: seed < 5, time, server, sent: [] });
    }
    scene.run(10 * MINUTE);
    const before = scene.api.requests;
    scene.run(60 * MINUTE);
    expect((scene.api.requests - before) / 60).toBeLessThanOrEqual(4);
    // The engine does work, though.
    expect((scene.api.requests - before) / 60).toBeGreaterThan(2);
  });

  test("costs no more where websockets are refused, apart from the attempts to open one", () => {
    const scene = aScene();
    scene.faults.set("refused", Number.POSITIVE_INFINITY);
    scene.run(10 * MINUTE);
    const before = scene.api.requests - scene.api.dials;
    scene.run(60 * MINUTE);
    expect((scene.api.requests - scene.api.dials - before) / 60).toBeLessThanOrEqual(4);
  });

  test("stores streamed events within a second, and the rest of a burst as soon as the server has stored it", () => {
    const scene = aScene();
    scene.run(MINUTE);
    emit(scene, 1);
    scene.run(600);
    expect(held(scene)).toBe(1);
    emit(scene, 300);
    scene.run(12_000);
    expect(held(scene)).toBe(301);
  });

  test("finds the rest of late events soon after a part of them was streamed", () => {
    const scene = aScene();
    scene.run(10 * MINUTE);
    // More than the queue of a subscriber, and before the overlap of catch-ups.
    emit(scene, 12, 5 * MINUTE);
    scene.run(1_000);
    expect(held(scene)).toBe(8);
    scene.run(14_000);
    expect(held(scene)).toBe(12);
  });

  test("catches up within the interval where websockets are refused", () => {
    const scene = aScene();
    scene.faults.set("refused", Number.POSITIVE_INFINITY);
    scene.run(10 * MINUTE);
    emit(scene, 3);
    scene.run(26_000);
    expect(held(scene)).toBe(3);
  });

  test("reads all lists again within fifteen seconds once a client is active", () => {
    const scene = aScene();
    scene.run(10 * MINUTE);
    scene.session.markClientActive();
    scene.run(1_000);
    const before = scene.api.requests;
    scene.run(15_000);
    expect(scene.api.requests - before).toBeGreaterThanOrEqual(6);
  });
});
