/** Which tenant of this node moves to its preferred node, and when. A move closes the tenant's record, so they are few. */
import { NEVER_MS, type SteadyMs } from "../lib/time.ts";
import type { NodeSession } from "./lease/lease-rules.ts";
import { preferredNode } from "./routing/preferred-node.ts";

export interface MovingNode {
  readonly name: string;
  /** Tenants that this node owns. */
  readonly tenants: readonly string[];
  readonly nodes: readonly NodeSession[];
  /** Whether this node can send requests to another one. */
  isReachable(incarnation: string): boolean;
}

/** At most one tenant moves in this time, and only after the list of nodes was the same for `STEADY_FOR_MS`. */
const MOVE_EVERY_MS = 5_000;
const STEADY_FOR_MS = 30_000;
/** A tenant that came back after it had moved is not moved again for this long: others may not reach its preferred node. */
const MOVE_AGAIN_MS = 600_000;

export class TenantMoves {
  private nodesSeen = "";
  private nodesMs = NEVER_MS;
  private movedMs = NEVER_MS;
  private readonly moved = new Map<string, SteadyMs>();

  /** Whether the list of nodes differs from the last one. */
  noticeNodes(sessions: readonly NodeSession[], nowMs: SteadyMs): boolean {
    const names = sessions.map(({ name, isDraining }) => `${name} ${isDraining}`).join();
    if (names === this.nodesSeen) return false;
    this.nodesSeen = names;
    this.nodesMs = nowMs;
    return true;
  }

  /** The tenant that moves now, or undefined. */
  next({ name, tenants, nodes, isReachable }: MovingNode, nowMs: SteadyMs): string | undefined {
    if (nowMs - this.nodesMs < STEADY_FOR_MS || nowMs - this.movedMs < MOVE_EVERY_MS) return undefined;
    for (const [tenant, atMs] of this.moved) if (nowMs - atMs >= MOVE_AGAIN_MS) this.moved.delete(tenant);
    const able = nodes.filter(({ isDraining }) => !isDraining);
    const moving = tenants.find((tenant) => {
      const preferred = this.moved.has(tenant) ? null : preferredNode(tenant, able);
      return preferred !== null && preferred.name !== name && isReachable(preferred.incarnation);
    });
    if (moving === undefined) return undefined;
    this.movedMs = nowMs;
    this.moved.set(moving, nowMs);
    return moving;
  }
}
