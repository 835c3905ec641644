import { expect, test } from "bun:test";
import { preferredNode } from "../../src/fleet/routing/preferred-node.ts";
import { TenantMoves } from "../../src/fleet/tenant-moves.ts";
import { addMs, type SteadyMs } from "../../src/lib/time.ts";

const START = 1_000_000 as SteadyMs;
const nodes = ["a", "b"].map((name) => ({
  incarnation: name,
  name,
  address: "",
  version: "1.0.0",
  renewals: 1,
  isDraining: false,
}));
const names = Array.from({ length: 200 }, (_, index) => `tenant ${index}`);
/** Tenants that prefer `b`, all owned by `a`. */
const tenants = names.filter((name) => preferredNode(name, nodes)?.name === "b").slice(0, 20);

function movesOf(isReachable: boolean, seconds: number): string[] {
  const moves = new TenantMoves();
  moves.noticeNodes(nodes, START);
  const moved: string[] = [];
  for (let second = 0; second <= seconds; second += 1) {
    const node = { name: "a", tenants, nodes, isReachable: () => isReachable };
    const tenant = moves.next(node, addMs(START, second * 1000));
    if (tenant !== undefined) moved.push(tenant);
  }
  return moved;
}

test("one tenant moves in 5 s, after the list of nodes was the same for 30 s", () => {
  expect(movesOf(true, 29)).toEqual([]);
  expect(movesOf(true, 60)).toEqual(tenants.slice(0, 7));
});

test("a tenant that comes back at once is not moved again and again", () => {
  // All 20 come back each time: each moves once in ten minutes.
  const moved = movesOf(true, 600);
  expect([moved.length, new Set(moved).size]).toEqual([20, 20]);
  expect(movesOf(true, 660).length).toBe(21 + 6);
});

test("no tenant moves to a node that this one cannot reach", () => {
  expect(movesOf(false, 600)).toEqual([]);
});
