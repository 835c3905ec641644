/** A proxy's sign-in or error page instead of Prefect: the record answers, also in a process that has never reached Prefect. */
import { expect, test } from "bun:test";
import { HOUR_US } from "../../src/lib/time.ts";
import { readEventsTool } from "../../src/tools/events/read-events.ts";
import { getFlowRunsTool } from "../../src/tools/runs/get-flow-runs.ts";
import { aFlowRun, anEvent, anId, at } from "../support/builders.ts";
import { openToolHarness } from "../support/tool-harness.ts";

const PAGE = "<!doctype html><html><head><title>Sign in to Acme</title></head></html>";

test.each([200, 302, 401, 403, 404, 502])("with status %i is unavailable, and the record answers", async (status) => {
  await using h = await openToolHarness();
  h.fake.faults.fail("", { status, text: PAGE }, 1_000);
  h.flowRuns([aFlowRun({ id: anId(2), start_time: at(0), end_time: at(60) })]);
  h.events([anEvent({ id: anId(4), occurred: at(20) })]);
  // Nothing follows Prefect, and the record ends an hour ago, so Prefect is asked.
  h.cover("event");
  h.cover("flow_run");
  h.nowUs += HOUR_US;
  const message = `Prefect is not reached: the web page "Sign in to Acme" (status ${status}) answers at ${h.fake.url}.`;
  for (const [tool, key] of [
    [readEventsTool, "events"],
    [getFlowRunsTool, "flow_runs"],
  ] as const) {
    const { structured, text } = await h.call(tool, {});
    expect(structured.source).toBe("record");
    expect(structured[key]).toHaveLength(1);
    expect(structured.coverage.notes).toContain(`Prefect was asked and did not answer (${message}).`);
    expect(text).toContain("Sign in to Acme");
    const fresh = await h.call(tool, { fresh: true });
    expect(fresh.isError).toBe(true);
    expect(fresh.structured).toMatchObject({ code: "unavailable", retryable: true, message });
  }
});
