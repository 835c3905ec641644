import { describe, expect, test } from "bun:test";
import { copiedId, copiedName, rewriteFamily, rewriteText, toTemplate, wholeSeconds } from "../../src/demo/rewrite.ts";
import { loadWorkspace } from "../../src/demo/workspace.ts";
import { DAY_US, HOUR_US } from "../../src/lib/time.ts";

const workspace = loadWorkspace();
const names = workspace.families.flatMap((family) => family.flow_runs.map((run) => run.name));

describe("times", () => {
  test("move in every notation, with fraction and zone as they were", () => {
    const text = "2026-11-22T12:40:34.543082Z 2026-11-22 12:40:34+00:00 2026-02-28T23:59:59.5Z 2026-11-22";
    const moved = "2026-11-23T13:40:34.543082Z 2026-11-23 13:40:34+00:00 2026-03-02T00:59:59.5Z 2026-11-22";
    expect(rewriteText(text, DAY_US + HOUR_US)).toBe(moved);
  });

  test("are moved by whole seconds only, so that no two copies share a microsecond", () => {
    expect([wholeSeconds(1_000_001), wholeSeconds(2_000_000), wholeSeconds(-1_500_000)]).toEqual([
      2_000_000, 2_000_000, -1_000_000,
    ]);
  });
});

describe("ids of a copy", () => {
  test("keep their version, depend on the original alone, and differ between copies", () => {
    const id = "54db50e8-896e-466b-be0e-eba0e672e2e3";
    const copies = ["1", "2", "3"].map((copy) => copiedId(id, copy, 0));
    expect(copies.every((copy) => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/.test(copy))).toBe(
      true,
    );
    expect(new Set([id, ...copies]).size).toBe(4);
    expect(copiedId(id, "1", HOUR_US)).toBe(copiedId(id, "1", 0));
  });

  test("of version 7 carry the moved time", () => {
    const id = "01a20345-bb65-746d-8d68-19e9484a1de8";
    const msOf = (uuid: string) => Number.parseInt(uuid.replaceAll("-", "").slice(0, 12), 16);
    expect(msOf(copiedId(id, "1", HOUR_US)) - msOf(id)).toBe(3_600_000);
    expect(copiedId(id, "1", HOUR_US)[14]).toBe("7");
  });

  test("names are combined from the words of recorded names", () => {
    const words = new Set(names.flatMap((name) => name.split("-")));
    const name = copiedName("melodic-seagull", "7", names);
    expect(name.split("-").every((word) => words.has(word))).toBe(true);
  });
});

describe("a family", () => {
  const template = toTemplate(
    workspace.families[0] ?? { root: "", flow_runs: [], flow_run_states: [], task_runs: [], logs: [], events: [] },
  );

  test("without a shift and a copy number equals the recording", () => {
    expect(rewriteFamily(template, { shiftUs: 0, copy: null }, names)).toEqual(template.rows);
  });

  test("moved and moved back equals the recording", () => {
    const moved = rewriteFamily(template, { shiftUs: DAY_US, copy: null }, names);
    expect(moved).not.toEqual(template.rows);
    expect(rewriteFamily(toTemplate(moved), { shiftUs: -DAY_US, copy: null }, names)).toEqual(template.rows);
  });

  test("as a copy has new row ids, and nothing in it refers to the original ids", () => {
    const copy = JSON.stringify(rewriteFamily(template, { shiftUs: HOUR_US, copy: "1" }, names));
    expect([...template.ownIds].filter((id) => copy.includes(id))).toEqual([]);
    expect(template.names.filter((name) => copy.includes(name))).toEqual([]);
  });

  test("can take the id and name of an upcoming run", () => {
    const root = { id: "11111111-2222-4333-8444-555555555555", name: "early-bird" };
    const copy = rewriteFamily(template, { shiftUs: HOUR_US, copy: "1", root }, names);
    expect(copy.root).toBe(root.id);
    expect(copy.flow_runs.find((run) => run.id === root.id)?.name).toBe("early-bird");
  });
});
