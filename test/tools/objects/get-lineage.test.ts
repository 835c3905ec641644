import { describe, expect, test } from "bun:test";
import { DAY_US, MINUTE_US } from "../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import { getLineageTool } from "../../../src/tools/objects/get-lineage.ts";
import { anEvent, anId, at } from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const RUN = anId(70);

interface Made {
  readonly from?: readonly string[];
  readonly event?: string;
  readonly name?: string;
  readonly by?: string;
}

/** As Prefect's engine emits it: the assets that were read, the tool and the run are related resources. */
function made(
  key: string,
  seconds: number,
  { from = [], event = "materialization.succeeded", name, by }: Made = {},
): PrefectEvent {
  const related = (role: string, id: string, of?: string) => ({
    "prefect.resource.id": id,
    "prefect.resource.role": role,
    ...(of ? { "prefect.resource.name": of } : {}),
  });
  return anEvent({
    event: `prefect.asset.${event}`,
    occurred: at(seconds),
    resource: { "prefect.resource.id": key, ...(name ? { "prefect.resource.name": name } : {}) },
    related: [
      ...from.map((source) => related("asset", source)),
      ...(by ? [related("asset-materialized-by", by)] : []),
      related("flow-run", `prefect.flow-run.${RUN}`, "night-run"),
      related("flow", `prefect.flow.${anId(1)}`, "sales"),
      related("deployment", `prefect.deployment.${anId(2)}`, "nightly"),
    ],
  });
}

function record(harness: ToolHarness, events: readonly PrefectEvent[]): void {
  harness.events(events);
  harness.cover("event", { fromUs: harness.nowUs - 30 * DAY_US });
  harness.following();
}

const [RAW, CLEAN, REPORT, MAIL] = ["s3://lake/raw", "postgres://dwh/clean", "postgres://dwh/report", "mail://daily"];
const CHAIN = [
  made(RAW, 0, { event: "referenced" }),
  made(CLEAN, 10, { from: [RAW], name: "Clean orders", by: "dbt" }),
  made(REPORT, 20, { from: [CLEAN] }),
  made(MAIL, 30, { from: [REPORT] }),
];
const distances = (assets: readonly { id: string; distance: number }[]) => assets.map((one) => [one.id, one.distance]);

describe("get_lineage from the record", () => {
  test("follows an asset to its sources and to what was made from it, with run, age and tool", async () => {
    await using harness = await openToolHarness();
    record(harness, CHAIN);
    const { structured, text } = await harness.call(getLineageTool, { asset: CLEAN });
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(structured).toMatchObject({ asset: CLEAN, source: "record", coverage: { complete: true } });
    expect(distances(structured.assets)).toEqual([
      [CLEAN, 0],
      [RAW, -1],
      [REPORT, 1],
      [MAIL, 2],
    ]);
    expect(structured.assets[0]).toEqual({
      id: CLEAN,
      distance: 0,
      name: "Clean orders",
      made: at(10),
      age_seconds: 3_590,
      made_by: "sales/nightly",
      flow_run_id: RUN,
      flow_run_name: "night-run",
      tool: "dbt",
      from: [RAW],
      used_by: [REPORT],
    });
    expect(structured.assets[1]).toMatchObject({ id: RAW, made: "elsewhere", last_read: at(0), used_by: [CLEAN] });
    expect(text).toContain("night-run");
    expect(text).toContain("1 h");
  });

  test("keeps to a direction and a depth, and says what lies beyond", async () => {
    await using harness = await openToolHarness();
    record(harness, CHAIN);
    const ask = async (args: object) => (await harness.call(getLineageTool, args)).structured.assets;
    expect(distances(await ask({ asset: MAIL, direction: "upstream", depth: 2 }))).toEqual([
      [MAIL, 0],
      [REPORT, -1],
      [CLEAN, -2],
    ]);
    const cut = await harness.call(getLineageTool, { asset: RAW, direction: "downstream", depth: 1 });
    expect(cut.structured.assets).toMatchObject([{ id: RAW }, { id: CLEAN, distance: 1, beyond_depth: 1 }]);
    expect(cut.text).toContain("More assets follow beyond depth 1");
    expect((await ask({ asset: "clean ORDERS", direction: "upstream" }))[0]).toMatchObject({ id: CLEAN });
  });

  test("what an asset is made from is that of its last success, and a later failure is beside it", async () => {
    await using harness = await openToolHarness();
    record(harness, [
      made(REPORT, 0, { from: [RAW] }),
      made(REPORT, 20, { from: [CLEAN] }),
      made(REPORT, 40, { from: [MAIL], event: "materialization.failed" }),
    ]);
    const { structured } = await harness.call(getLineageTool, { asset: REPORT });
    expect(structured.assets).toMatchObject([
      { id: REPORT, made: at(20), from: [CLEAN], last_failed: at(40), failed_run: { id: RUN, name: "night-run" } },
      { id: CLEAN, made: "elsewhere" },
    ]);
  });

  test("an asset that is older than a source of it is marked", async () => {
    await using harness = await openToolHarness();
    record(harness, [...CHAIN, made(CLEAN, 100, { from: [RAW] })]);
    const { structured } = await harness.call(getLineageTool, { asset: REPORT, direction: "upstream" });
    expect(structured.assets).toMatchObject([{ id: REPORT, older_than_source: true }, { id: CLEAN }, { id: RAW }]);
    expect(structured.assets[1]).not.toHaveProperty("older_than_source");
  });

  test("ends on circles", async () => {
    await using harness = await openToolHarness();
    record(harness, [made("a://1", 0, { from: ["a://2"] }), made("a://2", 1, { from: ["a://1"] })]);
    const { structured } = await harness.call(getLineageTool, { asset: "a://1", depth: 10, direction: "upstream" });
    expect(distances(structured.assets)).toEqual([
      ["a://1", 0],
      ["a://2", -1],
    ]);
  });

  test("lists all assets, last made first, in pages", async () => {
    await using harness = await openToolHarness();
    record(harness, CHAIN);
    const first = await harness.call(getLineageTool, { limit: 3 });
    expect(first.structured.assets.map((one: { id: string }) => one.id)).toEqual([MAIL, REPORT, CLEAN]);
    const rest = await harness.call(getLineageTool, { limit: 3, cursor: first.structured.next_cursor });
    expect(rest.structured.assets).toMatchObject([{ id: RAW }]);
    expect(rest.structured.next_cursor).toBeUndefined();
  });

  test("says that there is none, and names near keys for one that is unknown", async () => {
    await using harness = await openToolHarness();
    record(harness, []);
    const none = await harness.call(getLineageTool);
    expect(none.structured).toMatchObject({ assets: [], coverage: { complete: true } });
    expect(none.text).toContain("No event of an asset is known.");
    harness.events(CHAIN);
    const { structured } = await harness.call(getLineageTool, { asset: "postgres://dwh/reports" });
    expect(structured).toMatchObject({ code: "not_found" });
    expect(structured.hint).toContain(REPORT);
  });

  test("answers offline with its age", async () => {
    await using harness = await openToolHarness();
    harness.events(CHAIN);
    harness.cover("event", { fromUs: harness.nowUs - 30 * DAY_US, toUs: harness.nowUs - 10 * MINUTE_US });
    harness.following({ lostSecondsAgo: 600 });
    await harness.fake.down();
    const { structured, text } = await harness.call(getLineageTool, { asset: MAIL });
    expect(structured.source).toBe("record");
    expect(structured.assets).toHaveLength(4);
    expect(text).toContain("Prefect is unreachable");
  });
});

describe("get_lineage without a record", () => {
  test("reads the events of assets from Prefect", async () => {
    await using harness = await openToolHarness({ record: false });
    harness.fake.emit(CHAIN, { socket: false });
    const { structured } = await harness.call(getLineageTool, { asset: CLEAN, since: "2h" });
    expect(structured.source).toBe("live");
    expect(structured.assets).toHaveLength(4);
  });

  test("fails with the reason when Prefect does not answer", async () => {
    await using harness = await openToolHarness({ record: false });
    await harness.fake.down();
    expect((await harness.call(getLineageTool, { since: "2h" })).structured).toMatchObject({ code: "unavailable" });
  });
});
