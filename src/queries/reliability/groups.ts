/** The groups of runs that are compared, and their names. */
import type { Freshness } from "../../model/freshness.ts";
import { findFullNames, findObjects } from "../../store/objects/objects.ts";
import { findRecordedNames, readDeploymentNames, readObjectNames } from "../names/object-names.ts";
import type { QueryContext } from "../source/context.ts";
import { openLive } from "../source/live.ts";
import type { Outcome } from "./measure.ts";

export const GROUPS = ["deployment", "flow", "work_pool", "tag"] as const;
export type GroupBy = (typeof GROUPS)[number];

export interface Group {
  readonly now: Outcome[];
  readonly before: Outcome[];
}

/** By id of the deployment or flow, name of the pool, or tag. A run with several tags is in several groups. */
export function groupsOf(groupBy: GroupBy, now: readonly Outcome[], before: readonly Outcome[]): Map<string, Group> {
  const groups = new Map<string, Group>();
  const put = (runs: readonly Outcome[], side: keyof Group) => {
    for (const run of runs) {
      for (const key of keysOf(groupBy, run)) {
        const group = groups.get(key) ?? { now: [], before: [] };
        group[side].push(run);
        groups.set(key, group);
      }
    }
  };
  put(now, "now");
  put(before, "before");
  return groups;
}

function keysOf(groupBy: GroupBy, run: Outcome): Iterable<string> {
  if (groupBy === "tag") return new Set(run.tags);
  const key = groupBy === "deployment" ? run.deploymentId : groupBy === "flow" ? run.flowId : run.workPool;
  return key ? [key] : [];
}

/** Ids of pools by name; names of deployments (`flow/deployment`) and flows by id. Those that are not recorded are read from Prefect. */
export async function readGroupNames(
  ctx: QueryContext,
  groupBy: GroupBy,
  keys: readonly string[],
  { source }: Freshness,
): Promise<ReadonlyMap<string, string>> {
  const db = ctx.record();
  if (groupBy === "tag" || keys.length === 0) return new Map();
  if (groupBy === "work_pool")
    return new Map(db === null ? [] : findObjects(db, "work_pool").map((pool) => [pool.name, pool.id]));
  if (source === "record") {
    if (groupBy === "flow") return findRecordedNames(db, "flow", keys);
    const full = db === null ? new Map<string, string>() : findFullNames(db, "deployment", keys);
    return new Map([...findRecordedNames(db, "deployment", keys), ...full]);
  }
  const live = openLive(ctx);
  return groupBy === "flow" ? readObjectNames(ctx, live, "flow", keys) : readDeploymentNames(ctx, live, keys);
}

/** A tag has no id of its own, and that of a pool is not always known: then it is the name. */
export function groupName(
  groupBy: GroupBy,
  key: string,
  names: ReadonlyMap<string, string>,
): { id: string; name: string } {
  if (groupBy === "deployment" || groupBy === "flow") return { id: key, name: names.get(key) ?? key };
  return { id: names.get(key) ?? key, name: key };
}
