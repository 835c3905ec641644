/** Prefect stops and starts again: the same questions are answered from the record with their age, and the gap is closed by a catch-up. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Product, startProduct, type ToolResult } from "../support/process/product.ts";
import { freePort, type RealPrefect, startRealPrefect, WORKSPACE } from "../support/real-prefect/real-prefect.ts";
import { waitUntil } from "../support/time/wait-until.ts";

/** What a team asks, with the list whose rows must stay the same. */
const QUESTIONS: readonly (readonly [tool: string, args: object, key: string])[] = [
  ["get_flow_runs", { limit: 50 }, "flow_runs"],
  ["get_deployments", {}, "deployments"],
  ["get_work_pools", {}, "work_pools"],
  ["read_events", { limit: 100, event_type_prefix: "prefect.flow-run." }, "events"],
  ["get_dashboard", {}, "flow_runs"],
];

let prefect: RealPrefect;
let dataDir: string;
let product: Product;
let failedRun: string;

beforeAll(async () => {
  prefect = await startRealPrefect();
  dataDir = mkdtempSync(join(tmpdir(), "offline-"));
  const flows = await prefect.python(WORKSPACE, ["pool", "success", "failure"]);
  if (flows.exitCode !== 0) throw new Error(`the flows did not run: ${flows.stderr.slice(-3000)}`);
  failedRun = JSON.parse(flows.stdout.trim().split("\n").at(-1) ?? "{}").ids.failure;
  product = await startProduct({ env: prefect.productEnv(dataDir) });
  const held = () => product.call("get_record_status");
  await waitUntil(
    "backfill is done and the stream is open",
    held,
    ({ structured }) => structured.backfill?.done === true && structured.stream === "open",
  );
  await prefect.settled();
});

afterAll(async () => {
  await product?.[Symbol.asyncDispose]();
  await prefect?.[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

const isFromRecord = ({ structured }: ToolResult) => structured.source === "record";

async function askAll(): Promise<ToolResult[]> {
  const answers: ToolResult[] = [];
  for (const [tool, args] of QUESTIONS) answers.push(await product.call(tool, args));
  return answers;
}

const idsOf = (rows: unknown) => (Array.isArray(rows) ? rows.map((row: { id: string }) => row.id) : rows);
const rowsOf = (answers: readonly ToolResult[]) =>
  answers.map(({ structured }, index) => idsOf(structured[QUESTIONS[index]?.[2] ?? ""]));

describe("while Prefect is stopped", () => {
  let before: ToolResult[];
  let lostMs: number;

  test("the same questions have the same answers, with their age", async () => {
    // The product reads the logs of failed runs without a question.
    const logs = () => product.call("get_flow_run_logs", { flow_run_id: failedRun });
    expect((await logs()).text).toContain("invalid literal for int()");
    before = await waitUntil("every answer comes from the record", askAll, (answers) => answers.every(isFromRecord));
    await prefect.stop();
    lostMs = Date.now();
    const status = () => product.call("get_record_status");
    await waitUntil("the product knows that Prefect is stopped", status, ({ structured }) => !structured.reachable);
    const after = await askAll();
    expect(rowsOf(after)).toEqual(rowsOf(before));
    for (const [index, { isError, structured }] of after.entries()) {
      expect([isError, structured.source]).toEqual([false, "record"]);
      expect(Date.parse(structured.as_of)).toBeLessThanOrEqual(lostMs);
      expect(Date.parse(structured.as_of)).toBeGreaterThanOrEqual(Date.parse(before[index]?.structured.as_of));
    }
    expect((await logs()).text).toContain("invalid literal for int()");
  });

  test("what the record cannot know is an error, not a guess", async () => {
    const unknown = await product.call("get_flow_run_logs", { flow_run_id: "00000000-0000-4000-8000-000000000000" });
    expect(unknown.isError).toBe(true);
    expect(["not_found", "unavailable"]).toContain(unknown.structured.code);
    const old = await product.call("read_events", {
      occurred_after: "2020-01-01T00:00:00Z",
      occurred_before: "2020-01-02T00:00:00Z",
    });
    expect([
      old.structured.coverage?.complete ?? false,
      old.isError || old.structured.coverage.gaps.length > 0,
    ]).toEqual([false, true]);
  });

  test("the status says that Prefect is unreachable", async () => {
    const { structured } = await product.call("get_record_status");
    expect(structured.reachable).toBe(false);
  });
});

describe("when Prefect has started again", () => {
  test("the gap is closed without a question", async () => {
    const status = () => product.call("get_record_status");
    const recorded = (await status()).structured.events;
    await prefect.restart();
    const event = {
      id: crypto.randomUUID(),
      occurred: new Date().toISOString(),
      event: "shop.back.again",
      resource: { "prefect.resource.id": "shop.1" },
    };
    await prefect.api("POST", "/events", [event]);
    const isClosed = ({ structured }: ToolResult) => structured.events > recorded && structured.coverage.complete;
    await waitUntil("the gap is closed", status, isClosed);
    const asked = () => product.call("read_events", { event_type_prefix: "shop.back.", occurred_after: "1h" });
    const whole = await waitUntil("the answer comes from the record", asked, isFromRecord);
    expect(idsOf(whole.structured.events)).toEqual([event.id]);
    expect(whole.structured.coverage).toMatchObject({ complete: true, gaps: [] });
  });
});

describe("without any record", () => {
  test("the error names what to do", async () => {
    const empty = mkdtempSync(join(tmpdir(), "offline-empty-"));
    const env = { HOME: empty, PREFECT_API_URL: `http://127.0.0.1:${freePort()}/api`, PREFECT_MCP_DATA_DIR: empty };
    const unrecorded = await startProduct({ env });
    try {
      const { isError, structured, text } = await unrecorded.call("get_flow_runs");
      expect([isError, structured.code, structured.retryable]).toEqual([true, "unavailable", true]);
      expect(structured.hint.length).toBeGreaterThan(20);
      expect(text).toContain(structured.hint);
      expect(`${structured.message} ${structured.hint}`).toContain(env.PREFECT_API_URL);
    } finally {
      await unrecorded[Symbol.asyncDispose]();
      rmSync(empty, { recursive: true, force: true });
    }
  });
});
