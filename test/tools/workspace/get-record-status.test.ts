import { describe, expect, test } from "bun:test";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createRecordReader } from "../../../src/app/record.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { HOUR_US, MINUTE_US, SECOND_US } from "../../../src/lib/time.ts";
import { openRecord } from "../../../src/store/database.ts";
import { putFact } from "../../../src/store/sync-state.ts";
import { getFlowsTool } from "../../../src/tools/objects/get-flows.ts";
import { getRecordStatusTool } from "../../../src/tools/workspace/get-record-status.ts";
import { tempRecordFile } from "../../store/temp-record.ts";
import { aFlowRun, aLog, anEvent, anId, at } from "../../support/builders.ts";
import { callWith } from "../../support/call-tool.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

describe("get_record_status", () => {
  test("states ranges, gaps, lag, rows, the syncing process and the last error", async () => {
    await using harness = await openToolHarness();
    const { db, nowUs, fake } = harness;
    const run = aFlowRun();
    harness.events([anEvent({ id: anId(1), occurred: at(1) }), anEvent({ id: anId(2), occurred: at(3_500) })]);
    harness.flowRuns([run]);
    harness.logs([aLog({ flow_run_id: run.id })]);
    harness.cover("event", { fromUs: nowUs - 2 * HOUR_US, toUs: nowUs - HOUR_US });
    harness.cover("event", { fromUs: nowUs - 30 * MINUTE_US, toUs: nowUs - 5 * SECOND_US });
    harness.cover("log", { scope: run.id });
    harness.following();
    putFact(db, "instance", { url: fake.url, version: "3.8.8", retentionUs: null, createdUs: 0 }, nowUs);
    putFact(db, "requests", { total: 120, lastMinute: 3 }, nowUs);
    putFact(db, "stream", { state: "open", sinceUs: nowUs }, nowUs);
    putFact(db, "lastError", { atUs: nowUs - HOUR_US, code: "unavailable", message: "connection refused" }, nowUs);
    const { structured, text } = await harness.call(getRecordStatusTool);
    expect(text).toContain("\ncovered flow_run: nothing\ncovered task_run: nothing\n");
    expect(structured).toMatchObject({
      instance: fake.url,
      version: "3.8.8",
      file: ":memory:",
      events: 2,
      oldest: at(1),
      newest: at(3_500),
      coverage: {
        complete: false,
        from: at(-3_600),
        to: at(3_595),
        event: [
          { from: at(-3_600), to: at(0) },
          { from: at(1_800), to: at(3_595) },
        ],
      },
      gaps: [{ from: "2026-08-20T09:15:00.000001Z", to: "2026-08-20T09:44:59.999999Z" }],
      lag_ms: 5_000,
      syncing: "other",
      stream: "open",
      reachable: true,
      requests: { total: 120, last_minute: 3 },
      rows: { flow_run: 1, log: 1 },
      runs_with_logs: 1,
      last_error: { at: at(0), code: "unavailable", message: "connection refused" },
      source: "record",
    });
    expect(text).toContain("syncing: another process, websocket open; lag 5 s");
    expect(text).toContain("gaps: 2026-08-20T09:15:00Z to 2026-08-20T09:44:59Z");
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("says that the write-ahead log grows while a reader of another process prevents that it is emptied", async () => {
    await using harness = await openToolHarness();
    const file = tempRecordFile();
    openRecord(file, "write").close();
    await truncate(`${file}-wal`, 0).catch(() => writeFile(`${file}-wal`, ""));
    const db = openRecord(file, "read");
    const query = { ...harness.query, record: () => db };
    const status = async () => (await callWith(query, getRecordStatusTool, {})).structuredContent;
    expect(await status()).not.toHaveProperty("problem");
    // As long as SQLite does not read it, the end of the file may be a hole.
    await truncate(`${file}-wal`, 400_000_000);
    expect((await status()).problem).toBe(
      `The write-ahead log ${file}-wal has grown to 400 MB, because another program reads the record without ending its transaction.`,
    );
    db.close();
  });

  test("states that there is no record yet, and how to create one", async () => {
    await using harness = await openToolHarness({ record: false });
    const { isError, structured, text } = await harness.call(getRecordStatusTool);
    expect(isError).toBe(false);
    expect(structured).toMatchObject({ events: 0, syncing: "none", coverage: { complete: false } });
    expect(text).toStartWith(`Nothing is recorded yet for ${harness.fake.url}.`);
    expect(text).toContain("prefect-mcp-bun sync");
  });

  test("does not say that nothing is recorded when the record cannot be read", async () => {
    await using harness = await openToolHarness({ record: false });
    const file = tempRecordFile();
    await Bun.write(file, "");
    const reader = createRecordReader(join(file, "record.sqlite"), systemClock, silentLogger);
    const query = { ...harness.query, record: () => reader.current(), recordProblem: () => reader.problem() };
    const { structuredContent, content } = await callWith(query, getRecordStatusTool, {});
    const text = content[0]?.text;
    expect(text).toStartWith(`The record of ${harness.fake.url} cannot be read: `);
    expect(text).not.toContain("Nothing is recorded");
    expect(structuredContent).toMatchObject({ problem: expect.stringContaining("record.sqlite cannot be opened.") });
    await harness.fake.stop();
    const failed = await callWith(query, getFlowsTool, {});
    expect(failed.content[0]?.text).toContain("The record cannot be read (");
    expect(failed.content[0]?.text).not.toContain("recorded yet");
    reader.close();
  });

  test("refuses unknown arguments", async () => {
    await using harness = await openToolHarness();
    const { structured } = await harness.call(getRecordStatusTool, { since: "7d" });
    expect(structured).toMatchObject({ code: "invalid_input", message: 'unknown argument "since"' });
  });
});
