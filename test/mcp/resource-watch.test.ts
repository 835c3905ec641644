import { expect, test } from "bun:test";
import { AppError } from "../../src/errors.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { createResourceWatch, MAX_WATCHED } from "../../src/mcp/resource-watch.ts";
import { inTransaction, openRecord, type RecordDb } from "../../src/store/database.ts";
import { createEventWriter } from "../../src/store/events/events.ts";
import { upsertFlowRuns } from "../../src/store/runs/flow-runs.ts";
import type { ChangeNotice } from "../../src/sync/context/changes.ts";
import { tempRecordFile } from "../store/temp-record.ts";
import { aFlowRun, anEvent, anId, aState, at } from "../support/builders.ts";

const FIRST = anId(0xabc1);
const SECOND = anId(0xabc2);

/** A watch over a record of two runs, whose polls the test starts. */
function setUp() {
  const file = tempRecordFile();
  const writer = openRecord(file, "write");
  const reader = openRecord(file, "read");
  const runs = [aFlowRun({ id: FIRST, name: "Nightly Load" }), aFlowRun({ id: SECOND, name: "wandering-guan" })];
  inTransaction(writer, () => void upsertFlowRuns(writer, runs, 1));
  let nameReads = 0;
  const db: RecordDb = Object.create(reader, {
    prepare: {
      value: (sql: string) => {
        if (sql.includes("FROM flow_run ")) nameReads += 1;
        return reader.prepare(sql);
      },
    },
  });
  let nowMs = Date.parse(at(60));
  let wakers: (() => void)[] = [];
  const clock: Clock = {
    nowUs: () => nowMs * 1_000,
    steadyMs: () => nowMs,
    bootedUs: () => 0,
    sleep: (_, signal) =>
      new Promise((resolve) => {
        wakers.push(resolve);
        signal?.addEventListener("abort", () => resolve(), { once: true });
      }),
  };
  let notice: (change: ChangeNotice) => void = () => undefined;
  const stop = new AbortController();
  const onChange = (listener: typeof notice) => {
    notice = listener;
    return () => undefined;
  };
  let inUse: RecordDb = db;
  const others: RecordDb[] = [];
  const watch = createResourceWatch({ record: () => inUse, onChange, clock, signal: stop.signal });
  const notified: string[] = [];
  return {
    watch,
    add: (...uris: string[]) => uris.map((uri) => watch.add(uri, () => void notified.push(uri))),
    emit: (event: string) =>
      inTransaction(
        writer,
        () => void createEventWriter(writer).insert([anEvent({ event, occurred: at(59) })], "stream", 1),
      ),
    /** Two seconds later: the URIs notified in the meantime, in alphabetical order. */
    async notifiedAfter(...flowRunIds: string[]): Promise<string[]> {
      nowMs += 2_000;
      if (flowRunIds.length > 0) notice({ kinds: ["flow_run"], flowRunIds, newestUs: null });
      for (const wake of wakers) wake();
      wakers = [];
      await new Promise(setImmediate);
      return notified.splice(0).sort();
    },
    /** Records a run that ended so many seconds after the builders' time, and notices it. */
    ended(seconds: number, message: string | null) {
      const state_type = message === null ? "COMPLETED" : "FAILED";
      const run = aFlowRun({
        deployment_id: anId(9),
        start_time: at(seconds - 1),
        end_time: at(seconds),
        state_type,
        state: aState({ type: state_type, timestamp: at(seconds), message }),
      });
      inTransaction(writer, () => void upsertFlowRuns(writer, [run], 1));
      return this.notifiedAfter(run.id);
    },
    nameReads: () => nameReads,
    /** The record of another server comes into use. */
    changeRecord() {
      const other = openRecord(tempRecordFile(), "write");
      others.push(other);
      inUse = other;
    },
    [Symbol.dispose]() {
      stop.abort();
      for (const other of others) other.close();
      reader.close();
      writer.close();
    },
  };
}

test("a run and its parts are found by its id, the beginning of its id, or its name in any case", async () => {
  using set = setUp();
  const first = [
    `prefect://flow-runs/${FIRST}`,
    `prefect://flow-runs/${FIRST}/logs`,
    "prefect://flow-runs/NIGHTLY%20load",
    "prefect://flow-runs/nightly%20load/timeline",
  ];
  const both = [`prefect://flow-runs/${FIRST.slice(0, 7).toUpperCase()}`, "prefect://flow-runs"];
  const others = ["prefect://flow-runs/nightly", "prefect://flow-runs/%zz", "prefect://events", "prefect://nope"];
  set.add(...first, ...both, ...others, "prefect://flow-runs/wandering-guan");
  expect(await set.notifiedAfter(FIRST)).toEqual([...first, ...both].sort());
  expect(await set.notifiedAfter(SECOND)).toEqual([...both, "prefect://flow-runs/wandering-guan"].sort());
  expect(await set.notifiedAfter()).toEqual([]);
});

test("incidents notify when a failure repeats, recovers and returns, not of a single one", async () => {
  using set = setUp();
  const message = (n: number) => `Flow run encountered an exception: OSError: disk ${n} of the host is full`;
  await set.ended(100, "Flow run encountered an exception: ValueError: known before the subscription");
  set.add("prefect://incidents");
  expect(await set.notifiedAfter()).toEqual([]);
  expect(await set.ended(200, message(1))).toEqual([]);
  expect(await set.ended(201, message(2))).toEqual(["prefect://incidents"]);
  expect(await set.notifiedAfter(FIRST)).toEqual([]);
  expect(await set.ended(300, null)).toEqual(["prefect://incidents"]);
  expect(await set.ended(400, null)).toEqual([]);
  expect(await set.ended(500, message(3))).toEqual(["prefect://incidents"]);
});

test("events are found by the beginning of their name", async () => {
  using set = setUp();
  set.add("prefect://events", "prefect://events/shop.", "prefect://events/shop.order", "prefect://events/shop.z");
  await set.notifiedAfter();
  set.emit("shop.a");
  set.emit("shop.order.placed");
  expect(await set.notifiedAfter()).toEqual([
    "prefect://events",
    "prefect://events/shop.",
    "prefect://events/shop.order",
  ]);
  expect(await set.notifiedAfter()).toEqual([]);
});

test("a poll reads the name of each changed run at most once, and none when no resource names a run", async () => {
  using set = setUp();
  const ends = set.add(...Array.from({ length: 2_000 }, (_, n) => `prefect://flow-runs/name-${n}`));
  expect(await set.notifiedAfter(FIRST, SECOND)).toEqual([]);
  expect(set.nameReads()).toBe(2);
  for (const end of ends) end();
  set.add("prefect://dashboard", `prefect://flow-runs/${FIRST}`);
  expect(await set.notifiedAfter(FIRST)).toHaveLength(2);
  expect(set.nameReads()).toBe(2);
});

test("at most 5,000 different resources can be watched, by any number of listeners", async () => {
  using set = setUp();
  const uris = Array.from({ length: MAX_WATCHED }, (_, n) => `prefect://events/shop.${n}`);
  const [endFirst] = set.add(...uris);
  set.add("prefect://events/shop.1");
  const oneMore = () => set.add("prefect://dashboard");
  let refused: unknown;
  try {
    oneMore();
  } catch (error) {
    refused = error;
  }
  expect(refused).toBeInstanceOf(AppError);
  expect(refused).toMatchObject({
    code: "rate_limited",
    message: "At most 5000 different resources can be subscribed to at a time.",
  });
  expect(set.watch.size).toBe(5_000);
  endFirst?.();
  oneMore();
  expect(set.watch.size).toBe(5_000);
});

test("every resource is notified when the record of another server comes into use", async () => {
  using h = setUp();
  h.add(`prefect://flow-runs/${FIRST}`, "prefect://deployments");
  expect(await h.notifiedAfter()).toEqual([]);
  h.changeRecord();
  expect(await h.notifiedAfter()).toEqual(["prefect://deployments", `prefect://flow-runs/${FIRST}`]);
  expect(await h.notifiedAfter()).toEqual([]);
});
