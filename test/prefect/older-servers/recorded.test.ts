/** The fake server at version 3.0.11 answers what a real one did. */
import { expect, test } from "bun:test";
import type { Deployment } from "../../../src/model/objects.ts";
import { aConcurrencyLimit, aFlowRun, aWorkPool } from "../../support/builders.ts";
import { startFakePrefect } from "../../support/fake-prefect/fake-prefect.ts";
import { recordedOlder } from "../../support/recorded.ts";

test.each(recordedOlder().map((exchange) => [exchange.name, exchange] as const))(
  "%s",
  async (_, { request, response }) => {
    await using fake = await startFakePrefect();
    const { workspace } = fake;
    workspace.version = "3.0.11";
    workspace.workPools.push(aWorkPool({ name: "pool" }));
    workspace.concurrencyLimits.push(
      aConcurrencyLimit({
        id: "a1c6095c-2b96-4fb8-b0f3-59b4c7a10398",
        name: "tag:db",
        limit: 3,
        created: "2026-11-30T13:20:23.964264Z",
        updated: "2026-11-30T13:20:23.964277Z",
      }),
    );
    workspace.flowRuns.push(
      aFlowRun({
        id: "eb8da3af-1176-4c12-aa0d-d807478a14f4",
        state_type: "SCHEDULED",
        state_name: "Late",
        start_time: null,
        expected_start_time: "2026-11-30T13:10:23.986000Z",
      }),
    );
    if (request.path === "/deployments/filter") {
      const [deployment] = response.body as readonly Deployment[];
      if (deployment)
        workspace.deployments.push({ ...deployment, work_queue_id: "dac09248-a694-4aca-b424-6f36a8bba61b" });
    }
    const answer = await fetch(fake.url + request.path, {
      method: request.method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request.body),
    });
    expect([answer.status, await answer.json()]).toEqual([response.status, response.body]);
  },
);
