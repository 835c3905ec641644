/**
 * Names of deployments that events refer to by id only, as heartbeats of runs do:
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/flow_engine.py (`_build_heartbeat_event_template`)
 */
import { isUuid } from "../../lib/uuid.ts";
import type { RecordDb } from "../../store/database.ts";
import { findFullNames } from "../../store/objects/objects.ts";

/** The items with `flow/deployment` in place of an id in `deployment`, where the record has the deployment. */
export function withDeploymentNames<T extends { readonly [member: string]: unknown }>(
  db: RecordDb | null,
  items: readonly T[],
): readonly T[] {
  const ids = items.flatMap((item) => idOf(item) ?? []);
  if (db === null || ids.length === 0) return items;
  const names = findFullNames(db, "deployment", ids);
  return items.map((item) => {
    const name = names.get(idOf(item) ?? "");
    return name === undefined ? item : { ...item, deployment: name };
  });
}

/** Of `<id>` or `flow/<id>`. */
function idOf({ deployment }: { readonly [member: string]: unknown }): string | undefined {
  const last = typeof deployment === "string" ? deployment.slice(deployment.lastIndexOf("/") + 1) : "";
  return isUuid(last) ? last : undefined;
}
