import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "../../src/errors.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { type Logger, silentLogger } from "../../src/lib/logger.ts";
import { DAY_US, HOUR_US, SECOND_US } from "../../src/lib/time.ts";
import { createRedactor } from "../../src/model/secrets/redact.ts";
import type { PrefectApi } from "../../src/prefect/api.ts";
import { coveredRanges } from "../../src/store/coverage.ts";
import { openRecord } from "../../src/store/database.ts";
import { findEventById } from "../../src/store/events/events.ts";
import { tryBecomeLeader } from "../../src/store/file/leader-lock.ts";
import { currentRecordFile, recordFilesBeside } from "../../src/store/file/server-records.ts";
import { findFact } from "../../src/store/sync-state.ts";
import { createSyncSession, type SyncSession, type SyncSessionOptions } from "../../src/sync/session.ts";
import { aFlowRun, T0_US } from "../support/builders.ts";
import { DEFAULT_SYNC_SETTINGS } from "../support/default-sync-settings.ts";
import { failureOf } from "../support/failure-of.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { anEventAt, neverAborted, TinyPrefect } from "./engine-harness.ts";

const folders: string[] = [];
const stops: AbortController[] = [];

afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function aFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "session-"));
  folders.push(folder);
  return join(folder, "record.sqlite");
}

/** The sessions that hold the leader lock of their record. */
const leaders = new WeakSet<SyncSession>();
/** How often a session did not get it. */
const refusals = new WeakMap<SyncSession, number>();

function aSession(file: string, given: Partial<SyncSessionOptions> & { prefect?: TinyPrefect } = {}): SyncSession {
  const { prefect = new TinyPrefect(), ...options } = given;
  const session: SyncSession = createSyncSession({
    file,
    acquireLeader: () => {
      const lock = tryBecomeLeader(file);
      if (lock === null) {
        refusals.set(session, (refusals.get(session) ?? 0) + 1);
        return null;
      }
      leaders.add(session);
      return {
        file: lock.file,
        release: () => {
          leaders.delete(session);
          lock.release();
        },
      };
    },
    api: prefect as unknown as PrefectApi,
    clock: systemClock,
    logger: silentLogger,
    settings: { ...DEFAULT_SYNC_SETTINGS, stream: false },
    redact: createRedactor({ credentials: ["hunter22hunter"] }),
    tuning: { leaderPollMs: 10, heartbeatMs: 20, retryFirstMs: 10, retryMaxMs: 20 },
    ...options,
  });
  return session;
}

function start(session: SyncSession): { stop: () => Promise<void> } {
  const stop = new AbortController();
  stops.push(stop);
  const done = session.run(stop.signal);
  return {
    stop: async () => {
      stop.abort();
      await done;
    },
  };
}

describe("a sync session", () => {
  test("syncs alone, and another one takes over when it ends", async () => {
    const file = aFile();
    const [first, second] = [aSession(file), aSession(file)];
    const running = start(first);
    await waitUntil("the first session leads", () => leaders.has(first));
    const waiting = start(second);
    await waitUntil("the second one has tried five times", () => (refusals.get(second) ?? 0) >= 5);
    expect([leaders.has(first), leaders.has(second)]).toEqual([true, false]);
    await running.stop();
    first.close();
    await waitUntil("the second session leads", () => leaders.has(second));
    await waiting.stop();
    expect(leaders.has(second)).toBe(false);
    second.close();
  });

  test("writes that it syncs while it does, and removes that when it ends", async () => {
    const file = aFile();
    const session = aSession(file);
    const running = start(session);
    await waitUntil("the session leads", () => leaders.has(session));
    const reader = openRecord(file, "read");
    await waitUntil("it has caught up", () => findFact(reader, "catchup") !== null);
    expect(findFact(reader, "syncer")?.pid).toBe(process.pid);
    expect(findFact(reader, "stream")?.state).toBe("off");
    expect(findFact(reader, "connection")?.reachable).toBe(true);
    await running.stop();
    expect(findFact(reader, "syncer")).toBeNull();
    reader.close();
    session.close();
  });

  test("logs what failed, and that it works again", async () => {
    const prefect = new TinyPrefect();
    prefect.before = () => {
      throw new AppError("unauthorized", "no such key", { status: 401 });
    };
    const log: string[] = [];
    const logger: Logger = {
      ...silentLogger,
      warn: (message, fields) => void log.push(`warn ${message}: ${fields?.error}`),
      debug: (message) => void (message.endsWith("works again") && log.push(`debug ${message}`)),
    };
    const session = aSession(aFile(), { prefect, logger });
    const running = start(session);
    await waitUntil("it logs", () => log.length > 0);
    prefect.before = () => {};
    await waitUntil("it logs", () => log.length > 1);
    expect(log).toEqual([
      "warn sync: catch-up failed and is tried again: no such key",
      "debug sync: catch-up works again",
    ]);
    await running.stop();
    session.close();
  });

  test("opens its record again when the file was removed", async () => {
    const file = aFile();
    const session = aSession(file);
    const running = start(session);
    await waitUntil("the session leads", () => leaders.has(session));
    for (const suffix of ["", "-wal", "-shm"]) rmSync(file + suffix, { force: true });
    await waitUntil("the session leads", () => existsSync(file) && leaders.has(session));
    const reader = openRecord(file, "read");
    await waitUntil("it has caught up", () => findFact(reader, "catchup") !== null);
    reader.close();
    await running.stop();
    session.close();
  });

  test("stores a live batch, without secrets, and claims its range", async () => {
    const file = aFile();
    const session = aSession(file);
    const nowUs = systemClock.nowUs();
    const covered = { fromUs: nowUs - 100 * SECOND_US, toUs: nowUs - 10 * SECOND_US };
    const secondsAfterT0 = (covered.toUs - T0_US) / SECOND_US;
    const event = anEventAt(secondsAfterT0, { payload: { note: "password hunter22hunter" } });
    await session.saveLive({ kind: "event", rows: [event], readUs: nowUs, covered, reachedUs: covered.toUs });
    await session.saveLive({ kind: "flow_run", rows: [aFlowRun()], readUs: nowUs });
    const reader = openRecord(file, "read");
    expect(findEventById(reader, event.id)?.payload).toEqual({ note: "password [redacted:configured-credential]" });
    expect(reader.sqlite.query("SELECT from_us, to_us, source FROM coverage").all()).toEqual([
      { from_us: covered.fromUs, to_us: covered.toUs, source: "live" },
    ]);
    reader.close();
    session.close();
  });

  test("stores the live batches that wait for their proof before it is closed, unless that takes too long", async () => {
    const ends = async (answers: boolean) => {
      const file = aFile();
      const prefect = new TinyPrefect();
      const nowUs = systemClock.nowUs();
      prefect.events = [anEventAt((nowUs - T0_US) / SECOND_US - 60)];
      const session = aSession(file, { prefect });
      await session.once({ sinceUs: nowUs - HOUR_US }, () => {}, neverAborted);
      const proof = Promise.withResolvers<void>();
      let asked = 0;
      const { filterEvents } = prefect;
      prefect.filterEvents = async (...args) => {
        asked++;
        await proof.promise;
        return await filterEvents(...args);
      };
      const saved = session.saveLive({ kind: "flow_run", rows: [aFlowRun()], readUs: nowUs });
      await waitUntil("the server is asked", () => asked > 0);
      const finished = session.finishLive(answers ? 60_000 : 20);
      if (answers) proof.resolve();
      await finished;
      session.close();
      proof.resolve();
      await saved;
      const reader = openRecord(file, "read");
      const count = reader.sqlite.query<{ n: number }, []>("SELECT count(*) AS n FROM flow_run").get()?.n;
      reader.close();
      return count;
    };
    expect([await ends(true), await ends(false)]).toEqual([1, 0]);
  });

  test("stores no live batch of another server, and says that another one answers", async () => {
    const file = aFile();
    const prefect = new TinyPrefect();
    const nowUs = systemClock.nowUs();
    const seconds = (nowUs - T0_US) / SECOND_US;
    prefect.events = [anEventAt(seconds - 60)];
    const session = aSession(file, { prefect });
    await session.once({ sinceUs: nowUs - HOUR_US }, () => {}, neverAborted);
    const foreign = anEventAt(seconds - 30);
    prefect.events = [foreign];
    const covered = { fromUs: nowUs - 100 * SECOND_US, toUs: nowUs - 10 * SECOND_US };
    await session.saveLive({ kind: "event", rows: [foreign], readUs: nowUs, covered, reachedUs: covered.toUs });
    await session.saveLive({ kind: "flow_run", rows: [aFlowRun()], readUs: nowUs });
    const reader = openRecord(file, "read");
    expect(findEventById(reader, foreign.id)).toBeNull();
    expect(reader.sqlite.query<{ n: number }, []>("SELECT count(*) AS n FROM flow_run").get()?.n).toBe(0);
    expect(findFact(reader, "otherServer")).not.toBeNull();
    reader.close();
    session.close();
  });

  test("begins a record for another server in one pass, and uses the first one again when its server is back", async () => {
    const file = aFile();
    const nowUs = systemClock.nowUs();
    const seconds = (nowUs - T0_US) / SECOND_US;
    const [first, second] = [new TinyPrefect(), new TinyPrefect()];
    first.events = [anEventAt(seconds - 60), anEventAt(seconds - 50)];
    second.events = [anEventAt(seconds - 55)];
    const inUse: string[][] = [];
    const hasChanged: boolean[] = [];
    for (const prefect of [first, second, first, second]) {
      const session = aSession(file, { prefect });
      await session.once({ sinceUs: nowUs - HOUR_US }, () => {}, neverAborted);
      session.close();
      const reader = openRecord(currentRecordFile(file), "read");
      inUse.push([...first.events, ...second.events].map(({ id }) => findEventById(reader, id)?.id ?? ""));
      hasChanged.push(findFact(reader, "serverChanged") !== null);
      reader.close();
    }
    expect(hasChanged).toEqual([false, true, true, true]);
    const [a = "", b = ""] = first.events.map(({ id }) => id);
    const c = second.events[0]?.id ?? "";
    expect(inUse).toEqual([
      [a, b, ""],
      ["", "", c],
      [a, b, ""],
      ["", "", c],
    ]);
    expect(recordFilesBeside(file)).toHaveLength(2);
  });

  test("claims no part of a live batch that Prefect may have deleted before it answered", async () => {
    const file = aFile();
    const session = aSession(file);
    const nowUs = systemClock.nowUs();
    await session.once({ sinceUs: nowUs - HOUR_US }, () => {}, neverAborted);
    const covered = { fromUs: nowUs - 30 * DAY_US, toUs: nowUs - DAY_US };
    await session.saveLive({ kind: "event", rows: [], readUs: nowUs, covered, reachedUs: covered.toUs });
    const reader = openRecord(file, "read");
    const [first] = coveredRanges(reader, "event", "");
    expect(first?.source).toBe("live");
    expect(first?.fromUs).toBeGreaterThan(nowUs - 7 * DAY_US);
    expect(first?.fromUs).toBeLessThan(nowUs - 7 * DAY_US + 120 * SECOND_US);
    reader.close();
    session.close();
  });

  test("makes one complete pass and an audit without keeping the leader lock", async () => {
    const file = aFile();
    const prefect = new TinyPrefect();
    const session = aSession(file, { prefect });
    prefect.events = [anEventAt((systemClock.nowUs() - T0_US) / 1_000_000 - 60)];
    await session.once({ sinceUs: systemClock.nowUs() - 3_600_000_000 }, () => {}, neverAborted);
    const report = await session.audit({ deep: true }, neverAborted);
    expect([report.server, report.record, report.unexplained]).toEqual([1, 1, 0]);
    expect(leaders.has(session)).toBe(false);
    session.close();
  });

  test("writes only sync-state keys that docs/sync.md explains", async () => {
    const file = aFile();
    const session = aSession(file);
    await session.once({ sinceUs: systemClock.nowUs() - HOUR_US }, () => {}, neverAborted);
    await session.audit({}, neverAborted);
    const running = start(session);
    const reader = openRecord(file, "read");
    await waitUntil("the engine has written its facts", () => findFact(reader, "backfill") !== null);
    const keys = reader.sqlite.query<{ key: string }, []>("SELECT key FROM sync_state").all();
    const documented = readFileSync(join(import.meta.dir, "../../docs/sync.md"), "utf8");
    expect(keys.length).toBeGreaterThan(10);
    expect(
      keys.filter(({ key }) => !documented.includes(`| \`${key.replace(/^(read|names):.*/, "$1:<kind>")}\` |`)),
    ).toEqual([]);
    reader.close();
    await running.stop();
    session.close();
  });

  test("makes no audit report when Prefect does not answer", async () => {
    const prefect = new TinyPrefect();
    const session = aSession(aFile(), { prefect });
    await session.once({ sinceUs: systemClock.nowUs() - 60_000_000 }, () => {}, neverAborted);
    prefect.before = () => {
      throw new AppError("unavailable", "nothing accepts connections");
    };
    expect((await failureOf(session.audit({}, neverAborted))).code).toBe("unavailable");
    session.close();
  });
});
