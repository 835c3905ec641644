/**
 * Who holds the slots of concurrency limits. Prefect's names tell the kind: `deployment:{id}`, `tag:{tag}`, anything else
 * is a global limit. Only tag limits have a route that names their holders (checked on Prefect 3.8.8).
 */
import { DAY_US } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { RESOURCE_ID, RESOURCE_NAME, RESOURCE_ROLE } from "../../model/events/event.ts";
import type { ConcurrencyLimit } from "../../model/objects.ts";
import { ROWS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";
import type { RecordDb } from "../../store/database.ts";
import { type ActiveRun, findRunningTaskRunTags } from "../../store/runs/active-runs.ts";
import { findRunNames } from "../../store/runs/run-tree.ts";
import { listEvents } from "../events/events.ts";
import type { QueryContext } from "../source/context.ts";
import { serverNowUs } from "../source/freshness.ts";
import type { LiveReader } from "../source/live.ts";
import type { SlotHolder } from "./pool-slots.ts";

export type LimitKind = "deployment" | "tag" | "global";

/** Kind of a limit and what it limits: a deployment's id, a tag, or the limit's own name. */
export function limitSubject(limit: Pick<ConcurrencyLimit, "name">): { kind: LimitKind; key: string } {
  if (limit.name.startsWith("deployment:")) return { kind: "deployment", key: limit.name.slice("deployment:".length) };
  if (limit.name.startsWith("tag:")) return { kind: "tag", key: limit.name.slice("tag:".length) };
  return { kind: "global", key: limit.name };
}

/** Holders of a deployment's slots among the active runs. */
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
  const state = { type: { any_: ["PENDING", "RUNNING", "CANCELLING"] } };
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

/** Task runs RUNNING with a tag, by tag, from the record: they hold the tag's slots. */
export function findTagHolders(db: RecordDb): Map<string, SlotHolder[]> {
  const holders = new Map<string, SlotHolder[]>();
  for (const { id, name, tag } of findRunningTaskRunTags(db))
    holders.set(tag, [...(holders.get(tag) ?? []), { id, name }]);
  return holders;
}

/** The same from Prefect's own list of holding task runs; names from the record, the rest in one request. */
export async function readTagHolders(ctx: QueryContext, live: LiveReader): Promise<Map<string, SlotHolder[]>> {
  const limits = await live.api.filterTagLimits(live.options());
  const held = limits.map((limit) => ({ tag: String(limit.tag ?? ""), ids: textsOf(limit.active_slots) }));
  const ids = [...new Set(held.flatMap((one) => one.ids))];
  const db = ctx.record();
  const names = db ? findRunNames(db, "task_run", ids) : new Map<string, string>();
  const unknown = ids.filter((id) => !names.has(id)).slice(0, ROWS_PER_PAGE);
  if (unknown.length > 0) {
    const rows = await live.api.filterTaskRuns(
      { task_runs: { id: { any_: unknown } }, limit: ROWS_PER_PAGE },
      live.options(),
    );
    for (const row of rows) names.set(row.id, row.name);
  }
  return new Map(held.map(({ tag, ids }) => [tag, ids.map((id) => ({ id, name: names.get(id) ?? null }))]));
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((part) => typeof part === "string") : [];
}

/**
 * Runs that acquired slots of these global limits and have not released them, by limit id: told by the client's events,
 * so a killed run stays in the list until the limit itself counts nothing.
 */
export async function listGlobalHolders(
  ctx: QueryContext,
  limitIds: readonly string[],
): Promise<Map<string, SlotHolder[]>> {
  const holders = new Map<string, SlotHolder[]>();
  if (limitIds.length === 0) return holders;
  const id = limitIds.map((limitId) => `prefect.concurrency-limit.${limitId}`);
  const filter = { event: { prefix: ["prefect.concurrency-limit."] }, resource: { id } };
  const sinceUs = serverNowUs(ctx) - DAY_US;
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
