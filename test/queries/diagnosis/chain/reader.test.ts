/** What changed since the last good run, asked of `diagnose` over a record. */
import { expect, test } from "bun:test";
import { diagnoseTool } from "../../../../src/tools/runs/diagnose.ts";
import { aState, at, aVariable } from "../../../support/builders.ts";
import { type Place, World } from "../../../support/diagnosis/composed/world.ts";
import { openToolHarness, type ToolHarness } from "../../../support/tool-harness.ts";

/** A deployment that completed before and fails now. `change` adds to the world; `record` runs before it is recorded as it is now. */
async function diagnosed(
  change: (world: World, place: Place) => void = () => {},
  record: (harness: ToolHarness) => void = () => {},
) {
  await using harness = await openToolHarness();
  const world = new World();
  const place = world.place("orders", "prod");
  world.usual(place);
  const message = "Flow run encountered an exception: LookupError: no such customer in the list";
  const run = world.run(place, {
    name: "bad-run",
    state_type: "FAILED",
    work_pool_id: place.pool.id,
    start_time: at(3_200),
    end_time: at(3_300),
    state: aState({ type: "FAILED", message, timestamp: at(3_300) }),
    parameters: { batch_size: 500 },
  });
  change(world, place);
  const now = harness.nowUs;
  harness.nowUs = now - 1_000_000_000;
  record(harness);
  harness.nowUs = now;
  world.fill(harness);
  return (await harness.call(diagnoseTool, { flow_run: run.id })).structured.causes[0];
}

const resourceOf = (kind: string, id: string, name: string) => ({
  "prefect.resource.id": `prefect.${kind}.${id}`,
  "prefect.resource.name": name,
});

test("a variable that changed between is named, with the field that differs", async () => {
  const cause = await diagnosed(undefined, (harness) => {
    const changed = aVariable({ name: "threshold", tags: ["new"] });
    harness.objects("variable", [{ ...changed, tags: [] }]);
    harness.nowUs += 1_000_000;
    harness.objects("variable", [changed]);
  });
  expect(cause.summary).toContain("Since the last good run variable threshold was updated (tags) by ");
  expect(cause.because).toContainEqual(expect.objectContaining({ kind: "variable", name: "threshold" }));
});

test("a block is named by its event, with who edited it; of two the one that the deployment names", async () => {
  const cause = await diagnosed((world, place) => {
    const edited = (name: string, seconds: number) =>
      world.event("prefect.block-document.updated", resourceOf("block-document", world.id(), name), {
        occurred: at(seconds),
        related: [{ ...resourceOf("actor", world.id(), "marta"), "prefect.resource.role": "actor" }],
      });
    edited("warehouse", 2_000);
    edited("other", 2_500);
    edited("anonymous-1", 2_600);
    const variables = { env: "{{ prefect.blocks.secret.warehouse }}" };
    world.deployments.splice(0, 1, { ...place.deployment, job_variables: variables });
  });
  expect(cause.summary).toContain(
    "Since the last good run block warehouse was updated at 2026-08-20T09:48:20Z by marta (and 1 more).",
  );
});

test("an automation counts where it names the deployment", async () => {
  const edited = (world: World, name: string, target: string) =>
    world.event("prefect.automation.updated", resourceOf("automation", world.id(), name), {
      occurred: at(2_000),
      payload: { name, actions: [{ type: "run-deployment", deployment_id: target }] },
    });
  const own = await diagnosed((world, { deployment }) => edited(world, "loader", deployment.id));
  expect(own.summary).toContain("Since the last good run automation loader was updated at 2026-08-20T09:48:20Z");
  const other = await diagnosed((world) => edited(world, "loader", world.id()));
  expect(other.summary).not.toContain("Since the last good run");
});

test("the image in the job template of the pool is named, not the whole template", async () => {
  const template = (image: string) => ({ variables: { properties: { image: { default: image } } } });
  const cause = await diagnosed((world, { pool }) =>
    world.event("prefect.work-pool.updated", resourceOf("work-pool", pool.id, pool.name), {
      occurred: at(2_000),
      payload: { updates: { base_job_template: { from: template("etl:4"), to: template("etl:5") } } },
    }),
  );
  expect(cause.summary).toContain(
    'orders-pool was changed: base_job_template.variables.properties.image.default "etl:4" → "etl:5" at 2026-08-20T09:48:20Z',
  );
});

test("what changed after the first run that failed so is no reason of it", async () => {
  const cause = await diagnosed((world, { deployment }) =>
    world.event("prefect.deployment.updated", resourceOf("deployment", deployment.id, "prod"), {
      occurred: at(3_400),
      payload: { updates: { entrypoint: { from: "a.py:f", to: "b.py:f" } } },
    }),
  );
  expect(cause.summary).not.toContain("Since the last good run");
});

test("a reading of a deployment names its editor where Prefect does", async () => {
  const cause = await diagnosed((world, { deployment }) => {
    world.deploymentsBefore.push({ ...deployment, version: "1" });
    const updated_by = { id: world.id(), type: "USER", display_value: "marta" };
    world.deployments.splice(0, 1, { ...deployment, version: "2", updated_by } as typeof deployment);
  });
  expect(cause.summary).toMatch(/orders\/prod was changed: version "1" → "2" at \S+ by marta/);
});

test("no recorded change is said where it was looked for", async () => {
  const cause = await diagnosed();
  expect(cause.summary).not.toContain("Since the last good run");
  expect(cause.because).toEqual([
    expect.objectContaining({ kind: "deployment", why: "no recorded change since the last good run" }),
  ]);
});

test("where the record begins after the last good run, it is said that nothing is known", async () => {
  const cause = await diagnosed((world) => {
    world.isReadBefore = false;
  });
  expect(cause.because).toEqual([
    expect.objectContaining({
      kind: "deployment",
      why: expect.stringMatching(
        /^no event of a change since the last good run; changes without an event are recorded since 2026-08-20T/,
      ),
    }),
  ]);
});
