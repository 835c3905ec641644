/** Why an automation did or did not fire, and what has changed since, on a real Prefect server. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { DiagnosisHarness } from "../support/diagnosis/diagnosis-harness.ts";
import type { Deployed } from "../support/diagnosis/prefect-driver.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const NAMES = [
  "automation-fired",
  "automation-proactive-waiting",
  "automation-threshold",
  "automation-disabled",
  "automation-action-failed",
  "automation for another deployment",
  "compound trigger with one part missing",
  "sequence in the wrong order",
  "automation without any matching event",
];

let harness: DiagnosisHarness;
let source: Deployed;
let limit: { id: string };

beforeAll(async () => {
  harness = await DiagnosisHarness.open();
  await setUp(harness);
  await harness.settle();
});

afterAll(() => harness?.[Symbol.asyncDispose]());

/** A trigger on failures of one deployment. */
function failures(deployment: Deployed, over: object = {}): object {
  return {
    type: "event",
    posture: "Reactive",
    expect: ["prefect.flow-run.Failed"],
    match: { "prefect.resource.id": "prefect.flow-run.*" },
    match_related: {
      "prefect.resource.role": "deployment",
      "prefect.resource.id": `prefect.deployment.${deployment.id}`,
    },
    for_each: [],
    threshold: 1,
    within: 0,
    ...over,
  };
}

async function setUp({ driver }: DiagnosisHarness): Promise<void> {
  limit = await driver.post("/v2/concurrency_limits/", { name: "ledger", limit: 2 });
  await driver.pool("auto-pool");
  await driver.worker("auto-pool");
  source = await driver.deployment("auto-flow", "auto-source", "auto-pool");
  const sure = await driver.deployment("auto-sure-flow", "auto-sure", "auto-pool");
  const target = await driver.deployment("auto-target-flow", "auto-target", "auto-pool");
  const make = (name: string, trigger: object, actions: object[] = [{ type: "do-nothing" }], enabled = true) =>
    driver.post("/automations/", { name, enabled, trigger, actions });
  const actedOn = async (...automations: readonly { id: string }[]) => {
    const name = ["prefect.automation.action.executed", "prefect.automation.action.failed"];
    const acted = automations.map(async ({ id }) => {
      const filter = { event: { name }, resource: { id: [`prefect.automation.${id}`] } };
      return (await driver.post<{ total: number }>("/events/filter", { filter })).total > 0;
    });
    return (await Promise.all(acted)).every(Boolean);
  };
  const runOf = (id: string) => [{ type: "run-deployment", source: "selected", deployment_id: id }];
  const custom = (name: string) => failures(source, { expect: [name], match: {}, match_related: {} });
  const fires = await make("auto-fires", failures(sure), runOf(target.id));
  const broken = await make("auto-broken", failures(sure), runOf(crypto.randomUUID()));
  await make("auto-threshold", failures(source, { threshold: 3, within: 300 }));
  await make("auto-disabled", failures(source), undefined, false);
  await make("auto-elsewhere", failures({ ...source, id: "00000000-0000-4000-8000-000000000000" }));
  await make("auto-quiet", custom("ledger.closed"));
  const pair = [custom("report.ready"), custom("report.signed")];
  await make("auto-compound", { type: "compound", require: "all", within: 600, triggers: pair });
  const order = [custom("batch.opened"), custom("batch.closed")];
  await make("auto-sequence", { type: "sequence", within: 600, triggers: order });
  await make(
    "auto-waiting",
    failures(source, {
      posture: "Proactive",
      after: ["prefect.flow-run.Pending"],
      expect: ["prefect.flow-run.Running", "prefect.flow-run.Crashed"],
      for_each: ["prefect.resource.id"],
      within: 7_200,
    }),
  );
  const closed = await make("auto-closed", custom("batch.closed"));
  // The server loads triggers in the background, in the order of their creation: once the last one fires, all are loaded.
  const last = await make("auto-loaded", custom("triggers.loaded"));
  await waitUntil("the last trigger fires", async () => {
    await driver.event("triggers.loaded", { "prefect.resource.id": "triggers.1" });
    return await actedOn(last);
  });
  const bad = await driver.run(sure, "sure-failing");
  await driver.start(bad);
  await driver.fail(bad, "RuntimeError", "boom");
  await waitUntil("both automations act", () => actedOn(fires, broken));
  const failing = await driver.run(source, "auto-failing");
  await driver.start(failing);
  await driver.fail(failing, "RuntimeError", "boom");
  await driver.state(await driver.run(source, "auto-pending"), "PENDING");
  const resource = { "prefect.resource.id": "ledger.batch.1", "prefect.resource.name": "batch 1" };
  await driver.event("report.ready", resource);
  // The order of a sequence is that in which the server evaluates the events, which is not always that of their arrival.
  await driver.event("batch.closed", resource);
  await waitUntil("the server evaluates the first event of the sequence", () => actedOn(closed));
  await driver.event("batch.opened", resource);
}

function expectations(): void {
  harness.expect("automation-fired", {
    ask: { automation: "auto-fires" },
    verdict: "nothing_wrong",
    first: [/fired/, /executed/],
  });
  harness.expect("automation-proactive-waiting", {
    ask: { automation: "auto-waiting" },
    verdict: "nothing_wrong",
    first: [/at the earliest/],
  });
  harness.expect("automation-threshold", {
    ask: { automation: "auto-threshold" },
    verdict: "problem",
    first: [/threshold is 3/, /only 1/],
    never: [/disabled/, /action .* failed/],
  });
  harness.expect("automation-disabled", {
    ask: { automation: "auto-disabled" },
    verdict: "problem",
    first: [/disabled/],
    never: [/threshold/, /action .* failed/],
  });
  harness.expect("automation-action-failed", {
    ask: { automation: "auto-broken" },
    verdict: "problem",
    first: ["run-deployment", "404"],
    never: [/threshold/, /has not fired/],
  });
  harness.expect("automation for another deployment", {
    ask: { automation: "auto-elsewhere" },
    verdict: "problem",
    first: [/match_related|related resource/],
  });
  harness.expect("compound trigger with one part missing", {
    ask: { automation: "auto-compound" },
    verdict: "problem",
    first: [/only 1 of them fired/, /missing: report.signed/],
  });
  harness.expect("sequence in the wrong order", {
    ask: { automation: "auto-sequence" },
    verdict: "problem",
    first: [/not in that order/, /batch.closed at .* then batch.opened/],
  });
  harness.expect("automation without any matching event", {
    ask: { automation: "auto-quiet" },
    verdict: "nothing_wrong",
    first: [/no reason to fire/],
  });
}

describe("one call, on a real server", () => {
  beforeAll(expectations);

  test.each(NAMES)("%s", async (name) => {
    await harness.run(name);
  });
});

describe("what_changed", () => {
  test("names what changed since the last answer, with from and to", async () => {
    const { driver, product } = harness;
    const [automation] = await driver.post<{ id: string }[]>("/automations/filter", {
      automations: { name: { any_: ["auto-quiet"] } },
    });
    const seen = (answer: { structured: { changes: { name: string }[] } }) => answer.structured.changes;
    const first = await waitUntil(
      "what_changed lists the limit",
      () => product.call("what_changed", { since: "10m", limit: 200 }),
      (answer) => JSON.stringify(seen(answer)).includes('"ledger"'),
    );
    expect(JSON.stringify(seen(first))).toContain("auto-source");
    const { cursor } = first.structured;
    await driver.patch(`/deployments/${source.id}`, { parameters: { batch_size: 7 }, enforce_parameter_schema: false });
    await driver.patch(`/deployments/${source.id}`, { paused: true });
    await driver.patch(`/v2/concurrency_limits/${limit.id}`, { limit: 5 });
    await driver.patch(`/automations/${automation?.id}`, { enabled: false });
    const isComplete = (text: string) =>
      [/batch_size/, /paused: false/, /limit: 2 → 5/, /enabled: true/].every((part) => part.test(text));
    const second = await waitUntil(
      "what_changed lists all four changes",
      () => product.call("what_changed", { cursor }),
      (answer) => isComplete(JSON.stringify(seen(answer))),
    );
    const changes = seen(second) as { kind: string; name: string; fields?: string }[];
    const isOf = ({ name }: { name: string }, deployment: string) => name.endsWith(`/${deployment}`);
    const all = JSON.stringify(changes);
    expect(all).toMatch(/parameters: .*batch_size.*7/);
    expect(all).toMatch(/paused: false → true/);
    expect(all).toMatch(/limit: 2 → 5/);
    expect(all).toMatch(/enabled: true → false/);
    // Each change is listed once, though both the event and the next reading of the object show it.
    const ofSource = changes.filter((change) => isOf(change, "auto-source") && change.fields !== undefined);
    expect(ofSource.map((change) => change.fields)).toEqual([
      'enforce_parameter_schema: true → false; parameters: {} → {"batch_size":7}',
      "paused: false → true",
    ]);
    expect(changes.some((change) => isOf(change, "auto-target") && change.fields !== undefined)).toBe(false);
  });
});
