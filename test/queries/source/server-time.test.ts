import { describe, expect, test } from "bun:test";
import { formatIsoUs, HOUR_US, MINUTE_US, SECOND_US } from "../../../src/lib/time.ts";
import { currentSkew, serverNowUs, withServerTime } from "../../../src/queries/source/server-time.ts";
import { putFact } from "../../../src/store/sync-state.ts";
import { readEventsTool } from "../../../src/tools/events/read-events.ts";
import { getDeploymentsTool } from "../../../src/tools/objects/get-deployments.ts";
import { getFlowRunsTool } from "../../../src/tools/runs/get-flow-runs.ts";
import { getDashboardTool } from "../../../src/tools/workspace/get-dashboard.ts";
import { aDeployment, anEvent } from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const HOURS_US = 2 * HOUR_US;

describe("the skew", () => {
  test("is known by the process that syncs, until the local clock is set or an hour has passed", async () => {
    await using h = await openToolHarness({ serverSkewUs: 90 * SECOND_US });
    const known = { skewUs: 90 * SECOND_US, statedUs: 88_900_000, isKnown: true, isRecordDoubtful: false };
    expect(currentSkew(h.query)).toEqual(known);
    for (const byUs of [HOURS_US, -HOURS_US]) {
      h.setWallClock(byUs);
      expect(currentSkew(h.query)).toEqual({ ...known, isKnown: false, isRecordDoubtful: true });
      h.setWallClock(-byUs);
    }
    const at = { skewMs: 90_000, bootedUs: 0 };
    putFact(h.db, "clock", { ...at, measuredUs: h.nowUs - HOUR_US - 1 }, h.nowUs);
    expect(currentSkew(h.query)).toEqual({ ...known, isKnown: false });
    putFact(h.db, "clock", { ...at, measuredUs: h.nowUs + 2 * SECOND_US }, h.nowUs);
    expect(currentSkew(h.query).isKnown).toBe(false);
    // Written by an earlier version.
    putFact(h.db, "clock", { skewMs: 90_000 }, h.nowUs);
    expect(currentSkew(h.query)).toEqual({ ...known, isKnown: false });
  });

  test("is measured by the answers to this process too, and asked for again once the local clock was set", async () => {
    await using h = await openToolHarness({ record: false, serverSkewUs: 10 * MINUTE_US });
    expect(currentSkew(h.query).isKnown).toBe(false);
    await h.query.api().readVersion();
    for (const byUs of [0, HOURS_US, -HOURS_US]) {
      h.setWallClock(byUs);
      const { skewUs, isKnown } = currentSkew(h.query);
      expect([Math.abs(skewUs - 10 * MINUTE_US + byUs) < 1.5 * SECOND_US, isKnown]).toEqual([true, byUs === 0]);
      await h.query.api().readVersion();
      expect(currentSkew(h.query).isKnown).toBe(true);
      h.setWallClock(-byUs);
    }
  });

  test("is that of the newer measurement", async () => {
    await using h = await openToolHarness({ serverSkewUs: 10 * MINUTE_US });
    await h.query.api().readVersion();
    putFact(h.db, "clock", { skewMs: 5_000, measuredUs: h.nowUs - SECOND_US, bootedUs: 0 }, h.nowUs);
    expect(Math.round(currentSkew(h.query).skewUs / MINUTE_US)).toBe(10);
    putFact(h.db, "clock", { skewMs: 5_000, measuredUs: h.nowUs + SECOND_US / 2, bootedUs: 0 }, h.nowUs);
    expect(currentSkew(h.query).skewUs).toBe(5 * SECOND_US);
  });
});

describe("work that asks Prefect", () => {
  test("is repeated once when the answers show another time than was assumed", async () => {
    await using h = await openToolHarness({ record: false, serverSkewUs: HOURS_US });
    const assumed: number[] = [];
    const work = async () => {
      assumed.push(Math.round((serverNowUs(h.query) - h.nowUs) / MINUTE_US));
      return h.query.api().readVersion();
    };
    await withServerTime(h.query, work);
    await withServerTime(h.query, work);
    expect(assumed).toEqual([0, 120, 120]);
  });

  test("is not repeated where the clocks agree", async () => {
    await using h = await openToolHarness({ record: false });
    await h.call(readEventsTool, {});
    expect(h.fake.takeRequests().filter((route) => route.includes("/events/filter"))).toHaveLength(1);
  });
});

/** A workspace that a process followed until two hours ago, and an event that Prefect has and the record lacks. */
async function recorded(): Promise<ToolHarness> {
  const h = await openToolHarness();
  for (const kind of ["event", "flow_run"]) h.cover(kind);
  h.objects("deployment", [aDeployment({ name: "before" })]);
  h.fake.workspace.deployments.push(aDeployment({ name: "now" }));
  h.following();
  const measured = { skewMs: 0, measuredUs: h.nowUs, bootedUs: 0 };
  h.nowUs += HOURS_US;
  putFact(h.db, "clock", measured, h.nowUs);
  const received = formatIsoUs(h.nowUs - SECOND_US);
  h.fake.emit(anEvent({ event: "shop.opened", occurred: received, received }));
  return h;
}

describe.each([HOURS_US, -HOURS_US, -HOURS_US + 30 * SECOND_US])("after the wall clock was set by %p us", (byUs) => {
  test.each([false, true])("events are read from Prefect, up to its own now (fresh: %p)", async (fresh) => {
    await using h = await recorded();
    const trueUs = h.nowUs;
    h.setWallClock(byUs);
    const { structured } = await h.call(readEventsTool, { occurred_after: "10m", fresh });
    expect(structured).toMatchObject({ source: "live", coverage: { complete: true } });
    expect(structured.events.map((one: { event: string }) => one.event)).toEqual(["shop.opened"]);
    for (const text of [structured.as_of, structured.coverage.to]) {
      const lagMs = trueUs / 1000 - Date.parse(text);
      expect(Math.abs(lagMs)).toBeLessThan(3_000);
    }
  });

  test("lists and runs are not taken from readings whose age is unknown", async () => {
    await using h = await recorded();
    h.setWallClock(byUs);
    const deployments = (await h.call(getDeploymentsTool, {})).structured;
    expect([deployments.source, deployments.deployments[0].name]).toEqual(["live", "now"]);
    expect((await h.call(getFlowRunsTool, { since: "10m" })).structured.source).toBe("live");
    expect((await h.call(getDashboardTool, {})).structured.source).not.toBe("record");
  });

  test("without Prefect the record answers, says so, and never from the future", async () => {
    await using h = await recorded();
    const trueUs = h.nowUs;
    await h.fake.down();
    h.setWallClock(byUs);
    const { structured, text } = await h.call(readEventsTool, { occurred_after: formatIsoUs(trueUs - 3 * HOUR_US) });
    expect(structured.source).toBe("record");
    expect(Date.parse(structured.as_of)).toBeLessThanOrEqual(trueUs / 1000);
    expect(text).toContain("The clock of this machine may have been set since this was recorded");
  });
});

test("a server clock that was set back makes claims doubtful that reach beyond it", async () => {
  await using h = await openToolHarness({ serverSkewUs: -HOURS_US });
  h.cover("event", { toUs: h.nowUs });
  h.following();
  const received = formatIsoUs(h.nowUs - HOURS_US - SECOND_US);
  h.fake.emit(anEvent({ event: "shop.opened", occurred: received, received }));
  const { structured } = await h.call(readEventsTool, { occurred_after: "10m" });
  expect([structured.source, structured.events.length]).toEqual(["live", 1]);
});
