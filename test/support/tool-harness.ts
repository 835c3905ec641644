/**
 * Everything that a tool needs: a record in memory, a fake Prefect on a free port, a clock that stops, and `call`, which runs a
 * tool as a client would and checks what must hold for every answer.
 */

import { expect } from "bun:test";
import { createRecordReader } from "../../src/app/record.ts";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { DAY_US, HOUR_US, SECOND_US } from "../../src/lib/time.ts";
import type { CallResult } from "../../src/mcp/call-result.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import type { LiveBatch } from "../../src/model/events/live-batch.ts";
import type { FlowRun, Log, SnapshotKind, SnapshotObjects, TaskRun } from "../../src/model/objects.ts";
import { LineOrder } from "../../src/model/runs/line-order.ts";
import { createPrefectClient } from "../../src/prefect/client.ts";
import type { QueryContext } from "../../src/queries/source/context.ts";
import { addCoverage } from "../../src/store/coverage.ts";
import { inTransaction, openRecord, type RecordDb } from "../../src/store/database.ts";
import { createEventWriter } from "../../src/store/events/events.ts";
import { upsertLogs } from "../../src/store/logs/logs.ts";
import { upsertObjects } from "../../src/store/objects/objects.ts";
import { upsertFlowRuns } from "../../src/store/runs/flow-runs.ts";
import { foldRunEvents } from "../../src/store/runs/fold-events.ts";
import { upsertTaskRuns } from "../../src/store/runs/task-runs.ts";
import { findFact, putFact } from "../../src/store/sync-state.ts";
import { MAX_TOKENS } from "../../src/tools/answer/token-budget.ts";
import type { ToolDefinition } from "../../src/tools/definition/define-tool.ts";
import { anId, T0_US } from "./builders.ts";
import { callWith } from "./call-tool.ts";
import { DEFAULT_CONNECTION } from "./default-connection.ts";
import {
  type FakePrefect,
  type FakePrefectOptions,
  type RecordedRequest,
  startFakePrefect,
} from "./fake-prefect/fake-prefect.ts";
import { countTokens } from "./tokens.ts";

/** An answer as tests look at it. */
export interface Answer {
  readonly isError: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into answers of every shape.
  readonly structured: any;
  readonly text: string;
  readonly tokens: { readonly text: number; readonly structured: number };
}

export interface ToolHarness extends AsyncDisposable {
  readonly fake: FakePrefect;
  readonly db: RecordDb;
  readonly query: QueryContext;
  /** Live batches that were handed to the writer. */
  readonly saved: LiveBatch[];
  /** Now, microseconds: settable; the fake Prefect has the same clock. */
  nowUs: number;
  call(tool: ToolDefinition, args?: unknown): Promise<Answer>;
  /** Records events and folds them into runs, without a claim. */
  events(events: readonly PrefectEvent[]): void;
  flowRuns(rows: readonly FlowRun[]): void;
  taskRuns(rows: readonly TaskRun[]): void;
  logs(rows: readonly Log[]): void;
  /** Records a whole list as read now. */
  /** `isByCodePoint`: whether the server returns their names in this order. */
  objects<K extends SnapshotKind>(kind: K, rows: readonly SnapshotObjects[K][], isByCodePoint?: boolean): void;
  /** An answer has shown the database of the server. */
  onDatabase(database: "SQLite" | "PostgreSQL"): void;
  /** Claims a coverage range: by default the last day up to now. */
  cover(kind: string, range?: { fromUs?: number; toUs?: number; scope?: string; verifiedUs?: number }): void;
  /** Somebody sets the wall clock of this machine, and nobody else notices. */
  setWallClock(byUs: number): void;
  /** The process that syncs has just measured by how much Prefect's clock is ahead. It does so at each change of `nowUs`. */
  measured(skewMs: number): void;
  /** A process syncs. With `lostSecondsAgo` it has not reached Prefect since. */
  following(options?: { lostSecondsAgo?: number }): void;
}

export interface HarnessOptions extends FakePrefectOptions {
  /** False: there is no record at all. A path: the record is this file, and tools read it over connections of their own. */
  readonly record?: boolean | string;
  readonly liveDeadlineMs?: number;
  /** The API URL that the record is of. Default: that of the fake Prefect. */
  readonly instance?: string;
  /** The clock of the fake Prefect minus that of the harness. */
  readonly serverSkewUs?: number;
  readonly isCloud?: boolean;
}

/** The clock stands an hour after the builders' times. */
export async function openToolHarness(options: HarnessOptions = {}): Promise<ToolHarness> {
  let nowUs = T0_US + HOUR_US;
  let setUs = 0;
  const clock: Clock = {
    nowUs: () => nowUs,
    steadyMs: () => (nowUs - setUs) / 1000,
    bootedUs: () => setUs,
    sleep: () => Promise.resolve(),
  };
  const fake = await startFakePrefect({ nowUs: () => nowUs - setUs + (options.serverSkewUs ?? 0), ...options });
  const file = typeof options.record === "string" ? options.record : null;
  const db = openRecord(file ?? ":memory:", "write");
  const reader = file === null ? null : createRecordReader(file, systemClock, silentLogger);
  const connection = {
    ...DEFAULT_CONNECTION,
    url: fake.url,
    csrf: false,
    maxRetries: 0,
    isCloud: options.isCloud === true,
  };
  // Waits of the client are real, its moments are those of the harness.
  const api = createPrefectClient(connection, {
    clock: { ...clock, sleep: systemClock.sleep },
    logger: silentLogger,
    serverVersion: () => fake.workspace.version,
  });
  const saved: LiveBatch[] = [];
  const query: QueryContext = {
    record: () => (options.record === false ? null : reader ? reader.current() : db),
    ...(reader ? { holdRecord: () => reader.hold() } : {}),
    api: () => api,
    clock,
    saveLive: (batch) => void saved.push(batch),
    freshMs: 60_000,
    liveDeadlineMs: options.liveDeadlineMs ?? 8_000,
    uiUrl: fake.url.replace(/\/api$/, ""),
    instance: options.instance ?? api.url,
    lineOrder: new LineOrder(),
  };
  const writer = createEventWriter(db);
  const measured = (skewMs: number) =>
    inTransaction(db, () => putFact(db, "clock", { skewMs, measuredUs: nowUs, bootedUs: clock.bootedUs() }, nowUs));
  measured((options.serverSkewUs ?? 0) / 1_000);
  return {
    fake,
    db,
    query,
    saved,
    get nowUs() {
      return nowUs;
    },
    set nowUs(us) {
      nowUs = us;
      measured((options.serverSkewUs ?? 0) / 1_000);
    },
    call: async (tool, args) => checked(await callWith(query, tool, args, { isCloud: options.isCloud === true })),
    events: (events) =>
      inTransaction(db, () => {
        const { inserted, keys } = writer.insert(events, "catch-up", nowUs);
        foldRunEvents(db, inserted, keys);
      }),
    flowRuns: (rows) => inTransaction(db, () => void upsertFlowRuns(db, rows, nowUs)),
    taskRuns: (rows) => inTransaction(db, () => void upsertTaskRuns(db, rows, nowUs)),
    logs: (rows) => inTransaction(db, () => void upsertLogs(db, rows)),
    onDatabase: (database) =>
      inTransaction(db, () => {
        const known = findFact(db, "instance") ?? { url: api.url, version: null, retentionUs: null, createdUs: nowUs };
        putFact(db, "instance", { ...known, areNullsLargest: database === "PostgreSQL" }, nowUs);
      }),
    objects: (kind, rows, isByCodePoint = true) =>
      inTransaction(db, () => {
        upsertObjects(db, kind, rows, nowUs, true);
        putFact<`names:${SnapshotKind}`>(db, `names:${kind}`, { isByCodePoint }, nowUs);
      }),
    cover: (kind, { fromUs = nowUs - DAY_US, toUs = nowUs, scope = "", verifiedUs = nowUs } = {}) =>
      inTransaction(db, () => {
        addCoverage(db, kind, scope, {
          fromUs,
          toUs,
          source: "catch-up",
          verifiedUs,
          serverCount: null,
          recordCount: null,
        });
        // A round reads all unfinished runs with the newest ones.
        if (kind === "flow_run" && scope === "") putFact(db, "read:unfinished", { readUs: verifiedUs }, nowUs);
        // What is covered was read by a process that syncs.
        if (kind === "event" && findFact(db, "backfill") === null)
          putFact(db, "backfill", { goalUs: fromUs, reachedUs: fromUs, done: true }, nowUs);
      }),
    setWallClock(byUs) {
      nowUs += byUs;
      setUs += byUs;
    },
    measured,
    following: ({ lostSecondsAgo } = {}) =>
      inTransaction(db, () => {
        const lostUs = nowUs - (lostSecondsAgo ?? 0) * SECOND_US;
        const isLost = lostSecondsAgo !== undefined;
        const error = { code: "unavailable", message: "connection refused", hint: null } as const;
        putFact(db, "syncer", { pid: 1, host: "host-a", sinceUs: nowUs - HOUR_US, heartbeatUs: nowUs }, nowUs);
        putFact(db, "catchup", { throughUs: lostUs, atUs: lostUs }, nowUs);
        putFact(
          db,
          "connection",
          { reachable: !isLost, sinceUs: lostUs, lastContactUs: lostUs, error: isLost ? error : null },
          nowUs,
        );
      }),
    async [Symbol.asyncDispose]() {
      api.close();
      reader?.close();
      db.close();
      await fake.stop();
    },
  };
}

export const [CLOUD_ACCOUNT, CLOUD_WORKSPACE] = [anId(1), anId(2)];
/** Prefect Cloud instead of a server, without a record. */
export const CLOUD: HarnessOptions = {
  basePath: `/api/accounts/${CLOUD_ACCOUNT}/workspaces/${CLOUD_WORKSPACE}`,
  isCloud: true,
  record: false,
};
export const USAGE_ROUTE = `GET /api/accounts/${CLOUD_ACCOUNT}/rate-limits/usage`;

/** Ids of rows, in their order. */
export const idsOf = (rows: readonly { readonly id: string }[]): string[] => rows.map((row) => row.id);

const NO_RUN = "00000000-0000-0000-0000-000000000000";

/** Prefect fails, and the process that syncs has not reached it for these seconds. Requests are still recorded. */
export function losePrefect(harness: ToolHarness, lostSecondsAgo: number): void {
  harness.following({ lostSecondsAgo });
  harness.fake.faults.fail("", { status: 503 }, 100);
}

/** The recorded requests but those that only ask whether Prefect answers. */
export function questionsTo(fake: FakePrefect): readonly RecordedRequest[] {
  return fake.requests.filter(({ body }) => !JSON.stringify(body ?? null).includes(NO_RUN));
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;

export function uuidsIn(text: string): string[] {
  return [...new Set(text.match(UUID) ?? [])].sort();
}

/** For every answer: both channels name the same ids, and neither exceeds the token limit. */
function checked(result: CallResult): Answer {
  const text = result.content.map((block) => block.text).join("\n");
  const json = JSON.stringify(result.structuredContent);
  const tokens = { text: countTokens(text), structured: countTokens(json) };
  expect(uuidsIn(text)).toEqual(uuidsIn(json));
  expect(Math.max(tokens.text, tokens.structured)).toBeLessThanOrEqual(MAX_TOKENS);
  if (result.isError)
    expect(Object.keys(result.structuredContent)).toEqual(expect.arrayContaining(["code", "message", "retryable"]));
  else
    expect(structuredClone(result.structuredContent)).toMatchObject({
      source: expect.any(String),
      as_of: expect.any(String),
      coverage: { complete: expect.any(Boolean) },
    });
  return { isError: result.isError === true, structured: result.structuredContent, text, tokens };
}
