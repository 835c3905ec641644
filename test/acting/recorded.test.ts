/** What an answer says of the record after a change of an object: the reading that has the change, or that none was seen. */
import { describe, expect, test } from "bun:test";
import { SECOND_US } from "../../src/lib/time.ts";
import type { SnapshotKind } from "../../src/model/objects.ts";
import { findObject, findObjectChanges } from "../../src/store/objects/objects.ts";
import { type ActingCase, type ActingHarness, CASES, DEPLOYMENT, openActingHarness } from "./acting-harness.ts";

const OBJECTS = CASES.filter(({ permission }) => !/^(change_flow_run|run_deployment)\./.test(permission));
const NAMED = OBJECTS.map((one) => [one.permission, one] as const);
const KIND_OF: Readonly<Record<string, SnapshotKind>> = {
  change_schedule: "deployment",
  change_work_pool: "work_pool",
  change_concurrency_limit: "concurrency_limit",
  change_automation: "automation",
};

async function confirmed(the: ActingHarness, { permission, args }: ActingCase) {
  const [tool = ""] = permission.split(".");
  const { structured } = await the.call(tool, args);
  const { confirm } = structured.preview;
  return the.call(tool, { ...args, confirm });
}

/** The lists as they were before the change. */
function recordAll(the: ActingHarness): void {
  const { deployments, workPools, concurrencyLimits, automations } = the.harness.fake.workspace;
  the.harness.objects("deployment", structuredClone(deployments));
  the.harness.objects("work_pool", structuredClone(workPools));
  the.harness.objects("concurrency_limit", structuredClone(concurrencyLimits));
  the.harness.objects("automation", structuredClone(automations));
  the.harness.nowUs += 60 * SECOND_US;
}

describe.each(NAMED)("%s", (permission, one) => {
  const kind = KIND_OF[permission.split(".")[0] ?? ""] ?? "flow";

  test("is seen by the record in the reading that has it, with the time of that reading", async () => {
    await using the = await openActingHarness("written");
    one.arrange?.(the.harness.fake.workspace);
    recordAll(the);
    const beforeUs = the.harness.nowUs;
    const { structured, text } = await confirmed(the, one);
    const [result] = structured.results;
    expect(result).toMatchObject({ outcome: "done", reached: true, recorded_as: "reading" });
    expect(structured.notes).toBeUndefined();
    expect(text).toContain(`, seen by the record at ${result.recorded_at}`);
    const id = result.created?.id ?? (result.kind === "schedule" ? DEPLOYMENT : result.id);
    expect(findObject(the.harness.db, kind, id)?.deletedUs).toBeNull();
    const changes = findObjectChanges(the.harness.db, {
      fromUs: beforeUs,
      toUs: the.harness.nowUs,
      kind,
      id,
      limit: 5,
    });
    // Slots that are taken are not part of the history of a limit.
    expect(changes.map(({ change }) => change)).toEqual(
      permission.endsWith(".free") ? [] : [permission.endsWith(".create") ? "created" : "updated"],
    );
  });

  test("is not said to be recorded while the record has only older readings", async () => {
    await using the = await openActingHarness("not written");
    one.arrange?.(the.harness.fake.workspace);
    recordAll(the);
    const { structured } = await confirmed(the, one);
    const [result] = structured.results;
    expect(result).toMatchObject({ outcome: "done", reached: true });
    expect(result).not.toHaveProperty("recorded_at");
    expect(structured.notes).toEqual([
      expect.stringMatching(/^The record has not seen 1 change within 3 s; Prefect itself was read\.$/),
    ]);
    expect(structured.waited_seconds).toBeLessThanOrEqual(4);
  });
});

test("a reading from before the change does not count, even if it had the same state", async () => {
  await using the = await openActingHarness("not written");
  const { deployments } = the.harness.fake.workspace;
  // The record has missed that it was resumed meanwhile.
  const paused = deployments.map((one) => (one.id === DEPLOYMENT ? { ...one, paused: true } : one));
  the.harness.objects("deployment", paused);
  the.harness.nowUs += 60 * SECOND_US;
  const [pause] = OBJECTS.filter(({ permission }) => permission === "change_schedule.pause");
  if (pause === undefined) throw new Error("no such case");
  const { structured } = await confirmed(the, pause);
  expect(structured.results[0]).toMatchObject({ state: "paused", reached: true });
  expect(structured.results[0]).not.toHaveProperty("recorded_at");
});
