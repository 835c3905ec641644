import { describe, expect, test } from "bun:test";
import { DAY_US, MINUTE_US } from "../../../src/lib/time.ts";
import { whatChangedTool } from "../../../src/tools/events/what-changed.ts";
import { aDeployment, anArtifact, anEvent, anId, at, aVariable, aWorkPool } from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const deployment = aDeployment({ id: anId(1), name: "nightly" });
const pool = aWorkPool({ id: anId(2), name: "etl-pool" });
const updated = anEvent({
  id: anId(3),
  event: "prefect.deployment.updated",
  occurred: at(1_000),
  resource: { "prefect.resource.id": `prefect.deployment.${deployment.id}`, "prefect.resource.name": "nightly" },
  payload: { updates: { parameters: { from: { n: 1 }, to: { n: 2 } } } },
});
const CHANGE = {
  id: deployment.id,
  at: at(1_000),
  kind: "deployment",
  name: "nightly",
  change: "updated",
  fields: 'parameters: {"n":1} → {"n":2}',
  event_id: updated.id,
};

/** Lists have been read for two days. */
function fillRecord(harness: ToolHarness): void {
  const { nowUs } = harness;
  for (const us of [nowUs - 2 * DAY_US, nowUs]) {
    harness.nowUs = us as typeof nowUs;
    harness.objects("deployment", [deployment]);
    harness.objects("work_pool", [pool]);
  }
  harness.events([updated]);
  harness.cover("event", { fromUs: harness.nowUs - 2 * 86_400_000_000 });
  harness.cover("flow_run");
  harness.following();
}

describe("what_changed from the record", () => {
  test("counts runs only where their time was read", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    expect((await harness.call(whatChangedTool, { since: "2h" })).structured.runs).toMatchObject({ total: 0 });
    harness.nowUs += 10 * MINUTE_US;
    harness.cover("event");
    harness.following();
    const { structured } = await harness.call(whatChangedTool, { since: "2h" });
    expect(structured).toMatchObject({ source: "record", coverage: { complete: true } });
    expect(structured.runs).toBeUndefined();
  });

  test("states since when changes without an event are known, and claims no calm before", async () => {
    await using harness = await openToolHarness();
    harness.objects("deployment", [deployment]);
    harness.cover("event", { fromUs: harness.nowUs - 2 * DAY_US });
    harness.following();
    const { structured, text } = await harness.call(whatChangedTool, { since: "2h" });
    expect(structured).toMatchObject({ changes: [], coverage: { complete: false } });
    expect(text).toContain("INCOMPLETE");
    expect(text).toContain(
      "Lists of objects are recorded since 2026-08-20T10:15:00Z: of the time before, only changes",
    );
    expect(text).toContain("In what could be read: Nothing changed.");
    harness.nowUs += 10 * MINUTE_US;
    harness.cover("event", { fromUs: harness.nowUs - 2 * DAY_US });
    harness.following();
    const later = await harness.call(whatChangedTool, { since: "5m" });
    expect(later.structured.coverage).toMatchObject({ complete: true });
  });

  test("returns events with their fields, and a cursor for later changes", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const { structured, text } = await harness.call(whatChangedTool, { since: "2h" });
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(structured.changes).toEqual([CHANGE]);
    expect(structured).toMatchObject({ source: "record", coverage: { complete: true } });
    expect(text).toContain("parameters");
    const later = await harness.call(whatChangedTool, { cursor: structured.cursor });
    expect(later.structured.changes).toEqual([]);
    expect(later.text).toContain("Nothing changed.");
  });

  test("continues at the end of a page that was cut, with either cursor", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    harness.events([anEvent({ ...updated, id: anId(4), occurred: at(1_100) })]);
    const { structured } = await harness.call(whatChangedTool, { since: "2h", limit: 1 });
    expect(structured.changes).toEqual([CHANGE]);
    expect(structured.cursor).toBe(structured.next_cursor);
    const rest = await harness.call(whatChangedTool, { cursor: structured.cursor });
    expect(rest.structured.changes).toMatchObject([{ at: at(1_100), event_id: anId(4) }]);
  });

  test("finds changes without an event by comparing the lists that were read", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const { cursor } = (await harness.call(whatChangedTool, { since: "2h" })).structured;
    harness.nowUs += MINUTE_US;
    harness.objects("deployment", [{ ...deployment, paused: true }]);
    harness.cover("event", { fromUs: harness.nowUs - 2 * 86_400_000_000 });
    harness.following();
    const { structured } = await harness.call(whatChangedTool, { cursor });
    expect(structured.changes).toMatchObject([
      { id: deployment.id, kind: "deployment", name: "nightly", change: "updated", fields: "paused: false → true" },
    ]);
  });

  test("states that a schedule was switched off", async () => {
    await using harness = await openToolHarness();
    const schedule = {
      id: anId(5),
      created: at(0),
      updated: at(0),
      deployment_id: deployment.id,
      schedule: { cron: "0 9 * * 1-5", timezone: "Europe/Berlin", day_or: true },
      active: true,
    };
    harness.objects("deployment", [{ ...deployment, schedules: [schedule] }]);
    harness.nowUs += MINUTE_US;
    harness.objects("deployment", [{ ...deployment, schedules: [{ ...schedule, updated: at(9), active: false }] }]);
    harness.cover("event", { fromUs: harness.nowUs - 2 * 86_400_000_000 });
    harness.following();
    const { structured } = await harness.call(whatChangedTool, { since: "2h" });
    expect(structured.changes).toMatchObject([
      {
        change: "updated",
        fields: "schedule at 09:00, Monday through Friday (cron 0 9 * * 1-5, Europe/Berlin): active true → false",
      },
    ]);
  });
});

describe("what_changed of artifacts and variables", () => {
  const resource = (kind: string, id: string, name: string) => ({
    "prefect.resource.id": `prefect.${kind}.${id}`,
    "prefect.resource.name": name,
  });

  test("shows events of variables, and of both what two readings differ in", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const report = anArtifact({ key: "report", description: "old" });
    const [limit, gone] = [aVariable({ name: "limit" }), aVariable({ name: "gone" })];
    harness.objects("artifact", [report, anArtifact({ key: "dropped" })]);
    harness.objects("variable", [limit, gone]);
    harness.events([
      anEvent({
        id: anId(7),
        event: "prefect.variable.updated",
        occurred: at(1_200),
        resource: resource("variable", limit.id, "limit"),
      }),
      // Runs create artifacts in numbers; their events would bury the rest.
      anEvent({ event: "prefect.artifact.created", resource: resource("artifact", report.id, "report") }),
    ]);
    harness.nowUs += MINUTE_US;
    harness.objects("artifact", [{ ...report, description: "new", data: "# Other" }]);
    harness.objects("variable", [{ ...limit, tags: ["ops"] }]);
    const { structured } = await harness.call(whatChangedTool, { since: "2h" });
    const shown = structured.changes
      .filter(({ kind }: { kind: string }) => kind === "artifact" || kind === "variable")
      .map(({ kind, name, change, fields }: Record<string, unknown>) => [kind, name, change, fields]);
    const order = (row: unknown) => JSON.stringify(row);
    expect(shown.toSorted((a: unknown, b: unknown) => (order(a) < order(b) ? -1 : 1))).toEqual([
      ["artifact", "dropped", "deleted", undefined],
      ["artifact", "report", "updated", 'description: "old" → "new"'],
      ["variable", "gone", "deleted", undefined],
      ["variable", "limit", "updated", 'tags: [] → ["ops"]'],
      ["variable", "limit", "updated", undefined],
    ]);
  });
});

describe("what_changed from Prefect", () => {
  test("returns only events when nothing is recorded", async () => {
    await using harness = await openToolHarness({ record: false });
    harness.fake.emit([updated], { socket: false });
    const { structured } = await harness.call(whatChangedTool, { since: "2h" });
    expect(structured.source).toBe("live");
    expect(structured.changes).toEqual([CHANGE]);
  });
});

describe("what_changed fails", () => {
  test("on a cursor of another tool, and when Prefect is unreachable", async () => {
    await using harness = await openToolHarness({ record: false });
    const wrong = await harness.call(whatChangedTool, { cursor: "nonsense" });
    expect(wrong.structured).toMatchObject({ code: "invalid_input" });
    await harness.fake.down();
    expect((await harness.call(whatChangedTool, {})).structured).toMatchObject({ code: "unavailable" });
  });
});
