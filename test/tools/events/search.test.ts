import { describe, expect, test } from "bun:test";
import { HOUR_US, MINUTE_US } from "../../../src/lib/time.ts";
import { removeAllCoverage } from "../../../src/store/coverage.ts";
import { inTransaction } from "../../../src/store/database.ts";
import { upsertNewestObjects } from "../../../src/store/objects/objects.ts";
import { readEventsTool } from "../../../src/tools/events/read-events.ts";
import { searchTool } from "../../../src/tools/events/search.ts";
import { getFlowRunLogsTool } from "../../../src/tools/runs/get-flow-run-logs.ts";
import {
  aDeployment,
  aFlow,
  aFlowRun,
  aLog,
  anArtifact,
  anEvent,
  anId,
  at,
  aVariable,
  aWorkPool,
  aWorkQueue,
  T0_US,
} from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const paid = (n: number, text = "parcel was paid in zloty") =>
  anEvent({
    id: anId(20_000 + n),
    event: "shop.order.paid",
    occurred: at(n),
    received: at(n),
    resource: { "prefect.resource.id": `shop.order.${n}`, "prefect.resource.name": `order ${n}` },
    payload: { note: text },
  });

/** Whole lists and logs of everything: nothing is missing. */
function coverAll(harness: ToolHarness): void {
  harness.cover("event");
  for (const kind of ["flow_run", "task_run"]) harness.cover(kind, { fromUs: 0 });
  const objects = ["flow", "work_pool", "work_queue", "worker", "concurrency_limit", "automation"] as const;
  for (const kind of [...objects, "artifact", "variable"] as const) harness.objects(kind, []);
}

test("search finds parts of texts without spaces, and parts of words where asked", async () => {
  await using harness = await openToolHarness();
  harness.events([paid(1, `${"x".repeat(400)}。错误：数据库连接失败，正在重试`), paid(2)]);
  coverAll(harness);
  const chinese = await harness.call(searchTool, { query: "连接失败" });
  expect(chinese.structured.results).toMatchObject([{ id: anId(20_001), text: expect.stringContaining("连接失败") }]);
  const none = " Whole words were looked for; *part* finds parts of words.";
  const nothing = "Nothing matches.";
  const unknown = await harness.call(searchTool, { query: "失连", kinds: ["event"] });
  expect(unknown.structured).toMatchObject({ results: [], coverage: { complete: true } });
  expect(unknown.text).toContain(nothing);
  expect(unknown.text).not.toContain(none);
  expect((await harness.call(searchTool, { query: "arcel" })).text).toContain(`${nothing}${none}`);
  expect((await harness.call(searchTool, { query: "*arce*" })).structured.results).toMatchObject([
    { id: anId(20_002), text: expect.stringContaining("parcel") },
  ]);
});

test("search finds deployments and queues by the names of their flow and pool, with and without wildcards", async () => {
  await using harness = await openToolHarness();
  coverAll(harness);
  const flows = [aFlow({ id: anId(1), name: "hourly-report" }), aFlow({ id: anId(2), name: "ingest-orders" })];
  const deployments = ["eu", "us"].map((name, n) => aDeployment({ id: anId(11 + n), name, flow_id: anId(1) }));
  harness.objects("flow", flows);
  harness.objects("deployment", [...deployments, aDeployment({ id: anId(13), name: "web", flow_id: anId(2) })]);
  harness.objects("work_pool", [aWorkPool({ id: anId(3), name: "etl-pool" })]);
  harness.objects("work_queue", [aWorkQueue({ id: anId(4), name: "reports", work_pool_id: anId(3) })]);
  const find = async (query: string, kinds?: string[]) => {
    const { structured } = await harness.call(searchTool, { query, ...(kinds ? { kinds } : {}) });
    return structured.results.map(({ name }: { name: string }) => name);
  };
  expect(await find("ingest-orders/web", ["deployment"])).toEqual(["ingest-orders/web"]);
  expect(await find("*hourly-report/e*")).toEqual(["hourly-report/eu"]);
  expect(await find("hourly-report")).toEqual(["hourly-report/eu", "hourly-report", "hourly-report/us"]);
  expect(await find("hourly-report -us")).toEqual(["hourly-report/eu", "hourly-report"]);
  expect(await find("etl-pool/reports")).toEqual(["etl-pool/reports"]);
  expect(await find("ingest-orders/eu")).toEqual([]);
});

test("search of deployments says that flows were not read, whose names it searches, too", async () => {
  await using harness = await openToolHarness();
  harness.objects("deployment", []);
  const { structured, text } = await harness.call(searchTool, { query: "etl/eu", kinds: ["deployment"] });
  expect(structured.coverage).toMatchObject({ complete: false });
  expect(text).toContain("Not yet read from Prefect, and so not searched completely: flow.");
});

test("search says that operators of other languages were looked for as words", async () => {
  await using harness = await openToolHarness();
  harness.events([paid(1)]);
  coverAll(harness);
  const notesOf = async (query: string) =>
    (await harness.call(searchTool, { query, kinds: ["event"] })).structured.coverage.notes ?? [];
  expect(await notesOf("parcel OR letter AND level:ERROR")).toEqual([
    'OR, AND, "level:" are no operators; they were looked for as words, and all words must occur.',
  ]);
  expect(await notesOf("NOT parcel")).toEqual([
    "NOT is no operator; it was looked for as a word, and all words must occur.",
  ]);
  for (const query of ["parcel -letter", '"parcel OR letter"', "s3://bucket/key", "parcel or letter", "12:30:00"])
    expect([query, (await notesOf(query)).filter((note: string) => note.includes("operator"))]).toEqual([query, []]);
});

test("search shows a log line around the words, without frames of libraries; with full detail the whole line", async () => {
  await using harness = await openToolHarness();
  const run = aFlowRun({ id: anId(1), name: "calm-otter" });
  harness.flowRuns([run]);
  const frame = '  File "/venv/lib/python3.11/site-packages/prefect/engine.py", line 7, in run\n    yield self\n';
  const message = `Encountered exception\nTraceback (most recent call last):\n${frame.repeat(40)}  File "/srv/flows.py", line 3, in load\n    open(path)\nOSError: disk quota exceeded`;
  const long = `${"before ".repeat(100)}needle${" after".repeat(100)}`;
  harness.logs([
    aLog({ id: anId(2), flow_run_id: run.id, message, timestamp: at(3) }),
    aLog({ id: anId(3), flow_run_id: run.id, message: long, timestamp: at(2) }),
  ]);
  const shown = async (query: string, more = {}) =>
    (await harness.call(searchTool, { query, kinds: ["log"], ...more })).structured.results[0].message;
  expect(await shown("quota")).toBe(
    'Encountered exception\nTraceback (most recent call last):\n  … 40 frames of libraries\n  File "/srv/flows.py", line 3, in load\n    open(path)\nOSError: disk quota exceeded',
  );
  expect(await shown("engine")).toContain("prefect/engine.py");
  const needle = await shown("needle");
  expect(needle).toStartWith("…");
  expect(needle).toContain("before needle after");
  expect(needle.length).toBeLessThan(400);
  expect(await shown("quota", { detail: "full" })).toBe(message);
  expect(await shown("needle", { detail: "full" })).toBe(long);
});

describe("search with a wrong query", () => {
  test("is refused when there is none", async () => {
    await using harness = await openToolHarness();
    const { structured } = await harness.call(searchTool, {});
    expect(structured).toMatchObject({ code: "invalid_input", message: 'argument "query" is missing' });
  });

  test("is refused with the limits when it is too large", async () => {
    await using harness = await openToolHarness();
    harness.events([paid(1)]);
    coverAll(harness);
    const refused = async (query: string) => {
      const { structured } = await harness.call(searchTool, { query });
      return [structured.code, structured.message, structured.hint];
    };
    const hint = "A search takes at most 200 words of 1000 characters.";
    const words = (count: number) => Array.from({ length: count }, (_, n) => `w${n}`).join(" ");
    expect(await refused(words(1_500))).toEqual(["invalid_input", 'argument "query": there are 1,500 words', hint]);
    expect(await refused("x".repeat(6_000))).toEqual([
      "invalid_input",
      'argument "query": a word has more than 1000 characters',
      hint,
    ]);
    const excluded = `a -${words(1_500).replaceAll(" ", " -")}`;
    expect(await refused(excluded)).toEqual(["invalid_input", 'argument "query": there are 1,501 words', hint]);
    // Where no name is looked at either.
    const { structured } = await harness.call(searchTool, { query: words(1_500), kinds: ["event"] });
    expect(structured.message).toBe('argument "query": there are 1,500 words');
    expect((await harness.call(searchTool, { query: words(200) })).isError).toBe(false);
    expect((await harness.call(searchTool, { query: "x".repeat(1_000) })).isError).toBe(false);
  });
});

describe("text that the search index leaves out, such as emoji", () => {
  test("is found by read_events and get_flow_run_logs, which the hint names", async () => {
    await using harness = await openToolHarness();
    const run = aFlowRun({ name: "calm-otter", state_type: "COMPLETED" });
    harness.flowRuns([run]);
    harness.logs([
      aLog({ flow_run_id: run.id, message: "it 🔥 burns" }),
      aLog({ flow_run_id: run.id, message: "cold" }),
    ]);
    harness.cover("log", { scope: run.id });
    harness.events([paid(1, "it 🔥 burns"), paid(2)]);
    coverAll(harness);
    const events = await harness.call(readEventsTool, { filter: { text: { query: "🔥" } } });
    expect(events.structured.events).toMatchObject([{ id: anId(20_001) }]);
    const logs = await harness.call(getFlowRunLogsTool, { flow_run_id: run.id, text: "🔥" });
    expect(logs.structured.logs).toMatchObject([{ message: "it 🔥 burns" }]);
    expect(harness.fake.takeRequests()).toEqual([]);
  });
});

describe("search from the record", () => {
  test("says that runs may be missing where their time was not read, however completely events are recorded", async () => {
    await using harness = await openToolHarness();
    coverAll(harness);
    harness.objects("deployment", []);
    const ofRuns = { query: "zloty", kinds: ["flow_run", "task_run"] };
    expect((await harness.call(searchTool, ofRuns)).structured.coverage).toMatchObject({ complete: true });
    harness.nowUs += MINUTE_US / 2;
    harness.following();
    const later = (await harness.call(searchTool, ofRuns)).structured;
    expect(later).toMatchObject({ as_of: at(3_600), coverage: { complete: true } });
    harness.nowUs += 10 * MINUTE_US;
    harness.cover("event");
    harness.following();
    const ofLogs = await harness.call(searchTool, { query: "zloty", kinds: ["log"] });
    expect(ofLogs.structured.coverage).toMatchObject({
      complete: false,
      notes: ["Not all of this time is recorded, so some may be missing: log."],
    });
    harness.cover("flow_run");
    for (const kinds of [["task_run"], ["event", "task_run"], undefined]) {
      const { structured } = await harness.call(searchTool, { query: "zloty", ...(kinds ? { kinds } : {}) });
      expect(structured.coverage).toMatchObject({
        complete: false,
        notes: ["Each task_run that is expected to 2026-08-20T10:15:00Z is recorded; others may be missing."],
      });
    }
    const bounded = await harness.call(searchTool, { query: "zloty", kinds: ["task_run"], since: at(0) });
    expect(bounded.structured.coverage).toMatchObject({
      complete: false,
      notes: ["Not all of this time is recorded, so some may be missing: task_run."],
    });
  });

  test("searches runs of all time, and says which are recorded unless all are", async () => {
    await using harness = await openToolHarness();
    coverAll(harness);
    harness.objects("deployment", []);
    // All events are recorded, and runs of a part of their time.
    inTransaction(harness.db, () => removeAllCoverage(harness.db, ["flow_run"]));
    const ask = async (kind: string) =>
      (await harness.call(searchTool, { query: "holder", kinds: [kind] })).structured.coverage;
    expect(await ask("flow_run")).toMatchObject({
      complete: false,
      notes: ["No flow_run was read yet, so some may be missing."],
    });
    harness.cover("flow_run");
    expect(await ask("flow_run")).toMatchObject({
      complete: false,
      notes: [
        "Each flow_run that is expected from 2026-08-19T10:15:00Z to 2026-08-20T10:15:00Z is recorded; others may be missing.",
      ],
    });
    harness.cover("flow_run", { fromUs: 0 });
    expect(await ask("flow_run")).toMatchObject({ complete: true });
    expect(await ask("flow_run")).not.toHaveProperty("notes");
  });

  test("finds events, log lines, runs and objects in one list, without a request", async () => {
    await using harness = await openToolHarness();
    const run = aFlowRun({ name: "zloty-pony", state_type: "COMPLETED" });
    const line = aLog({ flow_run_id: run.id, message: "converted 5 zloty", timestamp: at(3) });
    harness.flowRuns([run]);
    harness.logs([line]);
    harness.cover("log", { scope: run.id });
    harness.events([paid(1), paid(2, "free of charge")]);
    coverAll(harness);
    const deployment = aDeployment({ name: "zloty rates" });
    harness.objects("deployment", [deployment]);
    const { structured } = await harness.call(searchTool, { query: "zloty" });
    expect(structured.results).toEqual([
      { kind: "deployment", id: deployment.id, name: "zloty rates" },
      {
        kind: "log",
        id: line.id,
        time: at(3),
        flow_run_id: run.id,
        flow_run_name: "zloty-pony",
        n: 1,
        level: "INFO",
        message: "converted 5 zloty",
      },
      {
        kind: "event",
        id: anId(20_001),
        time: at(1),
        event: "shop.order.paid",
        resource_id: "shop.order.1",
        resource_name: "order 1",
        text: "parcel was paid in zloty",
      },
      { kind: "flow_run", id: run.id, name: "zloty-pony", time: at(0), state: "Completed" },
    ]);
    expect(structured).toMatchObject({ source: "record", coverage: { complete: true, gaps: [] } });
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("supports phrases, exclusions, prefixes, kinds and times, and pages through all results", async () => {
    await using harness = await openToolHarness();
    harness.events(Array.from({ length: 30 }, (_, n) => paid(n, n % 2 ? "paid in zloty" : "zloty in paid crates")));
    coverAll(harness);
    harness.objects("deployment", []);
    const idsOf = async (args: object) => {
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const { structured } = await harness.call(searchTool, { limit: 7, ...args, ...(cursor ? { cursor } : {}) });
        found.push(...structured.results.map((one: { id: string }) => one.id));
        cursor = structured.next_cursor;
      } while (cursor);
      return found;
    };
    const odd = Array.from({ length: 15 }, (_, n) => anId(20_029 - 2 * n));
    expect(await idsOf({ query: '"paid in zloty"' })).toEqual(odd);
    expect(await idsOf({ query: "zlo* -crates" })).toEqual(odd);
    expect(await idsOf({ query: "zloty", kinds: ["event"] })).toHaveLength(30);
    expect(await idsOf({ query: "zloty", kinds: ["log", "flow_run"] })).toEqual([]);
    expect(await idsOf({ query: "zloty", since: at(10), until: at(12) })).toEqual(
      [12, 11, 10].map((n) => anId(20_000 + n)),
    );
  });

  test("states what it could not search", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([aFlowRun({ name: "burgundy-owl" })]);
    harness.cover("event");
    const { structured, text } = await harness.call(searchTool, { query: "zloty" });
    expect(structured).toMatchObject({ results: [], coverage: { complete: false } });
    expect(text).toContain("Logs of 1 of 1 run in this time are not fully recorded, so lines may be missing");
    expect(text).toContain("Not yet read from Prefect, and so not searched completely: flow, deployment");
    const events = await harness.call(searchTool, { query: "zloty", kinds: ["event"] });
    expect(events.structured).toMatchObject({ results: [], coverage: { complete: true } });
  });
});

describe("search for artifacts and variables", () => {
  const report = anArtifact({ id: anId(51), key: "daily-report", description: "Zloty per order" });
  const rate = aVariable({ id: anId(52), name: "rate", tags: ["zloty"] });
  const RESULTS = [
    { kind: "artifact", id: report.id, name: "daily-report", text: "Zloty per order" },
    { kind: "variable", id: rate.id, name: "rate", text: "zloty" },
  ];

  test("answers from the record by key, description, name and tags", async () => {
    await using harness = await openToolHarness();
    coverAll(harness);
    harness.objects("deployment", []);
    harness.objects("artifact", [report, anArtifact({ key: "other" })]);
    harness.objects("variable", [rate]);
    const { structured } = await harness.call(searchTool, { query: "zloty" });
    expect(structured).toMatchObject({ results: RESULTS, source: "record", coverage: { complete: true } });
    expect((await harness.call(searchTool, { query: "daily" })).structured.results).toEqual([
      { kind: "artifact", id: report.id, name: "daily-report" },
    ]);
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("reads the lists from Prefect while they are not recorded, or with fresh, and saves them", async () => {
    for (const record of [true, false]) {
      await using harness = await openToolHarness({ record });
      harness.fake.workspace.artifacts.push(report, anArtifact({ key: null, type: "result", description: "zloty" }));
      harness.fake.workspace.variables.push(rate, aVariable({ name: "secret", value: "zloty" }));
      if (record) harness.cover("event");
      const both = { kinds: ["artifact", "variable"] };
      const { structured } = await harness.call(searchTool, { query: "zloty", ...both });
      expect(structured).toMatchObject({ results: RESULTS, source: "live", coverage: { complete: true } });
      // Without a record, the retention of the events is unknown.
      const asked = harness.fake.takeRequests().filter((route) => record || route !== "GET /admin/settings");
      expect(asked.sort()).toEqual(["POST /artifacts/filter", "POST /variables/filter"]);
      const saved = harness.saved.map((batch) => [batch.kind, batch.rows.length, "isWhole" in batch && batch.isWhole]);
      expect(saved.sort()).toEqual([
        ["artifact", 1, true],
        ["variable", 2, true],
      ]);
      const first = await harness.call(searchTool, { query: "zloty", limit: 1 });
      expect(first.structured.results).toEqual(RESULTS.slice(0, 1));
      const second = await harness.call(searchTool, {
        query: "zloty",
        limit: 1,
        cursor: first.structured.next_cursor,
      });
      expect(second.structured.results).toEqual(RESULTS.slice(1));
    }
    await using harness = await openToolHarness();
    coverAll(harness);
    harness.fake.workspace.variables.push(rate);
    const fresh = await harness.call(searchTool, { query: "zloty", kinds: ["variable"], fresh: true });
    expect(fresh.structured).toMatchObject({ results: RESULTS.slice(1), source: "live" });
  });

  test("states that only the newest part of a long list was searched", async () => {
    await using harness = await openToolHarness();
    coverAll(harness);
    const rows = Array.from({ length: 200 }, (_, n) => anArtifact({ key: `k${n}`, updated: at(-n) }));
    const note = `Of artifacts, only the 200 that were updated last were searched, those since ${at(-199)}.`;
    inTransaction(harness.db, () => upsertNewestObjects(harness.db, "artifact", rows, harness.nowUs));
    const recorded = await harness.call(searchTool, { query: "k7", kinds: ["artifact"] });
    expect(recorded.structured).toMatchObject({ results: [{ name: "k7" }], coverage: { complete: false } });
    expect(recorded.text).toContain(note.replace(".000000", ""));
    harness.fake.workspace.artifacts.push(...rows, anArtifact({ key: "k7", updated: at(-300) }));
    const live = await harness.call(searchTool, { query: "k7", kinds: ["artifact"], fresh: true });
    expect(live.structured).toMatchObject({ source: "live", results: [{ name: "k7" }], coverage: { complete: false } });
    expect(live.text).toContain(note);
  });

  test("fails when Prefect is unreachable and nothing else was asked for, and otherwise states it", async () => {
    await using harness = await openToolHarness();
    harness.cover("event");
    await harness.fake.down();
    const alone = await harness.call(searchTool, { query: "zloty", kinds: ["artifact"] });
    expect(alone.structured).toMatchObject({ code: "unavailable", retryable: true });
    const all = await harness.call(searchTool, { query: "zloty" });
    expect(all.structured).toMatchObject({ source: "record", results: [], coverage: { complete: false } });
    expect(all.text).toContain("artifacts could not be read from Prefect");
    harness.following({ lostSecondsAgo: 60 });
    expect((await harness.call(searchTool, { query: "zloty" })).text).not.toContain("could not be read");
  });
});

describe("search from Prefect", () => {
  test("searches Prefect's events outside the coverage of the record, also when Prefect's text search fails", async () => {
    for (const textSearch of [true, false]) {
      await using harness = await openToolHarness({ textSearch });
      harness.events([paid(1)]);
      harness.cover("event", { toUs: T0_US + 100_000_000 });
      harness.fake.emit([paid(1), paid(200), paid(201, "unzloty")], { socket: false });
      const { structured } = await harness.call(searchTool, { query: "zloty", kinds: ["event"] });
      expect(structured.results.map((one: { id: string }) => one.id)).toEqual([anId(20_200), anId(20_001)]);
      expect(structured).toMatchObject({ source: "mixed", coverage: { complete: true } });
    }
  });
});

describe("search fails", () => {
  test("on a query without words, an unknown kind, and with neither record nor Prefect", async () => {
    await using harness = await openToolHarness({ record: false });
    const empty = await harness.call(searchTool, { query: "--- -zloty" });
    expect(empty.structured).toMatchObject({ code: "invalid_input", hint: expect.stringContaining("phrase") });
    const emoji = await harness.call(searchTool, { query: "🔥" });
    expect(emoji.structured).toMatchObject({
      code: "invalid_input",
      message: '"🔥" holds no word to look for: only letters and digits make words',
      hint: expect.stringContaining('read_events with filter {"text":{"query":"🔥"}} looks for them in events'),
    });
    const kind = await harness.call(searchTool, { query: "a", kinds: ["runs"] });
    expect(kind.structured).toMatchObject({ code: "invalid_input", hint: expect.stringContaining("flow_run") });
    await harness.fake.down();
    const away = await harness.call(searchTool, { query: "zloty", since: at(-HOUR_US / 1e6) });
    expect(away.structured).toMatchObject({ code: "unavailable", retryable: true });
  });
});
