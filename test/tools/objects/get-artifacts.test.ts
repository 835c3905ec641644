import { describe, expect, test } from "bun:test";
import { inTransaction } from "../../../src/store/database.ts";
import { upsertNewestObjects } from "../../../src/store/objects/objects.ts";
import { getArtifactsTool } from "../../../src/tools/objects/get-artifacts.ts";
import { aFlowRun, anArtifact, anId, at } from "../../support/builders.ts";
import { idsOf, openToolHarness } from "../../support/tool-harness.ts";

const run = aFlowRun({ id: anId(1), name: "calm-otter" });
const report = anArtifact({
  id: anId(2),
  key: "report",
  description: "Orders",
  flow_run_id: run.id,
  updated: at(3),
});
const table = anArtifact({
  id: anId(3),
  key: "rows",
  type: "table",
  data: JSON.stringify(Array.from({ length: 400 }, (_, order) => ({ order }))),
  task_run_id: anId(9),
  updated: at(2),
});
const progress = anArtifact({ id: anId(4), key: null, type: "progress", data: 50, updated: at(1) });
const result = anArtifact({ id: anId(5), key: null, type: null, flow_run_id: run.id, updated: at(4) });

describe("get_artifacts from the record", () => {
  test("lists what was updated last first, and is found by run, key and type", async () => {
    await using harness = await openToolHarness();
    harness.objects("artifact", [progress, table, report]);
    harness.flowRuns([run]);
    const answer = await harness.call(getArtifactsTool);
    expect(answer.structured).toMatchObject({ source: "record", coverage: { complete: true } });
    expect(answer.structured.artifacts).toEqual([
      {
        id: report.id,
        key: "report",
        type: "markdown",
        description: "Orders",
        flow_run_id: run.id,
        created: at(),
        updated: at(3),
      },
      { id: table.id, key: "rows", type: "table", task_run_id: anId(9), created: at(), updated: at(2) },
      { id: progress.id, type: "progress", created: at(), updated: at(1) },
    ]);
    const ids = async (args: object) => idsOf((await harness.call(getArtifactsTool, args)).structured.artifacts);
    expect(await ids({ flow_run: "calm-otter" })).toEqual([report.id]);
    expect(await ids({ key: "rows" })).toEqual([table.id]);
    expect(await ids({ type: "progress" })).toEqual([progress.id]);
    expect(await ids({ filter: { key: { like_: "R" }, type: { not_any_: ["result", "table"] } } })).toEqual([
      report.id,
    ]);
    const first = await harness.call(getArtifactsTool, { limit: 2 });
    expect(await ids({ limit: 2, cursor: first.structured.next_cursor })).toEqual([progress.id]);
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("shows the data on request, long data by its beginning", async () => {
    await using harness = await openToolHarness();
    harness.objects("artifact", [progress, table, report]);
    const full = await harness.call(getArtifactsTool, { detail: "full" });
    expect(full.structured.artifacts.map((one: Record<string, unknown>) => [one.data, one.data_chars])).toEqual([
      ["# Orders", undefined],
      [String(table.data).slice(0, 2_000), String(table.data).length],
      [50, undefined],
    ]);
    expect(full.structured.artifacts[0].ui_url).toEndWith(`/artifacts/artifact/${report.id}`);
    const { structured } = await harness.call(getArtifactsTool, { key: "report", fields: ["data"] });
    expect(structured.artifacts).toEqual([{ id: report.id, data: "# Orders" }]);
  });
});

describe("get_artifacts of a type that Prefect itself does not make", () => {
  test("names the nearest type where nothing was found; other types are possible", async () => {
    await using harness = await openToolHarness();
    harness.objects("artifact", [progress, table, report, { ...report, id: anId(6), type: "chart" }]);
    const notes = async (type: string) => (await harness.call(getArtifactsTool, { type })).structured.coverage.notes;
    expect(await notes("markdwn")).toEqual([
      'No artifact has the type "markdwn"; did you mean "markdown"? Types: markdown, table, link, image, progress, result.',
    ]);
    expect(await notes("link")).toBeUndefined();
    expect(await notes("chart")).toBeUndefined();
  });
});

describe("get_artifacts from Prefect", () => {
  test("leaves out what runs returned, and saves a list that it has read to its end", async () => {
    await using harness = await openToolHarness();
    harness.fake.workspace.artifacts.push(table, result, report);
    const answer = await harness.call(getArtifactsTool);
    expect(idsOf(answer.structured.artifacts)).toEqual([report.id, table.id]);
    expect(answer.structured).toMatchObject({ source: "live", coverage: { complete: true } });
    expect(harness.fake.requests.at(-1)?.body).toEqual({
      artifacts: { type: { not_any_: ["result"] } },
      sort: "UPDATED_DESC",
      limit: 41,
      offset: 0,
    });
    expect(harness.saved).toMatchObject([{ kind: "artifact", isWhole: true }]);
    await harness.call(getArtifactsTool, { limit: 1 });
    await harness.call(getArtifactsTool, { key: "rows" });
    expect(harness.saved).toMatchObject([{ isWhole: true }, { isWhole: false }, { isWhole: false }]);
  });

  test("is asked where the question includes what the record leaves out", async () => {
    await using harness = await openToolHarness();
    harness.objects("artifact", [report, table]);
    harness.fake.workspace.artifacts.push(table, result, report);
    const every = await harness.call(getArtifactsTool, { filter: {} });
    expect(idsOf(every.structured.artifacts)).toEqual([result.id, report.id, table.id]);
    expect(every.structured.source).toBe("live");
    await harness.fake.down();
    const offline = await harness.call(getArtifactsTool, { filter: {} });
    expect(idsOf(offline.structured.artifacts)).toEqual([report.id, table.id]);
    expect(offline.structured).toMatchObject({ source: "record", coverage: { complete: false } });
    expect(offline.text).toContain("Not recorded are artifacts whose type is result, or that have none.");
  });

  test("is asked while only the newest artifacts are recorded, which answer when it is unreachable", async () => {
    await using harness = await openToolHarness();
    const rows = Array.from({ length: 200 }, (_, n) => anArtifact({ key: `k${n}`, updated: at(-n) }));
    inTransaction(harness.db, () => upsertNewestObjects(harness.db, "artifact", rows, harness.nowUs - 5_000_000));
    harness.fake.workspace.artifacts.push(...rows, anArtifact({ key: "k7", updated: at(-300) }));
    const live = await harness.call(getArtifactsTool, { key: "k7" });
    expect(live.structured).toMatchObject({ source: "live", artifacts: [{ key: "k7" }, { key: "k7" }] });
    await harness.fake.down();
    const offline = await harness.call(getArtifactsTool, { key: "k7" });
    expect(offline.structured).toMatchObject({
      source: "record",
      as_of: at(3_595),
      artifacts: [{ key: "k7" }],
      coverage: { complete: false },
    });
    expect(offline.text).toContain(
      `Of artifacts, only the 200 that were updated last are recorded, those since ${at(-199)}.`,
    );
    const other = await harness.call(getArtifactsTool, { key: "older" });
    expect(other.structured).toMatchObject({ code: "unavailable", retryable: true });
  });
});

describe("get_artifacts fails", () => {
  test("on an unknown run, a field that Prefect lacks, and with neither record nor Prefect", async () => {
    await using harness = await openToolHarness();
    const unknown = await harness.call(getArtifactsTool, { flow_run: "unknown" });
    expect(unknown.structured).toMatchObject({ code: "not_found", message: 'no flow run "unknown"' });
    const wrong = await harness.call(getArtifactsTool, { filter: { name: { any_: ["x"] } } });
    expect(wrong.structured.hint).toBe(
      "Valid fields of ArtifactFilter: operator, id, key, flow_run_id, task_run_id, type.",
    );
    await harness.fake.down();
    expect((await harness.call(getArtifactsTool)).structured).toMatchObject({ code: "unavailable" });
  });
});
