/** One process with the whole engine, on a simulated server, network, disk and clock. */
import { silentLogger } from "../../src/lib/logger.ts";
import { formatIsoUs } from "../../src/lib/time.ts";
import { createRedactor } from "../../src/model/secrets/redact.ts";
import { createSyncSession, type SyncSession } from "../../src/sync/session.ts";
import { DEFAULT_SYNC_SETTINGS } from "../support/default-sync-settings.ts";
import type { FaultKind, Knobs } from "./plan.ts";
import { Prng } from "./prng.ts";
import { SimApi } from "./sim-api.ts";
import { SimMachine } from "./sim-clocks.ts";
import { SimDisk } from "./sim-disk.ts";
import { SimProcess } from "./sim-process.ts";
import { SimServer } from "./sim-server.ts";
import { VirtualTime } from "./virtual-time.ts";

export const MINUTE = 60_000;
const KNOBS: Knobs = {
  serverSkewMs: 0,
  clientSkewMs: 0,
  skewKnown: true,
  retentionMs: 7 * 24 * 60 * MINUTE,
  backfillMs: 7 * 24 * 60 * MINUTE,
  keepMs: 0,
  pageSize: 50,
  ties: "insertion",
  rounds: false,
  history: 0,
  historyMs: MINUTE,
  stream: true,
  objects: true,
};

export interface Scene {
  readonly time: VirtualTime;
  readonly server: SimServer;
  readonly api: SimApi;
  readonly disk: SimDisk;
  readonly session: SyncSession;
  readonly faults: Map<FaultKind, number>;
  run(ms: number): void;
}

export function aScene(): Scene {
  const time = new VirtualTime();
  const random = new Prng(7);
  const faults = new Map<FaultKind, number>();
  const server = new SimServer({ time, knobs: KNOBS, faults, random });
  const process = new SimProcess(time, new SimMachine(time, 0));
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
    records: disk.recordsOf(process),
    acquireLeader: () => ({ file: "", release: () => {} }),
    random: () => random.next(),
  });
  void session.run(new AbortController().signal);
  return { time, server, api, disk, session, faults, run: (ms) => time.runUntil(time.nowMs + ms, () => {}) };
}

/** Publishes events that occurred `lateMs` ago, one microsecond apart. */
export const emit = (scene: Scene, count: number, lateMs = 0) => {
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

/** Number of events in the record that is in use. */
export const held = (scene: Scene) =>
  scene.disk.current.sqlite.query<{ n: number }, []>("SELECT count(*) AS n FROM event").get()?.n;
