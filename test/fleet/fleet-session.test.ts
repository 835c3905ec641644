/** A node with a database in memory, on a clock that stands still until the test moves it. */
import { afterEach, expect, test } from "bun:test";
import { Fleet } from "../../src/fleet/fleet.ts";
import type { FleetStore } from "../../src/fleet/fleet-store.ts";
import { LEASE_TIMING } from "../../src/fleet/lease/timing.ts";
import { createLogger } from "../../src/lib/logger.ts";
import { manualClock } from "../support/time/manual-clock.ts";
import { LeaseBook } from "./lease/lease-book.ts";

const TENANT = { key: "t", url: "http://p/api" };
const PLACE = { isForwarded: false, prove: async () => undefined, recordFence: () => 0 };
const STEP_MS = 250;
const fleets: Fleet[] = [];

afterEach(() => {
  for (const fleet of fleets.splice(0)) void fleet[Symbol.asyncDispose]();
});

function start() {
  const clock = manualClock(10_000);
  const book = new LeaseBook();
  const state: { answers: boolean; differing: string | null } = { answers: true, differing: null };
  const asked = <T>(answer: () => T) =>
    state.answers ? Promise.resolve().then(answer) : Promise.reject(new Error("the database is away"));
  const refused = () => Promise.reject(new Error("not part of this test"));
  const store: FleetStore = {
    begin: (node) =>
      asked(() => {
        if (state.differing === null) book.begin(node);
        return state.differing;
      }),
    renew: ({ incarnation, isDraining }) => asked(() => book.renew(incarnation, isDraining)),
    end: (incarnation, renewals) => asked(() => book.end(incarnation, renewals)),
    claim: ({ key }, incarnation, above) => asked(() => book.claim(key, incarnation, above)),
    release: (key, incarnation, fence) => asked(() => book.release(key, incarnation, fence)),
    owner: (key) => asked(() => book.owner(key)),
    replica: refused,
    putReplica: refused,
    status: refused,
    reconnect: () => undefined,
    reconnectSession: () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  const report = () => ({ open: 0, forwarded: 0, received: 0, live: 0 });
  const fleet = new Fleet({
    name: "a",
    version: "1.0.0",
    store,
    clock,
    logger: createLogger("error", () => {}),
    report,
  });
  fleets.push(fleet);
  const lost: (readonly string[] | "all")[] = [];
  fleet.onLost(async (tenants) => void lost.push(tenants));
  fleet.start("http://a:1");
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      await clock.advance(STEP_MS);
      await Bun.sleep(0);
    }
  };
  return { fleet, state, lost, pass, book };
}

test("a session that is renewed late keeps its tenants open, as no other node may have ended it", async () => {
  const { fleet, state, lost, pass } = start();
  await pass(2_000);
  expect(await fleet.place(TENANT, PLACE)).toEqual({ kind: "own" });
  const fence = fleet.lease("t")?.fence;
  state.answers = false;
  await pass(LEASE_TIMING.holdMs + 500);
  expect([fleet.isHeld, fleet.lease("t"), lost]).toEqual([false, null, []]);
  state.answers = true;
  await pass(1_500);
  expect([fleet.isHeld, fleet.lease("t")?.fence, lost]).toEqual([true, fence, []]);
});

test("tenants are closed once when another node may end the session, and right away when it was ended", async () => {
  const { fleet, state, lost, pass, book } = start();
  await pass(2_000);
  await fleet.place(TENANT, PLACE);
  state.answers = false;
  await pass(LEASE_TIMING.observeMs + 1_000);
  expect(lost).toEqual(["all"]);
  await pass(20_000);
  expect(lost).toEqual(["all"]);
  state.answers = true;
  await pass(3_000);
  expect(fleet.isHeld).toBe(true);
  const { incarnation } = fleet;
  book.end(incarnation, null);
  await pass(2_000);
  expect(lost).toEqual(["all", "all"]);
  expect(fleet.incarnation).not.toBe(incarnation);
});

test("a node of a version that is too far owns nothing, and joins when that version runs no more", async () => {
  const { fleet, state, pass, book } = start();
  state.differing = "1.2.0";
  await pass(3_000);
  expect([fleet.differingVersion, fleet.isHeld]).toEqual(["1.2.0", false]);
  expect(await fleet.place(TENANT, PLACE)).toEqual({ kind: "live", why: "database" });
  expect(book.owner("t")).toBeNull();
  state.differing = null;
  await pass(3_000);
  expect([fleet.differingVersion, fleet.isHeld]).toEqual([null, true]);
});
