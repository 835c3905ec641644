/** The whole engine while the database behind the URL is restored, emptied or replaced by another one, in simulated time. */
import { describe, expect, test } from "bun:test";
import { formatIsoUs } from "../../src/lib/time.ts";
import { bytesToUuid } from "../../src/lib/uuid.ts";
import { findFact } from "../../src/store/sync-state.ts";
import { Prng } from "./prng.ts";
import { runScript } from "./run-script.ts";
import { aScene, emit, held, MINUTE, type Scene } from "./scene.ts";
import { SimMachine } from "./sim-clocks.ts";
import { SimDatabase } from "./sim-database.ts";
import type { SimRecord } from "./sim-disk.ts";
import { SimProcess } from "./sim-process.ts";

const SECOND = 1_000;

/** Ids of the events in a record, the one in use by default. */
const idsIn = (scene: Scene, record: SimRecord = scene.disk.current) =>
  new Set(
    record.sqlite
      .query<{ id: Uint8Array }, []>("SELECT id FROM event")
      .all()
      .map(({ id }) => bytesToUuid(id)),
  );

const eventsOf = (database: SimDatabase) => new Set(database.rows.map((row) => row.event.id));

const KINDS_OF_ROWS = ["flow_run", "task_run", "log"];

/** Claims of a kind in the record in use. `beforeUs`: only those of readings that began earlier; both clocks are equal. */
const claims = (scene: Scene, kind: string, beforeUs = Number.MAX_SAFE_INTEGER) =>
  scene.disk.current.sqlite
    .query<{ n: number }, [string, number]>("SELECT count(*) AS n FROM coverage WHERE kind = ? AND verified_us < ?")
    .get(kind, beforeUs)?.n;

const shownRuns = (scene: Scene) =>
  scene.disk.current.sqlite
    .query<{ n: number }, []>("SELECT count(*) AS n FROM flow_run WHERE deleted_us IS NULL")
    .get()?.n;

/** The record in use says that another server answers, or is no longer that of the first one. */
const isNoticed = (scene: Scene) => {
  const first = scene.disk.records[0];
  const db = scene.disk.current.open(new SimProcess(scene.time, new SimMachine(scene.time, 0)));
  return scene.disk.current !== first || findFact(db, "otherServer") !== null;
};

/** Milliseconds until a condition is true, in steps of a second. */
function waitFor(scene: Scene, isTrue: () => boolean, limitMs: number): number {
  let ms = 0;
  for (; ms < limitMs && !isTrue(); ms += SECOND) scene.run(SECOND);
  return ms;
}

/** Another database with so many events that occurred in the last ten minutes. */
function anotherDatabase(scene: Scene, count: number, template: SimDatabase | null = null): SimDatabase {
  const random = new Prng(99);
  const database = new SimDatabase(random, template);
  for (let i = 0; i < count; i += 1) {
    const us = scene.server.nowUs() - 10 * MINUTE * 1000 + i * SECOND * 1000;
    const event = {
      id: random.uuid(),
      occurred: formatIsoUs(us),
      event: "lake.loaded",
      resource: { "prefect.resource.id": "lake.9" },
      related: [],
      payload: {},
      follows: null,
      received: formatIsoUs(us + 1_000),
    };
    database.published.set(event.id, [event]);
    database.store(event, us, scene.time.nowMs);
  }
  return database;
}

/** Flow runs that fail after some seconds, so that their task runs and logs are read too. */
function startRuns({ time, server }: Scene, count: number): void {
  for (let seed = 1; seed <= count; seed += 1)
    runScript({ seed, fails: true, deleted: false, silent: false, time, server, sent: [] });
}

describe("a database that was restored from a backup", () => {
  test("and has as many other events of the same time: all of them are recorded, none is claimed away", () => {
    const scene = aScene();
    const { server } = scene;
    emit(scene, 3, 20 * MINUTE);
    scene.run(2 * MINUTE);
    const lostAtMs = scene.time.nowMs;
    emit(scene, 60);
    scene.run(10 * MINUTE);
    expect(held(scene)).toBe(63);
    // No connection is lost, and nothing is streamed: only what is read over REST can show it.
    scene.faults.set("deaf", Number.POSITIVE_INFINITY);
    server.database.restore(lostAtMs - SECOND, scene.time.nowMs);
    emit(scene, 60, scene.time.nowMs - lostAtMs);
    scene.run(MINUTE);
    expect(eventsOf(server.database).size).toBe(63);
    const recorded = idsIn(scene);
    expect([...eventsOf(server.database)].filter((id) => !recorded.has(id))).toEqual([]);
    expect(scene.disk.records).toHaveLength(1);
  });

  test("has lost runs: claims over runs, task runs and logs are withdrawn at once, and the runs are found deleted", () => {
    const scene = aScene();
    emit(scene, 3, 20 * MINUTE);
    scene.run(MINUTE);
    const backupMs = scene.time.nowMs;
    scene.run(MINUTE);
    startRuns(scene, 45);
    scene.run(5 * MINUTE);
    expect(shownRuns(scene)).toBe(45);
    for (const kind of KINDS_OF_ROWS) expect(claims(scene, kind)).toBeGreaterThan(0);
    const restoredUs = scene.server.nowUs();
    scene.server.stop("restored", { backMs: scene.time.nowMs - backupMs, isCopy: false });
    scene.server.start();
    // No claim is left of a reading from before.
    const isWithdrawn = () => KINDS_OF_ROWS.every((kind) => claims(scene, kind, restoredUs) === 0);
    expect(waitFor(scene, isWithdrawn, 2 * MINUTE)).toBeLessThanOrEqual(15 * SECOND);
    expect(waitFor(scene, () => shownRuns(scene) === 0, 3 * MINUTE)).toBeLessThanOrEqual(MINUTE);
    expect(scene.disk.records).toHaveLength(1);
  });
});

describe("a database that was emptied", () => {
  test("has none of 45 runs: within seconds the record is no longer used, and a new one begins without them", () => {
    const scene = aScene();
    startRuns(scene, 45);
    scene.run(5 * MINUTE);
    expect(shownRuns(scene)).toBe(45);
    scene.server.stop("emptied", { backMs: 0, isCopy: true });
    scene.server.start();
    expect(waitFor(scene, () => isNoticed(scene), 2 * MINUTE)).toBeLessThanOrEqual(15 * SECOND);
    scene.run(10 * SECOND);
    expect([scene.disk.records.length, shownRuns(scene), held(scene)]).toEqual([2, 0, 0]);
    expect(claims(scene, "event")).toBeGreaterThan(0);
  });
});

describe("another server at the same URL", () => {
  for (const keepsConnections of [false, true]) {
    const how = keepsConnections ? "while open connections still lead to the first one" : "and connections are lost";
    test(`is noticed within a minute ${how}, and has a record of its own`, () => {
      const scene = aScene();
      const first = scene.server.database;
      emit(scene, 10);
      startRuns(scene, 3);
      scene.run(10 * MINUTE);
      const other = anotherDatabase(scene, 30, first);
      scene.server.swap(other, keepsConnections);
      expect(waitFor(scene, () => isNoticed(scene), 3 * MINUTE)).toBeLessThanOrEqual(MINUTE);
      scene.run(2 * MINUTE);
      expect(scene.disk.records).toHaveLength(2);
      expect(idsIn(scene)).toEqual(eventsOf(other));
      expect(shownRuns(scene)).toBe(0);
      expect(idsIn(scene, scene.disk.records[0])).toEqual(eventsOf(first));
    });
  }

  test("gives way to the first one: the record of the first is used again, and nothing is mixed", () => {
    const scene = aScene();
    const first = scene.server.database;
    emit(scene, 10);
    scene.run(10 * MINUTE);
    const other = anotherDatabase(scene, 30, first);
    for (let round = 0; round < 3; round += 1) {
      scene.server.swap(other, round === 1);
      scene.run(3 * MINUTE);
      emit(scene, 2);
      scene.run(MINUTE);
      expect(scene.disk.current).toBe(scene.disk.records[1] as SimRecord);
      scene.server.swap(first, round === 1);
      const inUse = () => scene.disk.current === scene.disk.records[0];
      expect(waitFor(scene, inUse, 3 * MINUTE)).toBeLessThanOrEqual(MINUTE);
      emit(scene, 2);
      scene.run(2 * MINUTE);
    }
    expect(scene.disk.records).toHaveLength(2);
    expect(idsIn(scene)).toEqual(eventsOf(first));
    expect(idsIn(scene, scene.disk.records[1])).toEqual(eventsOf(other));
  });

  test("is noticed too where no event is recorded, by its built-in block types, within four minutes", () => {
    const scene = aScene();
    scene.run(10 * MINUTE);
    scene.server.swap(anotherDatabase(scene, 0), true);
    expect(waitFor(scene, () => isNoticed(scene), 10 * MINUTE)).toBeLessThanOrEqual(4 * MINUTE);
  });
});
