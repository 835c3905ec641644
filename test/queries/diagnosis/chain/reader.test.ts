/** What changed since the last good run, asked of `diagnose` over a record. */
import { expect, test } from "bun:test";
import type { Variable } from "../../../../src/model/objects.ts";
import { diagnoseTool } from "../../../../src/tools/runs/diagnose.ts";
import { aState, at, aVariable } from "../../../support/builders.ts";
import { World } from "../../../support/diagnosis/composed/world.ts";
import { openToolHarness } from "../../../support/tool-harness.ts";

/** A deployment that completed before and fails now; `changed`: a variable that is read with another value first. */
async function diagnosed(changed: Variable | null) {
  await using harness = await openToolHarness();
  const world = new World();
  const place = world.place("orders", "prod");
  world.usual(place);
  const message = "Flow run encountered an exception: LookupError: no such customer in the list";
  const run = world.run(place, {
    name: "bad-run",
    state_type: "FAILED",
    start_time: at(3_200),
    end_time: at(3_590),
    state: aState({ type: "FAILED", message, timestamp: at(3_590) }),
    parameters: { batch_size: 500 },
  });
  const now = harness.nowUs;
  harness.nowUs = now - 1_000_000_000;
  if (changed) {
    harness.objects("variable", [{ ...changed, tags: [] }]);
    harness.nowUs += 1_000_000;
    harness.objects("variable", [changed]);
  }
  harness.nowUs = now;
  world.fill(harness);
  return (await harness.call(diagnoseTool, { flow_run: run.id })).structured.causes[0];
}

test("a variable that changed between is named", async () => {
  const cause = await diagnosed(aVariable({ name: "threshold", tags: ["new"] }));
  expect(cause.summary).toContain("Since the last good run variable threshold was updated by ");
  expect(cause.because).toContainEqual(expect.objectContaining({ kind: "variable", name: "threshold" }));
});

test("no recorded change is said where nothing is found", async () => {
  const cause = await diagnosed(null);
  expect(cause.summary).not.toContain("Since the last good run");
  expect(cause.because).toEqual([
    expect.objectContaining({ kind: "deployment", why: "no recorded change since the last good run" }),
  ]);
});
