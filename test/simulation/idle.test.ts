/** How many requests the engine sends and how soon it reacts, in simulated time. */
import { describe, expect, test } from "bun:test";
import { uuidToBytes } from "../../src/lib/uuid.ts";
import { runScript } from "./run-script.ts";
import { aScene, emit, held, MINUTE } from "./scene.ts";

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

  test("does all kinds of idle work in time, also while there is always something left to verify", () => {
    const scene = aScene();
    const { time, server } = scene;
    emit(scene, 3);
    runScript({ seed: 5, fails: false, deleted: false, silent: false, time, server, sent: [] });
    scene.run(60 * MINUTE);
    // No event shows that this run was made, nor what happens to task runs over REST.
    runScript({ seed: 1, fails: false, deleted: false, silent: true, time, server, sent: [] });
    const { database } = server;
    const made = [...database.runs.values()].at(-1)?.row;
    const [deleted] = [...database.taskRuns.values()];
    if (!made || !deleted) throw new Error("the scripts have made no runs");
    deleted.deletedMs = time.nowMs;
    scene.run(25 * MINUTE);
    const find = (sql: string, id: string) => scene.disk.current.sqlite.query(sql).get(uuidToBytes(id));
    expect(find("SELECT 1 FROM flow_run WHERE id = ?", made.id)).not.toBeNull();
    expect(find("SELECT 1 FROM task_run WHERE id = ? AND deleted_us > 0", deleted.row.id)).not.toBeNull();
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
