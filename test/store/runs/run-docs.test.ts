import { expect, test } from "bun:test";
import { packDoc, unpackDoc } from "../../../src/store/runs/run-docs.ts";
import { aFlowRun, aTaskRun } from "../../support/builders.ts";

test("a document is returned unchanged from far fewer bytes", () => {
  const run = aFlowRun({
    parameters: { text: "Überraschung\u0000 \u{1F980}", list: [1, 2.5, null] },
    labels: { "prefect.flow.id": "x" },
  });
  const packed = packDoc("flow_run", run);
  expect(unpackDoc("flow_run", packed)).toEqual(run);
  expect(packed.length).toBeLessThan(JSON.stringify(run).length / 3);
  const task = aTaskRun({ task_inputs: { i: [] } });
  expect(unpackDoc("task_run", packDoc("task_run", task))).toEqual(task);
});

test("documents of earlier versions can be read: the dictionaries are part of the file format", () => {
  const read = (kind: "flow_run" | "task_run", text: string) => unpackDoc(kind, Uint8Array.fromBase64(text)) as unknown;
  const id = "11111111-2222-4333-8444-555555555555";
  expect(read("flow_run", "AYMmE0Mo0DUyMjLSNTE2Nta1MDEx0TVFAoh0k5yYk6ubX1KSWoRSl1TAywlokoPWoLUA")).toEqual({
    id,
    name: "calm-otter",
    flow_id: "x",
    state_type: "FAILED",
  });
  expect(read("task_run", "AYOmCEMo0DUyMjLSNTE2Nta1MDEx0TVFAogkkpOfmKJriFpYZcPzJjRpQYviWgA=")).toEqual({
    id,
    name: "load-1",
    task_key: "k",
    state_type: "FAILED",
  });
});

test("bytes of an unknown format are refused", () => {
  expect(() => unpackDoc("flow_run", new Uint8Array([9, 1, 2]))).toThrow("unknown format 9");
});
