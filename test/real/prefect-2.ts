/** A server of Prefect 2: every command refuses it in one sentence. Run by `bun run test:versions`; not part of `bun run test`. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProduct, startProduct } from "../support/process/product.ts";
import { type RealPrefect, startRealPrefect } from "../support/real-prefect/real-prefect.ts";

const REFUSAL = "This is Prefect 2.20.27, and only Prefect 3 is supported.";

let prefect: RealPrefect;
let folder: string;

beforeAll(async () => {
  prefect = await startRealPrefect();
  folder = mkdtempSync(join(tmpdir(), "prefect-2-"));
});

afterAll(async () => {
  await prefect?.[Symbol.asyncDispose]();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

test.each([
  [["doctor"]],
  [["sync", "--once"]],
  [["audit"]],
  [["call", "get_flow_runs"]],
  [["call", "get_dashboard"]],
  [["call", "diagnose"]],
  [["call", "read_events"]],
  [["call", "search", "--args", '{"query":"orders"}']],
])("%p", async (args) => {
  const { code, stdout, stderr } = await runProduct(
    args,
    prefect.productEnv(join(folder, args.join("-").replace(/\W/g, ""))),
  );
  const lines = `${stdout}\n${stderr}`.split("\n").filter((line) => line.includes(REFUSAL));
  expect([code === 0, lines.length]).toEqual([false, 1]);
});

test("serve: each tool says so, and the status of the record does", async () => {
  await using product = await startProduct({ env: prefect.productEnv(join(folder, "serve")) });
  for (const tool of ["get_flow_runs", "get_dashboard", "get_deployments", "read_events", "get_identity"]) {
    const { isError, text } = await product.call(tool);
    expect([tool, isError, text.includes(REFUSAL)]).toEqual([tool, true, true]);
  }
});
