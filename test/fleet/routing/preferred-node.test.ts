import { expect, test } from "bun:test";
import { preferredNode } from "../../../src/fleet/routing/preferred-node.ts";

const NODES = ["a", "b", "c", "d"].map((name) => ({ name }));
const TENANTS = Array.from({ length: 2_000 }, (_, n) => `tenant-${n}`);

test("tenants spread over the nodes, whatever the order of these", () => {
  const counts = new Map<string, number>();
  for (const tenant of TENANTS) {
    const name = preferredNode(tenant, NODES)?.name ?? "";
    expect(preferredNode(tenant, NODES.toReversed())?.name).toBe(name);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  for (const count of counts.values()) expect(Math.abs(count - 500)).toBeLessThan(100);
});

test("a node that leaves moves its own tenants only", () => {
  const left = NODES.filter(({ name }) => name !== "b");
  for (const tenant of TENANTS) {
    const before = preferredNode(tenant, NODES)?.name;
    if (before !== "b") expect(preferredNode(tenant, left)?.name).toBe(before);
  }
  expect(preferredNode("tenant", [])).toBeNull();
});
