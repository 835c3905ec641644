/** Names of objects by id: from recorded lists, otherwise from recorded events, otherwise from Prefect. */
import { KINDS, resourceId } from "../../model/kinds.ts";
import { fullName } from "../../model/objects/full-name.ts";
import type { SnapshotKind } from "../../model/objects.ts";
import { ROWS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";
import type { RecordDb } from "../../store/database.ts";
import { findResourceName } from "../../store/objects/names.ts";
import { findFullNames, findObjectNames } from "../../store/objects/objects.ts";
import { findFlowRunRow, toFlowRun } from "../../store/runs/flow-runs.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";
import { saveObjects } from "../source/save-objects.ts";

/** Names by id, as far as they are recorded. */
export function findRecordedNames(
  db: RecordDb | null,
  kind: SnapshotKind,
  ids: Iterable<string | null | undefined>,
): Map<string, string> {
  const wanted = [...new Set(ids)].filter((id): id is string => typeof id === "string" && id !== "");
  if (!db || wanted.length === 0) return new Map();
  const names = findObjectNames(db, kind, wanted);
  for (const id of wanted) {
    if (names.has(id)) continue;
    const name = findResourceName(db, resourceId(kind, id))?.name;
    if (name) names.set(id, name);
  }
  return names;
}

/** What a flow run belongs to. */
export interface OwnerNames {
  readonly flow?: string;
  /** `flow/deployment` */
  readonly deployment?: string;
}

/** The flow and the deployment of a run, as far as their names are recorded. */
export function recordedOwner(
  db: RecordDb | null,
  { flow_id, deployment_id }: { readonly flow_id?: string | null; readonly deployment_id?: string | null },
): OwnerNames {
  const flow = findRecordedNames(db, "flow", [flow_id]).get(flow_id ?? "");
  const deployment = findRecordedNames(db, "deployment", [deployment_id]).get(deployment_id ?? "");
  return {
    ...(flow === undefined ? {} : { flow }),
    ...(deployment === undefined ? {} : { deployment: fullName(flow, deployment) }),
  };
}

/** The same by the id of the run. */
export function recordedOwnerOf(db: RecordDb | null, flowRunId: string): OwnerNames {
  const row = db && findFlowRunRow(db, flowRunId);
  return row ? recordedOwner(db, toFlowRun({ ...row, doc: null })) : {};
}

/** In one text: `flow/deployment`, or the flow of a run without a deployment; null where neither is recorded. */
export function ownerName({ flow, deployment }: OwnerNames): string | null {
  return deployment ?? flow ?? null;
}

/** Names by id. Those that are not recorded are read from Prefect in one request and saved. */
export async function readObjectNames(
  ctx: QueryContext,
  live: LiveReader,
  kind: "flow" | "deployment",
  ids: Iterable<string | null | undefined>,
): Promise<Map<string, string>> {
  const wanted = [...new Set(ids)].filter((id): id is string => typeof id === "string" && id !== "");
  const names = findRecordedNames(ctx.record(), kind, wanted);
  const unknown = wanted.filter((id) => !names.has(id)).slice(0, ROWS_PER_PAGE);
  if (unknown.length === 0) return names;
  const body = { [KINDS[kind].filterKey]: { id: { any_: unknown } }, limit: ROWS_PER_PAGE };
  const rows = await live.api.filterObjects(kind, body, live.options());
  saveObjects(ctx, kind, rows, live.startedUs, false);
  for (const row of rows) names.set(row.id, row.name);
  return names;
}

/** `flow/deployment` by id. What is not recorded is read from Prefect in two requests and saved. */
export async function readDeploymentNames(
  ctx: QueryContext,
  live: LiveReader,
  ids: readonly string[],
): Promise<Map<string, string>> {
  const db = ctx.record();
  const names = db ? findFullNames(db, "deployment", ids) : new Map<string, string>();
  const unknown = ids.filter((id) => !names.get(id)?.includes("/")).slice(0, ROWS_PER_PAGE);
  if (unknown.length === 0) return names;
  const body = { deployments: { id: { any_: unknown } }, limit: ROWS_PER_PAGE };
  const rows = await live.api.filterObjects("deployment", body, live.options());
  saveObjects(ctx, "deployment", rows, live.startedUs, false);
  const flowIds = rows.map((row) => row.flow_id);
  const flows = await readObjectNames(ctx, live, "flow", flowIds);
  for (const { id, name, flow_id } of rows) {
    const flow = flows.get(flow_id);
    names.set(id, fullName(flow, name));
  }
  return names;
}
