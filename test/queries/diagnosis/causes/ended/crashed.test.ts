import { describe, expect, test } from "bun:test";
import { crashed, exitCodeMeaning } from "../../../../../src/queries/diagnosis/causes/ended/crashed.ts";
import { aFlowRun, anEvent, anId, aState } from "../../../../support/builders.ts";
import {
  aNamedRun,
  anErrorLine,
  aRunError,
  factsOfRun,
  onlyFinding,
  someRunFacts,
} from "../../../../support/diagnosis/facts.ts";

const crash = (message: string) => ({
  id: anId(50),
  name: "heavy",
  state_type: "CRASHED" as const,
  state: aState({ type: "CRASHED", message }),
});

describe("a crash", () => {
  test("exit code 137 means out of memory, whatever exception the log has", () => {
    const facts = factsOfRun(crash("Process exited with status code: 137."), { error: aRunError() });
    const found = onlyFinding(crashed, facts);
    expect(found.code).toBe("out_of_memory");
    expect<unknown>(found.summary).toBe(
      "heavy (load-orders) crashed: exit code 137: killed (SIGKILL), most often because it ran out of memory.",
    );
  });

  test("exit code 1 quotes the last error line, and a run that never started its flow is named as such", () => {
    const error = aRunError({ type: null, frame: null, lines: [anErrorLine("No module named 'pandas'")] });
    const run = { ...crash("Process exited with status code: 1."), run_count: 0 };
    const found = onlyFinding(crashed, factsOfRun(run, { error }));
    expect(found.summary).toContain("Its last error line: \"No module named 'pandas'\". It never started its flow.");
  });

  test.each([
    ["Image 'registry/etl:9' could not be pulled: manifest unknown", null],
    ["Flow run infrastructure exited with non-zero status code 1.", "Failed to pull image: ErrImagePull"],
  ])("an image that cannot be pulled is corrected, not retried: %s", (message, line) => {
    const error = line === null ? null : aRunError({ type: null, frame: null, lines: [anErrorLine(line)] });
    expect(onlyFinding(crashed, factsOfRun(crash(message), { error })).fix).toStartWith(
      "Correct the image of the deployment or its work pool",
    );
  });

  test("takes the exit code from the worker's event and the reason from the pod's when the state has none", () => {
    const executed = anEvent({
      event: "prefect.worker.executed-flow-run",
      resource: { "prefect.resource.id": "prefect.worker.process.w", "prefect.resource.name": "w" },
      related: [{ "prefect.resource.id": "prefect.flow-run.x", "prefect.infrastructure.status-code": "143" }],
    });
    const pod = anEvent({
      event: "prefect.kubernetes.pod.evicted",
      resource: { "prefect.resource.id": "prefect.kubernetes.pod.x", "kubernetes.reason": "NodePressure" },
    });
    const found = onlyFinding(crashed, factsOfRun(crash("The flow run was lost."), { events: [executed, pod] }));
    expect(found.summary).toContain("exit code 143");
    expect(found.summary).toContain("The infrastructure reports: NodePressure.");
    expect(found.evidence).toMatchObject({ worker: "w", exit_code: 143 });
  });

  test("a parent that failed because of a crashed child names the child", () => {
    const child = someRunFacts({ ...crash("status code: 137"), id: anId(51), name: "child" });
    const facts = factsOfRun({ name: "parent", state_type: "FAILED" }, { children: [child] });
    expect(onlyFinding(crashed, facts).summary).toContain(
      "parent failed because child (load-orders), which it waited for",
    );
  });

  test("counts the same error in other runs", () => {
    const sameError = [aNamedRun(), aNamedRun({}, { deploymentName: "hourly" })];
    const found = onlyFinding(crashed, factsOfRun(crash("status code: 137"), {}, { sameError }));
    expect(found.evidence).toMatchObject({
      same_error: { count: 2, affected: ["load-orders/nightly", "load-orders/hourly"] },
    });
  });

  test("not for a run that completed, failed without a crash or is running", () => {
    for (const state_type of ["COMPLETED", "FAILED", "RUNNING"] as const)
      expect(crashed.judge(factsOfRun({ state_type }))).toEqual([]);
  });
});

test("exit codes have their meanings", () => {
  expect(exitCodeMeaning(-9).isMemory).toBe(true);
  expect(exitCodeMeaning(143)).toMatchObject({ isMemory: false, meaning: expect.stringContaining("SIGTERM") });
  expect(exitCodeMeaning(127).meaning).toContain("not found");
  expect<unknown>(exitCodeMeaning(3).meaning).toBe("the process ended abnormally");
  expect(aFlowRun({ state_type: "CRASHED" }).end_time).not.toBeNull();
});
