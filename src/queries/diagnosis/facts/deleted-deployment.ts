/** A deployment that Prefect has deleted, as the record remembers it, and the one that took its place. */
import { findObject } from "../../../store/objects/objects.ts";
import { listDeployments } from "../../objects/deployments.ts";
import type { QueryContext } from "../../source/context.ts";
import type { DeletedDeployment } from "../findings/types.ts";
import { attempt, type Gathering } from "./gathering.ts";

/** Null where nothing is known of a deletion. */
export async function readDeletedDeployment(
  ctx: QueryContext,
  id: string,
  gathering: Gathering,
): Promise<DeletedDeployment | null> {
  const db = ctx.record();
  const held = db ? findObject(db, "deployment", id) : null;
  if (!db || !held || held.deletedUs === null) return null;
  const { name, deletedUs, doc } = held;
  const flowName = findObject(db, "flow", doc.flow_id)?.name ?? null;
  const successor = await attempt(gathering, "whether another deployment took its place", null, async () => {
    const set = { deployments: { name: { any_: [name] } } };
    const { items } = await listDeployments(ctx, { set, sort: "NAME_ASC", limit: 20, offset: 0 });
    // Names are unique within a flow, and a flow may have been deleted and made anew.
    const same = items.find(({ deployment }) => deployment.flow_id === doc.flow_id);
    return same ?? items.find((item) => flowName !== null && item.flowName === flowName) ?? null;
  });
  const next = successor ? { id: successor.deployment.id, created: successor.deployment.created ?? null } : null;
  return { id, name, flowName, deletedUs, successor: next };
}
