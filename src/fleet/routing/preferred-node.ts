/**
 * The node that a tenant prefers: rendezvous hashing, so that a node that joins or leaves moves only the tenants that it gets or had.
 * Balancers that hash the same value need not agree with it; a request that reaches another node is forwarded.
 */
import { createHash } from "node:crypto";

export function preferredNode<Node extends { readonly name: string }>(
  tenant: string,
  nodes: readonly Node[],
): Node | null {
  let best: { readonly node: Node; readonly weight: string } | null = null;
  for (const node of nodes) {
    const weight = createHash("sha256").update(`${tenant.length}:${tenant}`).update(node.name).digest("hex");
    if (best === null || weight > best.weight || (weight === best.weight && node.name > best.node.name))
      best = { node, weight };
  }
  return best?.node ?? null;
}
