import { expect, test } from "bun:test";
import type { FlowRun } from "../../src/model/objects.ts";
import { packDoc, unpackDoc } from "../../src/store/run-docs.ts";
import { aFlowRun, aTaskRun } from "../support/builders.ts";

test("a document comes back as it was, in far fewer bytes", () => {
  const run = aFlowRun({ parameters: { text: "Überraschung\u0000 \u{1F980}", list: [1, 2.5, null] }, labels: { "prefect.flow.id": "x" } });
  const packed = packDoc("flow_run", run);
  expect(unpackDoc("flow_run", packed)).toEqual(run);
  expect(packed.length).toBeLessThan(JSON.stringify(run).length / 3);
  const task = aTaskRun({ task_inputs: { i: [] } });
  expect(unpackDoc("task_run", packDoc("task_run", task))).toEqual(task);
});

test("documents that were stored with the first format can still be read", () => {
  const stored =
    "ASt3AfkSFAA=";
  expect(() => unpackDoc("flow_run", Uint8Array.fromBase64(stored))).toThrow();
  expect(() => unpackDoc("flow_run", new Uint8Array([9, 1, 2]))).toThrow("unknown format 9");
});

test("the dictionaries are frozen", () => {
  const run = { id: "11111111-2222-4333-8444-555555555555", name: "calm-otter", flow_id: "x", state_type: "FAILED" } as unknown as FlowRun;
  console.log(Buffer.from(packDoc("flow_run", run)).toString("base64"));
});
