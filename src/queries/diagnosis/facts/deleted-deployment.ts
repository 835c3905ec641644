/** A deployment that was deleted in Prefect, as the record holds it, and the one that replaced it. */
import { own } from "../../../lib/shown-text.ts";
import { onServerClock } from "../../../lib/time.ts";
import { findObject } from "../../../store/objects/objects.ts";
import { listDeployments } from "../../objects/deployments.ts";
import type { QueryContext } from "../../source/context.ts";
import { statedSkewUs } from "../../source/server-time.ts";
import type { DeletedDeployment } from "../findings/types.ts";
import { attempt, type Gathering } from "./gathering.ts";

/** Null when the record does not hold the deployment as deleted. */
export async function readDeletedDeployment(
  ctx: QueryContext,
  id: string,
  gathering: Gathering,
): Promise<DeletedDeployment | null> {
  const db = ctx.record();
  const recorded = db ? findObject(db, "deployment", id) : null;
  if (!db || !recorded || recorded.deletedUs === null) return null;
  const { name, doc } = recorded;
  const deletedUs = onServerClock(recorded.deletedUs, statedSkewUs(db));
  const flowName = findObject(db, "flow", doc.flow_id)?.name ?? null;
  const successor = await attempt(gathering, own("whether another deployment replaced it"), null, async () => {
    const set = { deployments: { name: { any_: [name] } } };
    const { items } = await listDeployments(ctx, { set, sort: "NAME_ASC", limit: 20, offset: 0, isAnyOrder: true });
    // Names are unique within a flow. The flow itself may have been deleted and created again under the same name.
    const ofSameFlow = items.find(({ deployment }) => deployment.flow_id === doc.flow_id);
    return ofSameFlow ?? items.find((item) => flowName !== null && item.flowName === flowName) ?? null;
  });
  const next = successor ? { id: successor.deployment.id, created: successor.deployment.created ?? null } : null;
  return { id, name, flowName, deletedUs, successor: next };
}
