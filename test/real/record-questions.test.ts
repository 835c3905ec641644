/** Questions that only a record can answer, on a real Prefect server: incidents, their watch, past moments, lineage of assets. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bareEnv, MAIN, type Product, startProduct } from "../support/process/product.ts";
import { readLines } from "../support/process/read-lines.ts";
import { type RealPrefect, startRealPrefect } from "../support/real-prefect/real-prefect.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const FLOWS = "real-prefect/record_questions.py";
const [RAW, CLEAN, REPORT] = ["s3://lake/raw", "postgres://dwh/clean", "postgres://dwh/report"];

let prefect: RealPrefect;
let product: Product;
let dataDir: string;
let watch: Bun.Subprocess<"ignore", "pipe", "inherit"> | null = null;

beforeAll(async () => {
  prefect = await startRealPrefect();
  dataDir = mkdtempSync(join(tmpdir(), "record-questions-"));
  product = await startProduct({ env: { ...prefect.productEnv(dataDir), PREFECT_MCP_TOOLS: "all" } });
  await waitUntil(
    "backfill is done and the stream is open",
    () => product.call("get_record_status"),
    ({ structured }) => structured.backfill?.done === true && structured.stream === "open",
  );
});

afterAll(async () => {
  watch?.kill("SIGKILL");
  await product?.[Symbol.asyncDispose]();
  await prefect?.[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

async function play(...args: string[]): Promise<void> {
  const { exitCode, stderr } = await prefect.python(FLOWS, args);
  if (exitCode !== 0) throw new Error(`${args.join(" ")}: ${stderr.slice(-3_000)}`);
}

test("the lineage of an asset is that of the run that made it", async () => {
  await play("assets");
  const { structured } = await waitUntil(
    "the events of the assets are recorded",
    () => product.call("get_lineage", { asset: CLEAN }),
    ({ structured: found, isError }) => !isError && found.assets?.length === 3,
  );
  expect(structured.assets.map((one: { id: string; distance: number }) => [one.id, one.distance])).toEqual([
    [CLEAN, 0],
    [RAW, -1],
    [REPORT, 1],
  ]);
  const [made, raw, report] = structured.assets;
  expect(made).toMatchObject({ made_by: "warehouse", tool: "dbt", from: [RAW], used_by: [REPORT] });
  expect(raw).toMatchObject({ made: "elsewhere", last_read: expect.any(String) });
  expect(report).toMatchObject({ from: [CLEAN], flow_run_id: made.flow_run_id });
});

test("an incident is new, ongoing and recovered, and the watch of another process shows it", async () => {
  watch = Bun.spawn([process.execPath, MAIN, "watch"], {
    cwd: "/",
    env: bareEnv(prefect.productEnv(dataDir)),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  const reading = readLines(watch.stdout, (line) => void lines.push(line));
  await waitUntil("the watch follows", () => lines.some((line) => line.includes("open incident")));
  const incident = async () =>
    (await product.call("get_incidents", { flow: "partner-sync" })).structured.incidents?.[0];
  const reaches = (state: string, count: number) =>
    waitUntil(`the incident is ${state}`, incident, (one) => one?.state === state && one.count === count);
  await play("succeed");
  await play("fail", "1");
  await reaches("new", 1);
  await play("fail", "2");
  const ongoing = await reaches("ongoing", 2);
  expect(ongoing).toMatchObject({
    fingerprint: "FAILED|ConnectionError|partner.example refused call # of the day|",
    title: "ConnectionError: partner.example refused call 2 of the day",
    flows: [{ name: "partner-sync" }],
    first_bad: {
      last_good: expect.any(String),
      changes: expect.arrayContaining(['parameters: {"attempt":0} → {"attempt":1}']),
    },
  });
  await play("succeed");
  await reaches("recovered", 2);
  await play("fail", "3");
  await reaches("returned", 3);
  for (const word of ["repeated", "recovered", "returned"])
    await waitUntil(`the watch shows ${word}`, () => lines.some((line) => line.includes(` ${word} ConnectionError: `)));
  watch.kill("SIGINT");
  expect([0, 130]).toContain(await watch.exited);
  await reading;
});

test("a pool is shown as it was before it was changed", async () => {
  const body = { name: "batch", type: "process", concurrency_limit: 5, base_job_template: {} };
  await prefect.api("POST", "/work_pools/", body);
  const pool = async (at?: string) =>
    (await product.call("get_work_pools", { work_pool: "batch", ...(at ? { at } : {}) })).structured;
  const isRead = (limit: number) =>
    waitUntil(
      `the limit ${limit} is recorded`,
      () => pool(),
      (found) => found.source === "record" && found.work_pools?.[0]?.concurrency_limit === limit,
    );
  await isRead(5);
  // A moment is known once all lists of the answer have been read: the pool, its queues and its workers.
  const before = await waitUntil(
    "a moment with the limit 5 is known",
    async () => {
      const { as_of } = await pool();
      return (await pool(as_of)).work_pools === undefined ? null : as_of;
    },
    (moment) => moment !== null,
  );
  await prefect.api("PATCH", "/work_pools/batch", { concurrency_limit: 1, is_paused: true });
  await isRead(1);
  const then = await pool(before);
  expect(then).toMatchObject({
    at: before,
    source: "record",
    work_pools: [{ concurrency_limit: 5, is_paused: false }],
  });
  expect((await product.call("get_work_pools", { at: "2020-01-01" })).structured).toMatchObject({ code: "not_found" });
  await prefect.stop();
  expect((await pool(before)).work_pools).toMatchObject([{ concurrency_limit: 5, is_paused: false }]);
});
