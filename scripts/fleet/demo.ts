/**
 * `bun run demo:fleet`: a whole fleet on this machine. One node is killed while tenants ask, and every line shows who answered. Exit
 * code 0 when no call failed and the record of every tenant was used again.
 */
import { parseArgs } from "node:util";
import { type ReplayServer, startReplayServer } from "../../src/demo/replay-server.ts";
import { ask, type FleetReply, type FleetTenant } from "./ask.ts";
import { startBalancer } from "./balancer.ts";
import { fleetStatus, type Stage, type StageNode, startStage } from "./stage.ts";

const QUESTIONS = ["get_dashboard", "read_events", "get_work_pools"] as const;
/** Until every record is used: before the kill, and after it. A slow machine needs most of it. */
const LIMIT_MS = 120_000;
/** Between two questions. */
const PAUSE_MS = 150;

const { values } = parseArgs({
  options: { tenants: { type: "string", default: "12" }, nodes: { type: "string", default: "3" } },
});
const say = (line = "") => void process.stdout.write(`${line}\n`);
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const)
  process.on(name, () => {
    if (stop.signal.aborted) process.exit(130);
    say("\nStopping; again ends at once.");
    stop.abort();
  });

interface Asked {
  calls: number;
  failed: number;
}

interface Recovery {
  readonly tenant: FleetTenant;
  /** Seconds after the kill: the first answer, and the first one from a record. */
  answeredS?: number;
  recordS?: number;
}

const asked: Asked = { calls: 0, failed: 0 };

async function question(url: string, tenant: FleetTenant, tool: string): Promise<FleetReply> {
  const reply = await ask(url, tenant, tool);
  asked.calls += 1;
  if (!reply.ok) asked.failed += 1;
  const via = reply.entry === reply.node || reply.entry === "-" ? "" : ` (entered at ${reply.entry})`;
  const age = reply.ageS === null ? "" : `${Math.max(0, reply.ageS).toFixed(1)} s old`;
  const time = new Date().toISOString().slice(11, 23);
  const what = reply.ok ? `${reply.source.padEnd(7)} ${age.padEnd(10)}` : `FAILED  ${reply.text.slice(0, 60)}`;
  say(`${time}  ${tenant.name}  ${tool.padEnd(15)} ${what} from ${reply.node}${via}`);
  return reply;
}

/** Asks each tenant in turn until `isDone`, or until the time is over. Returns whether it was done. */
async function askUntil(
  url: string,
  tenants: readonly FleetTenant[],
  isDone: (tenant: FleetTenant, reply: FleetReply) => boolean,
) {
  const open = new Set(tenants);
  const untilMs = performance.now() + LIMIT_MS;
  for (let round = 0; open.size > 0 && performance.now() < untilMs; round += 1) {
    for (const tenant of round === 0 ? tenants : [...open]) {
      if (stop.signal.aborted) return false;
      const reply = await question(url, tenant, QUESTIONS[round % QUESTIONS.length] ?? "get_dashboard");
      if (isDone(tenant, reply)) open.delete(tenant);
      await Bun.sleep(PAUSE_MS);
    }
  }
  return open.size === 0;
}

/** The node with most tenants, and the addresses of their Prefects. */
async function busiest({ databaseUrl, nodes }: Stage): Promise<{ node: StageNode; urls: ReadonlySet<string> }> {
  const status: { tenants: { url: string; owner: string | null }[] } = JSON.parse(
    await fleetStatus(databaseUrl, "--json"),
  );
  const ofNode = (node: StageNode) => status.tenants.filter(({ owner }) => owner === node.name);
  const node = nodes.toSorted((a, b) => ofNode(b).length - ofNode(a).length)[0];
  if (node === undefined) throw new Error("no node");
  return { node, urls: new Set(ofNode(node).map(({ url }) => url)) };
}

async function play(stage: Stage, tenants: readonly FleetTenant[]): Promise<boolean> {
  await using balancer = startBalancer(stage.nodes);
  say(`A balancer at ${balancer.url} spreads the tenants over the nodes.\n`);
  say(`${tenants.length} tenants ask through it. At first Prefect itself is asked ("live"), then the node's record.`);
  if (!(await askUntil(balancer.url, tenants, (_, reply) => reply.source === "record"))) return false;
  say("\n$ prefect-mcp-bun fleet status");
  say(await fleetStatus(stage.databaseUrl));
  const { node, urls } = await busiest(stage);
  say(`\n${node.name} owns most tenants. kill -9 ${node.pid}:`);
  process.kill(node.pid, "SIGKILL");
  const killedMs = performance.now();
  const lost: Recovery[] = tenants
    .filter(({ headers }) => urls.has(headers["x-prefect-api-url"] ?? ""))
    .map((tenant) => ({ tenant }));
  const isBack = await askUntil(balancer.url, tenants, (tenant, reply) => {
    const afterS = (performance.now() - killedMs) / 1000;
    const recovery = lost.find((one) => one.tenant === tenant);
    if (recovery && reply.ok) recovery.answeredS ??= afterS;
    if (recovery && reply.source === "record") recovery.recordS ??= afterS;
    return reply.ok && reply.source === "record";
  });
  say("\n$ prefect-mcp-bun fleet status");
  say(await fleetStatus(stage.databaseUrl));
  summarise(tenants.length, lost);
  return isBack && asked.failed === 0;
}

function summarise(tenants: number, lost: readonly Recovery[]): void {
  const longest = (figures: readonly (number | undefined)[]) =>
    figures.some((one) => one === undefined) ? "not in time" : `${Math.max(0, ...figures.map(Number)).toFixed(1)} s`;
  say(`\n${asked.calls} calls, ${asked.failed} failed. ${lost.length} of ${tenants} tenants lost their node.`);
  say(`Each of them had an answer within ${longest(lost.map(({ answeredS }) => answeredS))} after the kill,`);
  say(`and an answer from a record of another node within ${longest(lost.map(({ recordS }) => recordS))}.`);
}

async function main(): Promise<number> {
  const prefects: ReplayServer[] = [];
  try {
    for (let n = 0; n < Number(values.tenants); n += 1) prefects.push(await startReplayServer());
    const tenants = prefects.map(({ url }, index) => ({
      name: `tenant-${String(index + 1).padStart(2, "0")}`,
      headers: { "x-prefect-api-url": url, "x-prefect-api-key": `key-of-tenant-${index + 1}` },
    }));
    say(`${prefects.length} recorded Prefect workspaces are served on this machine, one for each tenant.`);
    // The nodes' own workspace is that of the first tenant.
    const prefectUrl = prefects[0]?.url ?? "";
    await using stage = await startStage({ nodes: Number(values.nodes), prefectUrl, replicas: true, say });
    const isGood = await play(stage, tenants);
    say(
      stop.signal.aborted ? "Stopped." : isGood ? "The fleet kept its promise." : "THE FLEET DID NOT KEEP ITS PROMISE.",
    );
    return stop.signal.aborted ? 130 : isGood ? 0 : 1;
  } finally {
    await Promise.all(prefects.map((prefect) => prefect.stop()));
  }
}

process.exitCode = await main();
