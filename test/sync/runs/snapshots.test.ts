import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/errors.ts";
import type { Deployment } from "../../../src/model/objects.ts";
import type { FilterBody } from "../../../src/prefect/api.ts";
import { findObjects } from "../../../src/store/objects/objects.ts";
import { findFact } from "../../../src/store/sync-state.ts";
import { catchUp } from "../../../src/sync/events/catch-up.ts";
import { kindsChangedBy, Snapshots } from "../../../src/sync/runs/snapshots.ts";
import { aDeployment, anArtifact, at, aWorker, aWorkPool, T0_US } from "../../support/builders.ts";
import { aHarness, anEventAt, neverAborted, SECOND } from "../engine-harness.ts";

describe("the lists of objects", () => {
  test("are all read at the start", async () => {
    const { ctx, prefect } = aHarness();
    prefect.objects = { deployment: [aDeployment()], work_pool: [aWorkPool({ name: "lake" })], worker: [aWorker()] };
    const snapshots = new Snapshots(ctx);
    await snapshots.iterate(neverAborted);
    expect(prefect.asked.sort()).toEqual([
      "artifact 0",
      "automation 0",
      "concurrency_limit 0",
      "deployment 0",
      "flow 0",
      "variable 0",
      "work_pool 0",
      "work_queue 0",
      "workers of lake",
    ]);
    expect(findObjects(ctx.db, "deployment")).toHaveLength(1);
    expect(findFact(ctx.db, "read:worker")).toEqual({ readUs: T0_US, count: 1 });
  });

  test("show whether the server sorts names by code point, for as long as no name is new", async () => {
    const { ctx, prefect } = aHarness();
    const [a, b] = [aWorkPool({ name: "Zeta" }), aWorkPool({ name: "alpha" })];
    const snapshots = new Snapshots(ctx);
    const learnt = () => findFact(ctx.db, "names:work_pool");
    const read = () => snapshots.read("work_pool", "reconcile", neverAborted);
    prefect.objects = { work_pool: [a, b] };
    await read();
    expect(learnt()).toEqual({ isByCodePoint: true });
    // As PostgreSQL sorts in en_US.
    prefect.objects = { work_pool: [b, a] };
    await read();
    expect(learnt()).toEqual({ isByCodePoint: false });
    ctx.ingest.snapshot("work_pool", [aWorkPool({ name: "Beta" })], ctx.clock.nowUs(), false);
    expect(learnt()).toBeNull();
  });

  test("are read again soon after an event about them, and at most every five seconds", async () => {
    const { ctx, prefect, clock } = aHarness();
    const snapshots = new Snapshots(ctx);
    await snapshots.iterate(neverAborted);
    prefect.asked.length = 0;
    clock.us += 60 * SECOND;
    expect(snapshots.eventsStored(["prefect.deployment.updated", "prefect.flow-run.Running"])).toBe(true);
    expect(await snapshots.iterate(neverAborted)).toBe(700);
    clock.us += SECOND;
    await snapshots.iterate(neverAborted);
    expect(prefect.asked).toEqual(["deployment 0"]);
    snapshots.eventsStored(["prefect.deployment.ready"]);
    expect(await snapshots.iterate(neverAborted)).toBe(5_000);
  });

  test("are read every fifteen seconds with an active client, otherwise every ten minutes within the idle allowance", async () => {
    const { ctx, prefect, clock } = aHarness();
    prefect.events = [anEventAt(-60)];
    await catchUp(ctx, neverAborted);
    const snapshots = new Snapshots(ctx);
    await snapshots.iterate(neverAborted);
    prefect.asked.length = 0;
    snapshots.markClientActive();
    expect(await snapshots.iterate(neverAborted)).toBe(15_000);
    clock.us += 15 * SECOND;
    await snapshots.iterate(neverAborted);
    // The server was last recognised fifteen seconds ago.
    expect(prefect.asked.filter((asked) => asked.startsWith("events by id"))).toHaveLength(1);
    expect(prefect.asked).toHaveLength(7);
    clock.us += 20 * 60 * SECOND;
    prefect.asked.length = 0;
    // Without a client, lists are read after a catch-up, which has recognised the server.
    expect(await snapshots.iterate(neverAborted)).toBe(60_000);
    expect(prefect.asked).toEqual([]);
    await catchUp(ctx, neverAborted);
    prefect.asked.length = 0;
    const waitMs = await snapshots.iterate(neverAborted);
    // Three requests may be sent at once after a while, the others at less than one a minute.
    expect(prefect.asked).toHaveLength(3);
    expect(waitMs).toBe(60_000);
  });

  test("are read although another list keeps failing, and that one is read as soon as it can be", async () => {
    const { ctx, prefect, clock } = aHarness();
    prefect.before = (asked) => {
      if (asked.startsWith("work_pool ")) throw new AppError("unavailable", "busy", { status: 503 });
    };
    const snapshots = new Snapshots(ctx);
    const turns = async (count: number) => {
      for (let n = 0; n < count; n += 1) {
        snapshots.markClientActive();
        await snapshots.iterate(neverAborted).catch(() => undefined);
        clock.us += 5 * SECOND;
      }
    };
    await turns(8);
    expect(findFact(ctx.db, "read:automation")).not.toBeNull();
    expect(findFact(ctx.db, "read:work_pool")).toBeNull();
    snapshots.eventsStored(["prefect.work-pool.updated"]);
    await turns(1);
    prefect.before = () => undefined;
    prefect.objects.work_pool = [aWorkPool({ name: "lake" })];
    await turns(8);
    expect(findObjects(ctx.db, "work_pool")).toHaveLength(1);
  });

  test("do not mark workers as deleted where permission to read the pools is missing", async () => {
    const { ctx, prefect } = aHarness();
    prefect.objects = { work_pool: [aWorkPool({ name: "lake" })], worker: [aWorker()] };
    prefect.before = (asked) => {
      if (asked.startsWith("work_pool ")) throw new AppError("unauthorized", "forbidden", { status: 403 });
    };
    await new Snapshots(ctx).iterate(neverAborted);
    expect(findFact(ctx.db, "read:worker")).toBeNull();
  });

  test("do not delay an urgent list because of idle ones", async () => {
    const { ctx, prefect, clock } = aHarness();
    const snapshots = new Snapshots(ctx);
    await snapshots.iterate(neverAborted);
    clock.us += 20 * 60 * SECOND;
    await snapshots.iterate(neverAborted);
    prefect.asked.length = 0;
    snapshots.eventsStored(["prefect.automation.created"]);
    clock.us += SECOND;
    await snapshots.iterate(neverAborted);
    expect(prefect.asked).toEqual(["automation 0"]);
  });

  test("are read in pages that overlap, and from the start again when a row disappeared between two pages", async () => {
    const { ctx, prefect } = aHarness();
    const rows = Array.from({ length: 9 }, (_, i) => aDeployment({ name: `d${i}` }));
    prefect.objects.deployment = [...rows];
    prefect.before = (asked) => {
      if (asked === "deployment 3") prefect.objects.deployment = rows.slice(1);
    };
    await new Snapshots(ctx).read("deployment", "reconcile", neverAborted);
    expect(findObjects(ctx.db, "deployment").map((one) => one.name)).toEqual(rows.slice(1).map((row) => row.name));
    expect(prefect.asked).toEqual(["deployment 0", "deployment 3", "deployment 0", "deployment 3", "deployment 6"]);
  });

  test("mark nothing as deleted when a list changes during each reading", async () => {
    const { ctx, prefect } = aHarness();
    let rows: Deployment[] = Array.from({ length: 9 }, (_, i) => aDeployment({ name: `d${i}` }));
    prefect.objects.deployment = [...rows];
    const snapshots = new Snapshots(ctx);
    await snapshots.read("deployment", "reconcile", neverAborted);
    prefect.before = () => {
      rows = [...rows.slice(1), ...rows.slice(0, 1)];
      prefect.objects.deployment = rows;
    };
    await snapshots.read("deployment", "reconcile", neverAborted);
    expect(findObjects(ctx.db, "deployment")).toHaveLength(9);
  });

  test("of a route that an older server lacks are asked for at the usual intervals only", async () => {
    const { ctx, prefect } = aHarness();
    prefect.before = (asked) => {
      if (asked.startsWith("automation")) throw new AppError("not_found", "no such route", { status: 404 });
    };
    const snapshots = new Snapshots(ctx);
    await snapshots.iterate(neverAborted);
    expect(prefect.asked.filter((asked) => asked.startsWith("automation"))).toHaveLength(1);
    expect(findFact(ctx.db, "read:automation")).toBeNull();
  });

  test("that few questions need are read every hour, and at most every minute after events", async () => {
    const { ctx, prefect, clock } = aHarness();
    const snapshots = new Snapshots(ctx);
    await snapshots.iterate(neverAborted);
    prefect.asked.length = 0;
    clock.us += 5 * SECOND;
    snapshots.eventsStored(["prefect.artifact.created"]);
    expect(await snapshots.iterate(neverAborted)).toBe(55_000);
    clock.us += 55 * SECOND;
    await snapshots.iterate(neverAborted);
    expect(prefect.asked).toEqual(["artifact 0"]);
    const dues = snapshots.schedule().filter(({ kind }) => kind === "artifact" || kind === "variable");
    expect(dues).toEqual([
      { kind: "variable", atMs: T0_US / 1000 + 60 * 60_000, isIdle: true, cost: 1 },
      { kind: "artifact", atMs: T0_US / 1000 + 61 * 60_000, isIdle: true, cost: 1 },
    ]);
  });

  test("without end are held by their newest page, and in whole while they are shorter", async () => {
    const { ctx, prefect } = aHarness();
    const rows = Array.from({ length: 5 }, (_, n) => anArtifact({ key: `k${n}`, updated: at(-n) }));
    prefect.objects.artifact = [...rows];
    const bodies: FilterBody[] = [];
    const { filterObjects } = prefect;
    prefect.filterObjects = (kind, body) => {
      bodies.push(body);
      return filterObjects(kind, body);
    };
    const snapshots = new Snapshots(ctx);
    const held = () => findObjects(ctx.db, "artifact").map(({ name }) => name);
    await snapshots.read("artifact", "reconcile", neverAborted);
    expect(held()).toEqual(["k0", "k1", "k2", "k3"]);
    expect(findFact(ctx.db, "read:artifact")).toBeNull();
    expect(findFact(ctx.db, "newest:artifact")).toEqual({ readUs: T0_US, count: 4, sinceUs: T0_US - 3 * SECOND });
    prefect.objects.artifact = rows.slice(2);
    await snapshots.read("artifact", "reconcile", neverAborted);
    expect(held()).toEqual(["k2", "k3", "k4"]);
    expect(findFact(ctx.db, "read:artifact")).toEqual({ readUs: T0_US, count: 3 });
    expect(findFact(ctx.db, "newest:artifact")).toBeNull();
    expect(prefect.asked).toEqual(["artifact 0", "artifact 0"]);
    expect(bodies.at(-1)).toEqual({
      limit: 4,
      offset: 0,
      sort: "UPDATED_DESC",
      artifacts: { type: { not_any_: ["result"] } },
    });
  });

  test("depend on the names of events", () => {
    const names = {
      "prefect.deployment.ready": ["deployment"],
      "prefect.work-pool.paused": ["work_pool", "work_queue"],
      "prefect.work-queue.updated": ["work_queue"],
      "prefect.worker.started": ["worker"],
      "prefect.worker.submitted-flow-run": [],
      "prefect.automation.triggered": ["automation"],
      "prefect.concurrency-limit.acquired": ["concurrency_limit"],
      "prefect.flow.created": ["flow"],
      "prefect.flow-run.Completed": [],
      "prefect.artifact.updated": ["artifact"],
      "prefect.artifact-collection.created": ["artifact"],
      "prefect.variable.created": ["variable"],
      "lake.loaded": [],
    };
    const found: Record<string, readonly string[]> = {};
    for (const name of Object.keys(names)) found[name] = kindsChangedBy(name);
    expect(found).toEqual(names);
  });
});
