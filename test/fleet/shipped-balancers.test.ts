/** The shipped configurations of HAProxy and nginx in front of three nodes: real programs, real processes. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { ask, type FleetTenant } from "../../scripts/fleet/ask.ts";
import { type ShippedBalancer, startShippedBalancer } from "../../scripts/fleet/shipped-balancer.ts";
import { type Stage, type StageNode, startStage } from "../../scripts/fleet/stage.ts";
import { type FakePrefect, startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { metricOf } from "./fleet-nodes.ts";

const TENANTS = 6;
const ROUNDS = 10;
let prefect: FakePrefect;
let stage: Stage;
let alive: readonly StageNode[];
let tenants: FleetTenant[];

beforeAll(async () => {
  prefect = await startFakePrefect();
  stage = await startStage({ nodes: 3, prefectUrl: prefect.url, replicas: false, say: () => undefined });
  alive = stage.nodes;
  tenants = Array.from({ length: TENANTS }, (_, index) => ({
    name: `tenant-${index}`,
    headers: { "x-prefect-api-url": prefect.url, "x-prefect-api-key": `pnu_key_of_tenant_${index}` },
  }));
  for (const node of stage.nodes)
    await waitUntil(
      "all nodes",
      () => metricOf(node, "fleet_nodes"),
      (count) => count === 3,
    );
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  await prefect?.stop();
});

async function forwarded(): Promise<number> {
  const counts = await Promise.all(alive.map((node) => metricOf(node, "fleet_forwarded_requests")));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Calls of all tenants through the balancer: how many failed, and how many were forwarded, in each round. */
async function playRounds(url: string) {
  const rounds: { failed: string[]; forwarded: number }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = await forwarded();
    const replies = await Promise.all(tenants.map((tenant) => ask(url, tenant, "read_events")));
    const failed = replies.filter(({ ok }) => !ok).map(({ text }) => text);
    rounds.push({ failed, forwarded: (await forwarded()) - before });
  }
  return rounds;
}

async function withBalancer(name: ShippedBalancer, use: (url: string) => Promise<void>): Promise<void> {
  const balancer = await startShippedBalancer(name, stage.nodes);
  if ("missing" in balancer) {
    process.stderr.write(`Not tested: ${name} in front of a fleet. ${balancer.missing}\n`);
    return;
  }
  try {
    await use(balancer.url);
  } finally {
    await balancer[Symbol.asyncDispose]();
  }
}

test("HAProxy learns the owners, so that after a tenant's first call nothing is forwarded", () =>
  withBalancer("haproxy", async (url) => {
    const [first, ...later] = await playRounds(url);
    expect(first?.failed).toEqual([]);
    expect(first?.forwarded).toBeLessThanOrEqual(TENANTS);
    expect(later).toEqual(later.map(() => ({ failed: [], forwarded: 0 })));
  }));

test("nginx spreads tenants by hash: each call is answered, and a tenant's calls are all forwarded or none", () =>
  withBalancer("nginx", async (url) => {
    const [first, ...later] = await playRounds(url);
    expect([first?.failed, (first?.forwarded ?? 0) <= TENANTS]).toEqual([[], true]);
    expect(later).toEqual(later.map(() => ({ failed: [], forwarded: first?.forwarded ?? 0 })));
  }));

test("through either of them every call is answered after a killed node and its connections have ended", () =>
  withBalancer("haproxy", (haproxy) =>
    withBalancer("nginx", async (nginx) => {
      for (const url of [haproxy, nginx]) await playRounds(url);
      const [killed] = alive;
      alive = alive.filter((node) => node !== killed);
      if (killed) process.kill(killed.pid, "SIGKILL");
      await killed?.stop();
      // A call on a connection that was just broken may fail.
      for (const url of [haproxy, nginx])
        await waitUntil(
          "the end of the broken connections",
          () => Promise.all(tenants.map((tenant) => ask(url, tenant, "read_events"))),
          (replies) => replies.every(({ ok }) => ok),
        );
      for (const url of [haproxy, nginx]) for (const { failed } of await playRounds(url)) expect(failed).toEqual([]);
    }),
  ));
