import { describe, expect, test } from "bun:test";
import { parseJson } from "../../../src/lib/exact-json.ts";
import type { Flow, SnapshotKind, SnapshotObjects } from "../../../src/model/objects.ts";
import { inTransaction, type RecordDb } from "../../../src/store/database.ts";
import {
  findObject,
  findObjectChanges,
  findObjectNames,
  findObjects,
  markObjectDeleted,
  upsertNewestObjects,
  upsertObjects,
} from "../../../src/store/objects/objects.ts";
import { findFact } from "../../../src/store/sync-state.ts";
import { aConcurrencyLimit, aDeployment, aFlow, anId, at, aWorker, aWorkQueue, T0_US } from "../../support/builders.ts";
import { memoryRecord } from "../../support/memory-record.ts";

function upsert<K extends SnapshotKind>(
  db: RecordDb,
  kind: K,
  rows: readonly SnapshotObjects[K][],
  readUs: number,
  whole = true,
): string[] {
  return inTransaction(db, () => upsertObjects(db, kind, rows, readUs, whole));
}

const changes = (db: RecordDb) => findObjectChanges(db, { fromUs: 0, toUs: 1e15, limit: 50 });

describe("snapshots of objects", () => {
  test("store the last document, list by name, and state when they were read", () => {
    using db = memoryRecord();
    const [b, a] = [aFlow({ name: "b" }), aFlow({ name: "a" })];
    expect(upsert(db, "flow", [b, a], 1000)).toEqual([b.id, a.id]);
    expect(findObjects(db, "flow").map((row) => row.doc)).toEqual([a, b]);
    expect(findFact(db, "read:flow")).toEqual({ readUs: 1000, count: 2 });
    expect(findObjectNames(db, "flow", [a.id, anId()])).toEqual(new Map([[a.id, "a"]]));
    expect(changes(db)).toEqual([]);
  });

  test("history lists what was created, updated and deleted between two readings, without volatile fields", () => {
    using db = memoryRecord();
    const limit = { id: anId(), name: "deployment:x", limit: 2, active_slots: 0, updated: at() };
    const kept = aDeployment({ name: "kept", global_concurrency_limit: limit });
    const removed = aDeployment({ name: "removed" });
    upsert(db, "deployment", [kept, removed], 1000);
    const busy = {
      ...kept,
      updated: at(5),
      last_polled: at(5),
      status: "NOT_READY",
      global_concurrency_limit: { ...limit, active_slots: 2 },
    };
    expect(upsert(db, "deployment", [busy, removed], 2000)).toEqual([]);
    const made = aDeployment({ name: "made", created: at(1e9) });
    expect(upsert(db, "deployment", [{ ...busy, paused: true }, made], 3000)).toEqual([kept.id, made.id, removed.id]);
    expect(changes(db)).toEqual([
      { atUs: 3000, sinceUs: 2000, kind: "deployment", id: removed.id, name: "removed", change: "deleted", diff: {} },
      { atUs: 3000, sinceUs: 3000, kind: "deployment", id: made.id, name: "made", change: "created", diff: {} },
      {
        atUs: 3000,
        sinceUs: 2000,
        kind: "deployment",
        id: kept.id,
        name: "kept",
        change: "updated",
        diff: { paused: { from: false, to: true } },
      },
    ]);
    expect(findObjects(db, "deployment").map((row) => row.name)).toEqual(["kept", "made"]);
    expect(findObject(db, "deployment", removed.id)).toMatchObject({
      name: "removed",
      deletedUs: 3000,
      parentId: removed.flow_id,
    });
  });

  test("history distinguishes exact numbers, and shows no change where one was recorded as a double before", () => {
    using db = memoryRecord();
    const limit = (text: string) => ({
      ...aConcurrencyLimit({ id: anId(3), name: "wide" }),
      ...(parseJson(text) as object),
    });
    upsert(db, "concurrency_limit", [limit('{"limit":9223372036854775807,"slot_decay_per_second":0.5}')], 1000);
    upsert(db, "concurrency_limit", [limit('{"limit":9223372036854775806,"slot_decay_per_second":0.5}')], 2000);
    const written = () => changes(db).map(({ diff }) => JSON.stringify(diff));
    expect(written()).toEqual(['{"limit":{"from":9223372036854775807,"to":9223372036854775806}}']);
    upsert(db, "concurrency_limit", [limit('{"limit":4,"slot_decay_per_second":0}')], 3000);
    upsert(db, "concurrency_limit", [limit('{"limit":4,"slot_decay_per_second":0.0}')], 4000);
    expect(written()).toHaveLength(2);
    expect(JSON.stringify(findObject(db, "concurrency_limit", anId(3))?.doc)).toContain('"slot_decay_per_second":0.0');
  });

  test("of a long list, the newest page proves deletions after its last object, and older objects are no longer held", () => {
    using db = memoryRecord();
    const flow = (name: string, second: number) => aFlow({ name, updated: at(second) });
    const [old, edge, gone, kept] = [flow("old", 1), flow("edge", 5), flow("gone", 6), flow("kept", 7)];
    upsert(db, "flow", [old, edge, gone, kept], 1000);
    const newest = (rows: readonly Flow[], readUs: number) =>
      inTransaction(db, () => upsertNewestObjects(db, "flow", rows, readUs));
    const [last, made] = [flow("last", 5), flow("made", 8)];
    const paused = { ...kept, tags: ["paused"] };
    expect(newest([made, paused, last], 2000)).toEqual([made.id, kept.id, last.id, edge.id, gone.id, old.id]);
    expect(findObjects(db, "flow").map(({ name }) => name)).toEqual(["kept", "last", "made"]);
    expect(findObject(db, "flow", gone.id)?.deletedUs).toBe(2000);
    expect(findObject(db, "flow", old.id)).toBeNull();
    // The two that are new to the record may be old: nothing says that they were created since.
    expect(changes(db).map(({ name, change }) => [name, change])).toEqual([
      ["gone", "deleted"],
      ["kept", "updated"],
    ]);
    expect(findFact(db, "read:flow")).toBeNull();
    expect(findFact(db, "newest:flow")).toEqual({ readUs: 2000, count: 3, sinceUs: T0_US + 5_000_000 });
    expect([newest([flow("older", 3)], 1500), upsert(db, "flow", [], 1500)]).toEqual([[], []]);
    upsert(db, "flow", [made], 3000);
    expect(findFact(db, "read:flow")).toEqual({ readUs: 3000, count: 1 });
    expect(findFact(db, "newest:flow")).toBeNull();
    expect(findObjects(db, "flow").map(({ name }) => name)).toEqual(["made"]);
  });

  test("a partial list deletes nothing, and an older reading is ignored", () => {
    using db = memoryRecord();
    const [a, b] = [aFlow({ name: "a" }), aFlow({ name: "b" })];
    upsert(db, "flow", [a, b], 2000);
    upsert(db, "flow", [a], 3000, false);
    expect(upsert(db, "flow", [{ ...b, tags: ["old"] }], 1000)).toEqual([]);
    expect(findObjects(db, "flow").map((row) => row.doc)).toEqual([a, b]);
  });

  test("a deleted object that is listed again counts as created", () => {
    using db = memoryRecord();
    const flow = aFlow({});
    upsert(db, "flow", [flow], 1000);
    inTransaction(db, () => markObjectDeleted(db, "flow", flow.id, 1500));
    upsert(db, "flow", [flow], 2000);
    expect(changes(db).map((change) => [change.change, change.sinceUs, change.atUs])).toEqual([
      ["created", 1500, 2000],
      ["deleted", 1000, 1500],
    ]);
    expect(findObject(db, "flow", flow.id)?.deletedUs).toBeNull();
  });

  test("queues and workers are found by their pool; a change of a worker's status is recorded", () => {
    using db = memoryRecord();
    const pool = anId();
    const worker = aWorker({ work_pool_id: pool });
    upsert(db, "work_queue", [aWorkQueue({ work_pool_id: pool }), aWorkQueue({})], 1000);
    upsert(db, "worker", [worker], 1000);
    upsert(db, "worker", [{ ...worker, status: "OFFLINE", last_heartbeat_time: at(9) }], 2000);
    expect(findObjects(db, "work_queue", { parentId: pool }).length).toBe(1);
    expect(changes(db).map((change) => change.diff)).toEqual([{ status: { from: "ONLINE", to: "OFFLINE" } }]);
  });
});
