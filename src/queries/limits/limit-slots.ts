/**
 * Which runs hold the slots of concurrency limits. The name of a limit states its kind: `deployment:{id}`, `tag:{tag}`, all
 * others are global. Only tag limits have a route that lists their holders (checked on Prefect 3.8.8).
 */
import { addUs, DAY_US } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { RESOURCE_ID, RESOURCE_NAME, RESOURCE_ROLE } from "../../model/events/event.ts";
import { eventPrefix, resourceId } from "../../model/kinds.ts";
import type { ConcurrencyLimit } from "../../model/objects.ts";
import { ACTIVE_TYPES } from "../../model/state.ts";
import { ROWS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";
import type { RecordDb } from "../../store/database.ts";
import { type ActiveRun, findRunningTaskRunTags } from "../../store/runs/active-runs.ts";
import { listEvents } from "../events/events.ts";
import { readRunNames } from "../names/run-names.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";
import { serverNowUs } from "../source/server-time.ts";
import type { SlotHolder } from "./pool-slots.ts";

export type LimitKind = "deployment" | "tag" | "global";

/** Kind of a limit, and what it limits: the id of a deployment, a tag, or the name of the limit itself. */
export function limitSubject(limit: Pick<ConcurrencyLimit, "name">): { kind: LimitKind; key: string } {
  if (limit.name.startsWith("deployment:")) return { kind: "deployment", key: limit.name.slice("deployment:".length) };
  if (limit.name.startsWith("tag:")) return { kind: "tag", key: limit.name.slice("tag:".length) };
  return { kind: "global", key: limit.name };
}

/** Active runs that hold a slot of the deployment. */
export function deploymentHolders(runs: readonly ActiveRun[], deploymentId: string): SlotHolder[] {
  return runs.filter((run) => run.deploymentId === deploymentId).map(({ id, name }) => ({ id, name }));
}

/** Runs of these deployments that hold a slot, from Prefect in one request. */
export async function readDeploymentHolders(
  live: LiveReader,
  deploymentIds: readonly string[],
): Promise<Map<string, SlotHolder[]>> {
  const holders = new Map<string, SlotHolder[]>();
  if (deploymentIds.length === 0) return holders;
  const state = { type: { any_: [...ACTIVE_TYPES] } };
  const flow_runs = { deployment_id: { any_: [...deploymentIds] }, state };
  const rows = await live.api.filterFlowRuns(
    { flow_runs, sort: "START_TIME_ASC", limit: ROWS_PER_PAGE },
    live.options(),
  );
  for (const { id, name, deployment_id } of rows) {
    const key = deployment_id ?? "";
    holders.set(key, [...(holders.get(key) ?? []), { id, name }]);
  }
  return holders;
}

/** Recorded task runs that hold a slot, by tag: those in state RUNNING with the tag. */
export function findTagHolders(db: RecordDb): Map<string, SlotHolder[]> {
  const holders = new Map<string, SlotHolder[]>();
  for (const { id, name, tag } of findRunningTaskRunTags(db))
    holders.set(tag, [...(holders.get(tag) ?? []), { id, name }]);
  return holders;
}

/** The same from Prefect. */
export async function readTagHolders(ctx: QueryContext, live: LiveReader): Promise<Map<string, SlotHolder[]>> {
  const limits = await live.api.filterTagLimits(live.options());
  const byTag = limits.map((limit) => ({ tag: String(limit.tag ?? ""), ids: textsOf(limit.active_slots) }));
  const ids = byTag.flatMap((one) => one.ids);
  const names = await readRunNames(ctx, live, "task_run", ids);
  return new Map(byTag.map(({ tag, ids }) => [tag, ids.map((id) => ({ id, name: names.get(id) ?? null }))]));
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((part) => typeof part === "string") : [];
}

/**
 * Runs that acquired slots of these global limits and have not released them, by limit id. This comes from events that the runs
 * send, so a killed run stays in the list until no slot of the limit is taken.
 */
export async function listGlobalHolders(
  ctx: QueryContext,
  limitIds: readonly string[],
): Promise<Map<string, SlotHolder[]>> {
  const holders = new Map<string, SlotHolder[]>();
  if (limitIds.length === 0) return holders;
  const id = limitIds.map((limitId) => resourceId("concurrency_limit", limitId));
  const filter = { event: { prefix: [eventPrefix("concurrency_limit")] }, resource: { id } };
  const sinceUs = addUs(serverNowUs(ctx), -DAY_US);
  const { events } = await listEvents(ctx, { filter, sinceUs, order: "desc", limit: 200 });
  const released = new Set(events.filter((event) => event.event.endsWith(".released")).map((event) => event.follows));
  for (const event of events) {
    if (!event.event.endsWith(".acquired") || released.has(event.id)) continue;
    const limitId = event.resource[RESOURCE_ID]?.split(".").at(-1) ?? "";
    const holder = runOf(event);
    const known = holders.get(limitId) ?? [];
    if (holder && !known.some((one) => one.id === holder.id)) holders.set(limitId, [...known, holder]);
  }
  return holders;
}

function runOf(event: PrefectEvent): SlotHolder | null {
  const run = event.related.find((one) => one[RESOURCE_ROLE] === "flow-run");
  const id = run?.[RESOURCE_ID]?.split(".").at(-1);
  return id ? { id, name: run?.[RESOURCE_NAME] ?? null } : null;
}
