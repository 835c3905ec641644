/** Two Prefect servers behind one port: a forwarded port leads to another server, and back to the first one. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Product, runProduct, startProduct, type ToolResult } from "../support/process/product.ts";
import { type FaultProxy, startFaultProxy } from "../support/proxies/fault-proxy.ts";
import { type RealPrefect, startRealPrefect } from "../support/real-prefect/real-prefect.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const NOTE = /At this URL another server answers than the one that is recorded/;

let servers: RealPrefect[];
let target: { hostname: string; port: number };
let proxy: FaultProxy;
let folder: string;
let env: Readonly<Record<string, string>>;
let product: Product;
/** Ids of the events of both servers. */
let own: string[][];

beforeAll(async () => {
  servers = await Promise.all([startRealPrefect(), startRealPrefect()]);
  own = await Promise.all([publish(0, 12), publish(1, 3)]);
  target = { hostname: "127.0.0.1", port: server(0).port };
  proxy = startFaultProxy(target);
  folder = mkdtempSync(join(tmpdir(), "other-server-"));
  env = { ...server(0).productEnv(folder), PREFECT_API_URL: `http://127.0.0.1:${proxy.port}/api` };
  product = await startProduct({ env });
});

afterAll(async () => {
  await product?.[Symbol.asyncDispose]();
  proxy?.[Symbol.dispose]();
  await Promise.all((servers ?? []).map((one) => one[Symbol.asyncDispose]()));
  if (folder) rmSync(folder, { recursive: true, force: true });
});

function server(index: number): RealPrefect {
  return servers[index] as RealPrefect;
}

async function publish(index: number, count: number): Promise<string[]> {
  const events = Array.from({ length: count }, (_, n) => ({
    id: crypto.randomUUID(),
    occurred: new Date(Date.now() - n * 1_000).toISOString(),
    event: "shop.order.paid",
    resource: { "prefect.resource.id": `shop.${index}` },
  }));
  await server(index).api("POST", "/events", events);
  return events.map(({ id }) => id).sort();
}

/** The forwarded port leads to this server from now on. */
function leadTo(index: number): void {
  target.port = server(index).port;
  proxy.set({ kind: "reset" });
  proxy.set({ kind: "none" });
}

const ask = () => product.call("read_events", { event_type_prefix: "shop.", occurred_after: "1h" });
const idsOf = ({ structured }: ToolResult): string[] =>
  (structured.events ?? []).map((event: { id: string }) => event.id).sort();
const isOf = (index: number) => (answer: ToolResult) =>
  answer.structured.source === "record" && Bun.deepEquals(idsOf(answer), own[index]);
const records = () => readdirSync(folder).filter((name) => name.endsWith(".sqlite"));

/**
 * Asks until an answer from the record has all events of this server. No answer from the record mixes the two before. One that is partly
 * live may do so until the change is noticed.
 */
async function waitForRecordOf(index: number): Promise<void> {
  const asked = async () => {
    const answer = await ask();
    const of = own.filter((ids) => idsOf(answer).some((id) => ids.includes(id)));
    if (answer.structured.source === "record") expect(of.length).toBeLessThanOrEqual(1);
    return answer;
  };
  await waitUntil(`the record is that of server ${index}`, asked, isOf(index));
}

test("another server behind the port has a record of its own, and the first one has its record again", async () => {
  await waitForRecordOf(0);
  leadTo(1);
  // That this takes at most a minute is shown in virtual time by test/simulation/other-database.test.ts.
  await waitForRecordOf(1);
  expect(records()).toHaveLength(2);
  const missed = await publish(0, 2);
  leadTo(0);
  own[0] = [...(own[0] ?? []), ...missed].sort();
  await waitForRecordOf(0);
  expect(records()).toHaveLength(2);
});

test("without a process that syncs, the commands and answers say that another server answers", async () => {
  await product.end();
  leadTo(1);
  const [doctor, status] = await Promise.all([
    runProduct(["doctor", "--json"], env),
    runProduct(["status", "--json"], env),
  ]);
  expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringMatching(NOTE)]);
  expect(JSON.parse(status.stdout).another_server).toMatch(NOTE);
  product = await startProduct({ env: { ...env, PREFECT_MCP_SYNC: "off" } });
  const answer = await ask();
  expect([answer.structured.source, idsOf(answer), answer.structured.coverage.notes[0]]).toEqual([
    "live",
    own[1],
    expect.stringMatching(NOTE),
  ]);
  // It puts the record of the server that answers in use, and audits that one.
  const audit = await runProduct(["audit", "--json"], env);
  expect(audit.stdout).toMatch(/of the record of the other server/);
  expect(audit.code).toBe(0);
  const after = await ask();
  expect(idsOf(after)).toEqual(own[1] ?? []);
  expect(after.text).not.toMatch(NOTE);
});
