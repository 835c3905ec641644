import { describe, expect, test } from "bun:test";
import { listObjects } from "../../../src/queries/objects/objects.ts";
import { aDeployment, aFlow, anAutomation, anId, aWorkPool } from "../../support/builders.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

const CASES = [
  ["automation", "automations", "automations", anAutomation],
  ["deployment", "deployments", "deployments", aDeployment],
  ["flow", "flows", "flows", aFlow],
  ["work_pool", "work_pools", "workPools", aWorkPool],
] as const;

describe("an id that is not in the recorded list, which was read a moment ago", () => {
  test.each(CASES)("%s: Prefect is asked, because it may have been made since", async (kind, key, table, make) => {
    await using harness = await openToolHarness();
    const recorded = make({ id: anId(1), name: "older" });
    const younger = make({ id: anId(2), name: "younger" });
    harness.objects(kind, [recorded] as never);
    harness.fake.workspace[table].push(...([recorded, younger] as never[]));
    const ask = async (ids: readonly string[]) => {
      const set = { [key]: { id: { any_: ids } } };
      const page = await listObjects(harness.query, { kind, set, sort: "NAME_ASC", limit: 10, offset: 0 });
      return [page.rows.map((row) => row.id), page.freshness.source, page.freshness.coverage.complete];
    };
    expect(await ask([recorded.id])).toEqual([[recorded.id], "record", true]);
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(await ask([recorded.id, younger.id])).toEqual([[recorded.id, younger.id], "live", true]);
    await harness.fake.stop();
    expect(await ask([younger.id])).toEqual([[], "record", false]);
  });
});
