/**
 * The same mixed load on fleets of 1, 2 and 3 nodes: `bun scripts/fleet/load.ts --tenants 200 --nodes 3 --seconds 20`. Each tenant has a
 * Prefect of its own, and each answer is compared with the right one. Prints throughput, CPU per call, what forwarding costs and memory per
 * tenant. Exit code 1 when an answer is wrong or missing.
 */
import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { metricOf } from "../../test/fleet/fleet-nodes.ts";
import { startFakePrefect } from "../../test/support/fake-prefect/fake-prefect.ts";
import { ask } from "./ask.ts";
import { type LoadTenant, startTenant } from "./load-tenants.ts";
import { type Stage, type StageNode, startStage } from "./stage.ts";

const { values } = parseArgs({
  options: {
    tenants: { type: "string", default: "200" },
    nodes: { type: "string", default: "3" },
    seconds: { type: "string", default: "20" },
    callers: { type: "string", default: "8" },
  },
});
const CALLERS = Number(values.callers);
const OPEN_LIMIT_MS = 600_000;
const IDLE_MS = 5_000;
/** Of a node's log. */
const LAPSED = "could not renew its session in time";
/** Clock ticks of /proc per second. */
const TICKS = 100;
const say = (line: string) => void process.stdout.write(`${line}\n`);

interface Phase {
  readonly calls: number;
  readonly seconds: number;
  readonly wrong: readonly string[];
  readonly forwarded: number;
  /** CPU time of each node, milliseconds. */
  readonly cpuMs: readonly number[];
}

function cpuMs({ pid }: StageNode): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) / TICKS) * 1000;
}

function residentMb({ pid }: StageNode): number {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(found?.[1] ?? 0) / 1024;
}

const sumOf = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);

async function forwardedBy(nodes: readonly StageNode[]): Promise<number> {
  const counts = await Promise.all(nodes.map((node) => metricOf(node, "fleet_forwarded_requests")));
  return sumOf(counts);
}

/** Each caller asks as soon as it has an answer. `entryOf`: the node at which a tenant's call enters. */
async function play(
  stage: Stage,
  tenants: readonly LoadTenant[],
  entryOf: (tenant: LoadTenant, call: number) => StageNode,
): Promise<Phase> {
  const { nodes } = stage;
  const before = { cpu: nodes.map(cpuMs), forwarded: await forwardedBy(nodes) };
  const startMs = performance.now();
  const endMs = startMs + Number(values.seconds) * 1000;
  const wrong: string[] = [];
  let calls = 0;
  const caller = async () => {
    while (performance.now() < endMs) {
      const call = calls++;
      const tenant = tenants[(call * 7) % tenants.length];
      const question = tenant?.questions[call % tenant.questions.length];
      if (tenant === undefined || question === undefined) return;
      const reply = await ask(entryOf(tenant, call).url, tenant, question.tool, question.args);
      if (!(reply.ok && question.isRight(reply))) wrong.push(`${tenant.name} ${question.tool}: ${reply.text}`);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  const seconds = (performance.now() - startMs) / 1000;
  const spent = nodes.map((node, index) => cpuMs(node) - (before.cpu[index] ?? 0));
  return { calls, seconds, wrong, forwarded: (await forwardedBy(nodes)) - before.forwarded, cpuMs: spent };
}

/** Between two rounds over the tenants without a record. Each question that is answered from Prefect takes time from what opens them. */
const ROUND_MS = 3_000;

/** Until each tenant is answered from its record. Returns the owners. */
async function openAll({ nodes }: Stage, tenants: readonly LoadTenant[]): Promise<Map<LoadTenant, StageNode>> {
  const owners = new Map<LoadTenant, StageNode>();
  const untilMs = performance.now() + OPEN_LIMIT_MS;
  let open = [...tenants];
  while (open.length > 0) {
    if (performance.now() > untilMs) throw new Error(`${open.length} tenants have no record yet`);
    const queue = [...open];
    const left: LoadTenant[] = [];
    const caller = async () => {
      for (let tenant = queue.pop(); tenant !== undefined; tenant = queue.pop()) {
        const entry = nodes[queue.length % nodes.length];
        const reply = entry && (await ask(entry.url, tenant, "read_events", { limit: 5 }));
        const owner = nodes.find(({ name }) => name === reply?.node);
        if (reply?.source === "record" && owner) owners.set(tenant, owner);
        else left.push(tenant);
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
    open = left;
    if (open.length > 0) await Bun.sleep(ROUND_MS);
  }
  return owners;
}

function show(what: string, { calls, seconds, wrong, forwarded, cpuMs: spent }: Phase): number {
  const total = spent.reduce((sum, one) => sum + one, 0);
  const each = spent.map((one) => (one / calls).toFixed(2)).join(" + ");
  const perCall = total / calls;
  const share = ((forwarded / calls) * 100).toFixed(0);
  say(
    `  ${what.padEnd(24)} ${String(Math.round(calls / seconds)).padStart(5)} calls/s  ${perCall.toFixed(2)} ms CPU per call (${each})  ` +
      `${share} % forwarded  ${calls} calls, ${wrong.length} failed`,
  );
  for (const line of wrong.slice(0, 3)) say(`    ${line}`);
  return perCall;
}

/** What following the tenants costs without a call; it is part of the CPU per call below. */
async function showIdle({ nodes }: Stage): Promise<void> {
  const before = nodes.map(cpuMs);
  await Bun.sleep(IDLE_MS);
  const spent = nodes.map((node, index) => ((cpuMs(node) - (before[index] ?? 0)) / IDLE_MS) * 1000);
  say(`  without calls            ${spent.map((one) => one.toFixed(0)).join(" + ")} ms CPU per second`);
}

async function playFleet(count: number, tenants: readonly LoadTenant[]): Promise<number> {
  await using prefect = await startFakePrefect();
  const env = {
    PREFECT_MCP_HTTP_MAX_TENANTS: String(tenants.length * 2),
    PREFECT_MCP_HTTP_REQUESTS_PER_SECOND: "1000000",
  };
  await using stage = await startStage({
    nodes: count,
    prefectUrl: prefect.url,
    replicas: false,
    env,
    say: () => undefined,
  });
  const emptyMb = stage.nodes.map(residentMb).reduce((sum, one) => sum + one, 0);
  for (const node of stage.nodes) while ((await metricOf(node, "fleet_nodes")) < count) await Bun.sleep(100);
  const startMs = performance.now();
  const owners = await openAll(stage, tenants);
  const openedS = (performance.now() - startMs) / 1000;
  const owned = stage.nodes.map((node) => [...owners.values()].filter((one) => one === node).length);
  say(
    `${count} node${count === 1 ? "" : "s"}: ${owned.join(" + ")} tenants, all with a record after ${openedS.toFixed(0)} s`,
  );
  const live = await Promise.all(stage.nodes.map((node) => metricOf(node, "fleet_live_requests")));
  const lapses = stage.nodes.map((node) => node.stderr().split(LAPSED).length - 1);
  say(`  until then ${sumOf(live)} answers from Prefect alone, sessions renewed too late: ${sumOf(lapses)}`);
  await showIdle(stage);
  const ownerOf = (tenant: LoadTenant) => owners.get(tenant) ?? (stage.nodes[0] as StageNode);
  const { nodes } = stage;
  const otherThan = (owner: StageNode, call: number) =>
    nodes[(nodes.indexOf(owner) + 1 + (call % Math.max(1, count - 1))) % count] as StageNode;
  const atOwner = () => play(stage, tenants, ownerOf);
  const elsewhere = () => play(stage, tenants, (tenant, call) => otherThan(ownerOf(tenant), call));
  // The first calls are slower, until the code is compiled; their answers count, their figures do not.
  const phases = [await elsewhere(), await atOwner()];
  const direct = phases[1] as Phase;
  const directMs = show("entering at the owner", direct);
  if (count > 1) {
    const around = await elsewhere();
    phases.push(around);
    const aroundMs = show("entering at another node", around);
    say(`  Forwarding costs ${(aroundMs - directMs).toFixed(2)} ms CPU per call, of both nodes together.`);
  }
  const failed = phases.reduce((sum, { wrong }) => sum + wrong.length, 0);
  const fullMb = stage.nodes.map(residentMb).reduce((sum, one) => sum + one, 0);
  say(`  ${((fullMb - emptyMb) / tenants.length).toFixed(1)} MB of memory per tenant (${fullMb.toFixed(0)} MB in all)`);
  return failed;
}

async function main(): Promise<number> {
  const tenants: LoadTenant[] = [];
  try {
    for (let number = 1; number <= Number(values.tenants); number += 1) tenants.push(await startTenant(number));
    say(
      `${tenants.length} tenants with a Prefect and 60 events each, ${CALLERS} callers, ${values.seconds} s per line; ` +
        `${cpus().length} cores, load before: ${loadavg()[0]?.toFixed(1)}. Callers and Prefects use the same cores.`,
    );
    let failed = 0;
    for (let count = 1; count <= Number(values.nodes); count += 1) failed += await playFleet(count, tenants);
    say(`${failed} failed.`);
    return failed === 0 ? 0 : 1;
  } finally {
    await Promise.all(tenants.map((tenant) => tenant[Symbol.asyncDispose]()));
  }
}

// What has been started ends with this process.
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => process.exit(130));
process.exitCode = await main();
