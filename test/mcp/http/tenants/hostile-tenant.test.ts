/**
 * A tenant whose Prefect answers what takes long to read, beside a healthy one: the calls of the healthy one are answered while those of the
 * other are pending. Work that grows with the square of such a text would not end within any limit of a test, and work that blocks all
 * callers for some seconds shows in the time of the processor, compared with that for an ordinary answer of the same size: that is a
 * count of work, which other programs on a busy machine do not change.
 */
import { expect, test } from "bun:test";
import { TEST_LIMIT_MS } from "../../../../scripts/test-limit.ts";
import { aDeployment, aFlowRun, aLog } from "../../../support/builders.ts";
import { type FakePrefect, startFakePrefect } from "../../../support/fake-prefect/fake-prefect.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { type HttpProduct, startHttpProduct } from "../http-product.ts";
import { processorMs } from "../processor-time.ts";

/** Calls of the healthy tenant that are answered beside each kind of hostile answer. */
const CALLS = 5;
/** Calls of the hostile tenant at a time. */
const AT_ONCE = 3;
const LONG = 200_000;
/** Most work for a hostile answer, in ordinary answers of its size. The slowest of those below takes as much as 1.2 of them. */
const MOST_TIMES = 5;
/** Calls over which work is measured: some tenths of a second, while the clock of the processor ticks every 10 ms. */
const MEASURED = 1;

const rowWith = (text: string) => JSON.stringify([{ ...aDeployment({ name: "x" }), name: text, parameters: { text } }]);

/** A deployment in the form that is expected, with this JSON as its parameters. */
const rowOf = (json: string) =>
  JSON.stringify([{ ...aDeployment({ name: "x" }), parameters: 0 }]).replace(
    '"parameters":0',
    () => `"parameters":${json}`,
  );

/** What the Prefect of the hostile tenant answers to everything. */
const ANSWERS: readonly (readonly [name: string, fault: Parameters<FakePrefect["faults"]["fail"]>[1]])[] = [
  ["nothing", { hang: true }],
  ["deep lists", { status: 200, text: `${"[".repeat(40_000)}${"]".repeat(40_000)}` }],
  ["deep objects", { status: 200, text: `[${'{"a":'.repeat(40_000)}1${"}".repeat(40_000)}]` }],
  ["a row of deep objects", { status: 200, text: rowOf(`${'{"a":'.repeat(40_000)}{}${"}".repeat(40_000)}`) }],
  ["a row of deep lists", { status: 200, text: rowOf(`{"a":${"[".repeat(40_000)}${"]".repeat(40_000)}}`) }],
  [
    "a row of deep values",
    { status: 200, text: rowOf(`{"a":[${`${"[".repeat(500)}${"]".repeat(500)},`.repeat(200)}0]}`) },
  ],
  ["a row of many values", { status: 200, text: rowOf(`{"a":[${"0,".repeat(200_000)}0]}`) }],
  ["many values", { status: 200, text: `[${"0,".repeat(300_000)}0]` }],
  ["many names", { status: 200, text: `[{${Array.from({ length: 150_000 }, (_, n) => `"n${n}":${n}`).join(",")}}]` }],
  ["a text of blanks", { status: 200, text: rowWith(`a${" ".repeat(LONG)}b`) }],
  ["a text of names of secrets", { status: 200, text: rowWith("password: ".repeat(LONG / 10)) }],
  ["a text of prompts", { status: 200, text: rowWith("Password (a".repeat(LONG / 11)) }],
  ["a text of brackets and quotes", { status: 200, text: rowWith("('\"[{".repeat(LONG / 5)) }],
  ["a text of URLs", { status: 200, text: rowWith("://a:".repeat(LONG / 5)) }],
  ["a text of other scripts", { status: 200, text: rowWith("пароль (".repeat(LONG / 8)) }],
  ["a page of HTML", { status: 200, text: `<title>${"<".repeat(LONG)}`, headers: { "content-type": "text/html" } }],
  ["a long refusal", { status: 422, text: JSON.stringify({ detail: "a\n \n".repeat(LONG / 4) }) }],
];

/** Rows of an ordinary workspace, as an answer of about this size. */
function ordinaryAnswer(chars: number): string {
  const row = () =>
    JSON.stringify(aDeployment({ name: "nightly", tags: ["etl"], description: "Loads the lake. ".repeat(20) }));
  const rows = Array.from({ length: Math.ceil(chars / row().length) }, row);
  return `[${rows.join(",")}]`;
}

interface Call {
  readonly product: HttpProduct;
  readonly headers: Readonly<Record<string, string>>;
  readonly name: string;
  readonly signal?: AbortSignal;
}

async function callTool({ product, headers, name, signal }: Call): Promise<string> {
  const response = await fetch(product.url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: { fresh: true } } }),
    ...(signal ? { signal } : {}),
  });
  return `${response.status} ${await response.text()}`;
}

test(
  "no hostile answer takes much more work than an ordinary one of its size",
  async () => {
    const key = "pnu_hostilekey0123456789";
    await using hostile = await startFakePrefect({ apiKey: key });
    await using product = await startHttpProduct({ env: { PREFECT_API_URL: hostile.url, PREFECT_API_KEY: key } });
    const headers = { "x-prefect-api-url": hostile.url, "x-prefect-api-key": key };
    const workOf = async (fault: Parameters<FakePrefect["faults"]["fail"]>[1]) => {
      hostile.faults.clear();
      hostile.faults.fail("deployments/filter", fault, 1_000_000);
      const before = processorMs(product.pid);
      for (let n = 0; n < MEASURED; n += 1) await callTool({ product, headers, name: "get_deployments" });
      return processorMs(product.pid) - before;
    };
    // The first answers are parsed by code that is not compiled yet.
    await workOf({ status: 200, text: ordinaryAnswer(LONG) });
    const ordinaryMs = new Map<number, number>();
    for (const [name, fault] of ANSWERS) {
      if (fault.text === undefined) continue;
      const chars = Math.ceil(fault.text.length / LONG) * LONG;
      if (!ordinaryMs.has(chars)) ordinaryMs.set(chars, await workOf({ status: 200, text: ordinaryAnswer(chars) }));
      const times = (await workOf(fault)) / Math.max(10, ordinaryMs.get(chars) ?? 0);
      expect({ name, times, isMore: times > MOST_TIMES }).toEqual({ name, times, isMore: false });
    }
    expect(await product.stop()).toBe(0);
  },
  TEST_LIMIT_MS,
);

test(
  "the healthy tenant's calls are answered while those of a hostile one are pending",
  async () => {
    const keys = { healthy: "pnu_healthykey0123456789", hostile: "pnu_hostilekey0123456789" };
    await using healthy = await startFakePrefect({ apiKey: keys.healthy });
    await using hostile = await startFakePrefect({ apiKey: keys.hostile });
    const run = aFlowRun({ name: "healthy-run" });
    healthy.workspace.flowRuns.push(run);
    healthy.workspace.logs.push(aLog({ flow_run_id: run.id, message: "healthy log" }));
    await using product = await startHttpProduct({
      env: { PREFECT_API_URL: healthy.url, PREFECT_API_KEY: keys.healthy },
    });
    const ask = (headers: Record<string, string>, name: string, signal?: AbortSignal) =>
      callTool({ product, headers, name, ...(signal ? { signal } : {}) });
    const ofHostile = { "x-prefect-api-url": hostile.url, "x-prefect-api-key": keys.hostile };
    // The credential is proven before Prefect becomes hostile.
    expect(await ask(ofHostile, "get_deployments")).toStartWith("200 ");
    for (const [name, fault] of ANSWERS) {
      const stop = new AbortController();
      hostile.faults.clear();
      // Not the request that proves the credential.
      hostile.faults.fail("deployments/filter", fault, 1_000_000);
      let pending = 0;
      let begun = 0;
      const answers: string[] = [];
      const hammer = async () => {
        while (!stop.signal.aborted) {
          pending += 1;
          begun += 1;
          const answer = await ask(ofHostile, "get_deployments", stop.signal).catch(() => null);
          if (answer !== null) answers.push(answer);
          pending -= 1;
        }
      };
      const hammering = Array.from({ length: AT_ONCE }, hammer);
      await waitUntil(`calls of the hostile tenant: ${name}`, () => begun >= AT_ONCE);
      // Also until one of the hostile answers was read whole, or refused.
      for (let n = 0; n < CALLS || (answers.length === 0 && fault.hang !== true); n += 1) {
        const answer = await ask({}, "get_flow_runs");
        expect({ name, answer: answer.includes("healthy-run"), pending }).toEqual({
          name,
          answer: true,
          pending: AT_ONCE,
        });
      }
      stop.abort();
      await Promise.all(hammering);
    }
    expect(product.stderr()).not.toContain("internal error");
    expect(await product.stop()).toBe(0);
  },
  TEST_LIMIT_MS,
);
