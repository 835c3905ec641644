/** Asks Prefect for what a name or id may mean. */
import { AppError } from "../../errors.ts";
import { parseIsoUs } from "../../lib/time.ts";
import type { NamedKind } from "../../model/kinds.ts";
import type { JsonObject } from "../../model/objects.ts";
import { ROWS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";
import type { NamedRow } from "../../store/objects/names.ts";
import type { QueryContext } from "../source/context.ts";
import { openLive } from "../source/live.ts";

const MOST = 20;

interface Found {
  readonly id: string;
  readonly name: string;
  readonly start_time?: string | null;
  readonly expected_start_time?: string | null;
  readonly work_pool_name?: string | null;
}

/** Rows with this id (at most one). Saves them. */
export function readById(ctx: QueryContext, kind: NamedKind, id: string): Promise<NamedRow[]> {
  return read(ctx, kind, { id: { any_: [id] } }, undefined);
}

/** Rows of exactly this name, as Prefect spells it. `parent`: their flow or pool. */
export function readByName(ctx: QueryContext, kind: NamedKind, name: string, parent?: string): Promise<NamedRow[]> {
  return read(ctx, kind, { name: { any_: [name] } }, parent);
}

async function read(
  ctx: QueryContext,
  kind: NamedKind,
  filter: JsonObject,
  parent: string | undefined,
): Promise<NamedRow[]> {
  const rows = await readRows(ctx, kind, filter, parent);
  return rows
    .filter((row) => parent === undefined || kind !== "work_queue" || row.work_pool_name === parent)
    .map((row) => ({
      id: row.id,
      name: row.name,
      parent: parent ?? row.work_pool_name ?? null,
      beginUs: parseIsoUs(row.start_time ?? row.expected_start_time ?? "") ?? null,
      isDeleted: false,
    }));
}

async function readRows(
  ctx: QueryContext,
  kind: NamedKind,
  filter: JsonObject,
  parent: string | undefined,
): Promise<readonly Found[]> {
  const live = openLive(ctx);
  const { api, startedUs: readUs } = live;
  const options = live.options();
  const page = { limit: MOST };
  switch (kind) {
    case "flow_run": {
      const rows = await api.filterFlowRuns({ flow_runs: filter, sort: "START_TIME_DESC", ...page }, options);
      if (rows.length > 0) ctx.saveLive({ kind, rows, readUs });
      return rows;
    }
    case "task_run": {
      const rows = await api.filterTaskRuns({ task_runs: filter, sort: "EXPECTED_START_TIME_DESC", ...page }, options);
      if (rows.length > 0) ctx.saveLive({ kind, rows, readUs });
      return rows;
    }
    case "deployment": {
      const flows = parent === undefined ? {} : { flows: { name: { any_: [parent] } } };
      const rows = await api.filterDeployments({ deployments: filter, ...flows, ...page }, options);
      ctx.saveLive({ kind, rows, readUs, whole: false });
      return rows;
    }
    case "flow": {
      const rows = await api.filterFlows({ flows: filter, ...page }, options);
      ctx.saveLive({ kind, rows, readUs, whole: false });
      return rows;
    }
    case "work_pool": {
      const rows = await api.filterWorkPools({ work_pools: filter, ...page }, options);
      ctx.saveLive({ kind, rows, readUs, whole: false });
      return rows;
    }
    case "work_queue": {
      const rows = await api.filterWorkQueues({ work_queues: filter, limit: ROWS_PER_PAGE }, options);
      ctx.saveLive({ kind, rows, readUs, whole: false });
      return rows;
    }
    case "automation": {
      const rows = await api.filterAutomations({ automations: filter, ...page }, options);
      ctx.saveLive({ kind, rows, readUs, whole: false });
      return rows;
    }
    default:
      throw new AppError("internal", `no such kind: ${kind satisfies never}`);
  }
}
