/** The program under load from several tenants: none sees data of another, and none is served after its key was revoked. */
import { expect, test } from "bun:test";
import { aFlowRun, aLog, anEvent } from "../../../support/builders.ts";
import { type FakePrefect, startFakePrefect } from "../../../support/fake-prefect/fake-prefect.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { parse } from "../http-harness.ts";
import { startHttpProduct } from "../http-product.ts";

/** Answers of each kind that are awaited in each phase. */
const CALLS = 20;
const CALLERS_EACH = 4;

/** A workspace in which every text holds its owner's mark. */
async function workspaceOf(mark: string, apiKey: string): Promise<FakePrefect> {
  const fake = await startFakePrefect({ apiKey });
  for (let n = 0; n < 20; n += 1) {
    const run = aFlowRun({ name: `${mark}-run-${n}`, start_time: new Date(Date.now() - n * 60_000).toISOString() });
    fake.workspace.flowRuns.push(run);
    fake.workspace.logs.push(aLog({ flow_run_id: run.id, message: `${mark} log ${n}` }));
    fake.emit(anEvent({ event: `${mark}.happened`, occurred: new Date(Date.now() - n * 1_000).toISOString() }));
  }
  return fake;
}

const QUESTIONS = [
  ["get_flow_runs", { limit: 20 }],
  ["read_events", { limit: 20 }],
  ["get_dashboard", {}],
  ["search", { query: "run" }],
  ["get_flow_runs", { limit: 5, fresh: true }],
  ["get_record_status", {}],
  ["get_identity", {}],
] as const;

test("two tenants and one with a revoked key under load", async () => {
  const keys = { alpha: "pnu_alphakey0123456789", beta: "pnu_betakey0123456789", gamma: "pnu_gammakey0123456789" };
  const alpha = await workspaceOf("alpha", keys.alpha);
  const beta = await workspaceOf("beta", keys.beta);
  let gamma = await workspaceOf("gamma", keys.gamma);
  const gammaUrl = gamma.url;
  await using product = await startHttpProduct({
    env: { PREFECT_API_URL: alpha.url, PREFECT_API_KEY: keys.alpha, PREFECT_MCP_HTTP_RECHECK_SECONDS: "1" },
  });
  const ask = async (headers: Record<string, string>, n: number) => {
    const [name, args] = QUESTIONS[n % QUESTIONS.length] ?? QUESTIONS[0];
    const response = await fetch(product.url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
      body: JSON.stringify({ jsonrpc: "2.0", id: n, method: "tools/call", params: { name, arguments: args } }),
    });
    return { status: response.status, text: await response.text() };
  };
  const headersOf = (url: string, key: string) => ({ "x-prefect-api-url": url, "x-prefect-api-key": key });
  const tenants = [
    { mark: "alpha", headers: {} as Record<string, string>, others: ["beta", "gamma"] },
    { mark: "beta", headers: headersOf(beta.url, keys.beta), others: ["alpha", "gamma"] },
    { mark: "gamma", headers: headersOf(gammaUrl, keys.gamma), others: ["alpha", "beta"] },
    // One's instance with another's key, and the reverse.
    { mark: "refused", headers: headersOf(alpha.url, keys.beta), others: ["alpha", "beta", "gamma"] },
    { mark: "refused", headers: headersOf(beta.url, keys.alpha), others: ["alpha", "beta", "gamma"] },
  ];
  const crossed: string[] = [];
  const served = { alpha: 0, beta: 0, gamma: 0, refused: 0 } as Record<string, number>;
  const refused = { ...served };
  const servedAfterRefusal: string[] = [];
  let isOver = false;
  const hammer = async ({ mark, headers, others }: (typeof tenants)[number]) => {
    for (let n = 0; !isOver; n += 1) {
      const wasRefused = mark === "gamma" && (refused.gamma ?? 0) > 0;
      const { status, text } = await ask(headers, n);
      for (const other of others)
        if (text.includes(`${other}-run`) || text.includes(`${other}.happened`))
          crossed.push(`${mark}: ${text.slice(0, 200)}`);
      const isServed = status === 200 && !(parse(text) as { error?: unknown })?.error;
      if (isServed) served[mark] = (served[mark] ?? 0) + 1;
      if (status === 403) refused[mark] = (refused[mark] ?? 0) + 1;
      if (wasRefused && status === 200) servedAfterRefusal.push(text.slice(0, 200));
    }
  };
  const hammering = tenants.flatMap((tenant) => Array.from({ length: CALLERS_EACH }, () => hammer(tenant)));
  const untilMore = async (counts: Record<string, number>, ...marks: string[]) => {
    const before = { ...counts };
    const gained = () => marks.map((mark) => (counts[mark] ?? 0) - (before[mark] ?? 0));
    await waitUntil(`${CALLS} more answers each for ${marks}`, gained, (all) => all.every((count) => count > CALLS));
  };
  await untilMore(served, "alpha", "beta", "gamma");
  const { port } = gamma;
  await gamma.stop();
  gamma = await startFakePrefect({ port, apiKey: "pnu_anotherkey" });
  await untilMore(refused, "gamma");
  await untilMore(served, "alpha", "beta");
  await waitUntil("the refused callers have asked often", () => (refused.refused ?? 0) > CALLS);
  isOver = true;
  await Promise.all(hammering);
  expect(crossed).toEqual([]);
  expect(servedAfterRefusal).toEqual([]);
  expect(served.refused).toBe(0);
  const log = product.stderr();
  for (const key of Object.values(keys)) expect(log).not.toContain(key);
  expect(log).not.toContain("internal error");
  expect(await product.stop()).toBe(0);
  await Promise.all([alpha.stop(), beta.stop(), gamma.stop()]);
});
