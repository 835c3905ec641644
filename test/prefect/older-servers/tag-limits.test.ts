import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../../src/lib/logger.ts";
import type { JsonObject } from "../../../src/model/objects.ts";
import { createPrefectClient } from "../../../src/prefect/client.ts";
import { aConcurrencyLimit, anId } from "../../support/builders.ts";
import { DEFAULT_CONNECTION } from "../../support/default-connection.ts";
import { type FakePrefect, startFakePrefect } from "../../support/fake-prefect/fake-prefect.ts";
import { fastClock } from "../../support/time/fast-clock.ts";

const tag = aConcurrencyLimit({ id: anId(1), name: "tag:db", limit: 3, active_slots: 2 });
const others = Array.from({ length: 3 }, (_, index) => aConcurrencyLimit({ id: anId(10 + index), name: `g${index}` }));

async function namesAndSlots(fake: FakePrefect, version: string, page: JsonObject): Promise<unknown[]> {
  fake.workspace.version = version;
  const client = createPrefectClient(
    { ...DEFAULT_CONNECTION, url: fake.url, csrf: false },
    { clock: fastClock(50), logger: silentLogger, serverVersion: () => version },
  );
  const rows = await client.filterObjects("concurrency_limit", page);
  client.close();
  return rows.map(({ name, tag, active_slots }) => [name, tag ?? null, active_slots]);
}

describe("the list of all concurrency limits", () => {
  test.each([
    // Reset: no task run is named as a holder, and the slots are still taken.
    ["3.4.25", [["tag:db", null, 2]]],
    // Only the list of tag limits has it.
    ["3.2.15", [["tag:db", "db", 0]]],
  ])("on Prefect %s has a tag limit with the slots that are taken", async (version, expected) => {
    await using fake = await startFakePrefect();
    fake.workspace.concurrencyLimits.push(tag);
    expect(await namesAndSlots(fake, version, {})).toEqual(expected);
  });

  test.each(["3.4.25", "3.2.15"])("is read page by page on Prefect %s, each limit once", async (version) => {
    await using fake = await startFakePrefect();
    fake.workspace.concurrencyLimits.push(tag, ...others);
    const pages = [];
    for (const offset of [0, 2, 4]) pages.push(await namesAndSlots(fake, version, { limit: 2, offset }));
    expect(pages.map((page) => page.length)).toEqual([2, 2, 0]);
    const names = pages.flat().map((row) => (row as readonly unknown[])[0]);
    expect(names.toSorted()).toEqual(["g0", "g1", "g2", "tag:db"]);
  });
});
