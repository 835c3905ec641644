/** Objects that Prefect has of a name or id. */
import { parseIsoUs } from "../../lib/time.ts";
import { KINDS, type NamedKind, nameOf } from "../../model/kinds.ts";
import type { JsonObject } from "../../model/objects.ts";
import { ROWS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";
import type { NamedRow } from "../../store/objects/names.ts";
import type { QueryContext } from "../source/context.ts";
import { openLive } from "../source/live.ts";
import { saveObjects } from "../source/save-objects.ts";
import { readObjectNames } from "./object-names.ts";

const MAX_ROWS = 20;

interface Found {
  readonly id: string;
  readonly start_time?: string | null;
  readonly expected_start_time?: string | null;
  readonly work_pool_name?: string | null;
  readonly flow_id?: string | null;
}

/** The row with this id, if any. Saves it. */
export function readById(ctx: QueryContext, kind: NamedKind, id: string): Promise<NamedRow[]> {
  return read(ctx, kind, { id: { any_: [id] } }, undefined);
}

/** Rows of exactly this name, if one is given. `parent`: the name of their flow or work pool. Saves them. */
export function readByName(ctx: QueryContext, kind: NamedKind, name?: string, parent?: string): Promise<NamedRow[]> {
  return read(ctx, kind, name === undefined ? {} : { [KINDS[kind].nameField]: { any_: [name] } }, parent);
}

async function read(
  ctx: QueryContext,
  kind: NamedKind,
  filter: JsonObject,
  parent: string | undefined,
): Promise<NamedRow[]> {
  const rows = await readRows(ctx, kind, filter, parent);
  const flows = await flowsOf(ctx, kind, parent === undefined ? rows : []);
  const parentOf = (row: Found) => (kind === "deployment" ? flows.get(row.flow_id ?? "") : row.work_pool_name);
  return rows
    .filter((row) => parent === undefined || kind !== "work_queue" || row.work_pool_name === parent)
    .map((row) => ({
      id: row.id,
      name: nameOf(kind, row),
      parent: parent ?? parentOf(row) ?? null,
      beginUs: parseIsoUs(row.start_time ?? row.expected_start_time ?? "") ?? null,
      isDeleted: false,
    }));
}

/** Names of the flows of deployments, which their documents do not contain. */
async function flowsOf(ctx: QueryContext, kind: NamedKind, rows: readonly Found[]): Promise<Map<string, string>> {
  if (kind !== "deployment" || rows.length === 0) return new Map();
  return readObjectNames(
    ctx,
    openLive(ctx),
    "flow",
    rows.map((row) => row.flow_id),
  );
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
  if (kind === "flow_run") {
    const body = { flow_runs: filter, sort: "START_TIME_DESC", limit: MAX_ROWS };
    const rows = await api.filterFlowRuns(body, options);
    if (rows.length > 0) ctx.saveLive({ kind, rows, readUs });
    return rows;
  }
  if (kind === "task_run") {
    const body = { task_runs: filter, sort: "EXPECTED_START_TIME_DESC", limit: MAX_ROWS };
    const rows = await api.filterTaskRuns(body, options);
    if (rows.length > 0) ctx.saveLive({ kind, rows, readUs });
    return rows;
  }
  const flows = kind === "deployment" && parent !== undefined ? { flows: { name: { any_: [parent] } } } : {};
  // The route of work queues has its own key for their filter, and no filter by pool.
  const own =
    kind === "work_queue"
      ? { key: "work_queues", limit: ROWS_PER_PAGE }
      : { key: KINDS[kind].filterKey, limit: MAX_ROWS };
  const rows = await api.filterObjects(kind, { [own.key]: filter, ...flows, limit: own.limit }, options);
  saveObjects(ctx, kind, rows, readUs, false);
  return rows;
}
