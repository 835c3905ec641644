/** New runs of a deployment. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/deployments.py */
import { isJsonObject } from "../../lib/exact-json.ts";
import { asName, counted, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import { formatIsoUs, type ServerUs } from "../../lib/time.ts";
import { fullName } from "../../model/objects/full-name.ts";
import type { JsonObject } from "../../model/objects.ts";
import type { PrefectWriter } from "../../prefect/write-api.ts";
import { resolveName } from "../../queries/names/names.ts";
import type { ChangePlan, PlanContext, Step, Target } from "../plan.ts";
import { backfillGrid } from "./backfill.ts";
import { checkParameters } from "./parameters.ts";
import { CREATED_TAG, observeCreated } from "./runs.ts";

export interface DeploymentRuns {
  readonly deployment: string;
  readonly parameters?: JsonObject | undefined;
  readonly backfill?: JsonObject | undefined;
  readonly limit?: number | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly name?: string | undefined;
  /** Null: now. */
  readonly scheduledUs: ServerUs | null;
  readonly idempotency_key?: string | undefined;
}

export async function planDeploymentRuns(
  ctx: PlanContext,
  asked: DeploymentRuns,
  writer: PrefectWriter,
): Promise<ChangePlan> {
  const { query, live, seed } = ctx;
  const found = await resolveName(query, "deployment", asked.deployment);
  const deployment = await writer.readForCopy(`/deployments/${found.id}`, live.options());
  const defaults = isJsonObject(deployment.parameters) ? (deployment.parameters as JsonObject) : {};
  const given = asked.parameters ?? {};
  const rows = asked.backfill === undefined ? [{}] : backfillGrid(asked.backfill, asked.limit);
  const sets = rows.map((row) => ({ ...given, ...row }));
  for (const parameters of sets) await checkParameters(deployment, defaults, parameters);
  const firstKey = asked.idempotency_key ?? `${CREATED_TAG}-${seed.id}`;
  const tags = [...new Set([...(asked.tags ?? []), CREATED_TAG])];
  const steps = sets.map((parameters, index): Step => {
    const key = asked.backfill === undefined ? firstKey : `${firstKey}-${index}`;
    const state =
      asked.scheduledUs === null
        ? {}
        : { state: { type: "SCHEDULED", state_details: { scheduled_time: formatIsoUs(asked.scheduledUs) } } };
    const name = asked.name === undefined ? {} : { name: rows.length > 1 ? `${asked.name}-${index + 1}` : asked.name };
    const body: JsonObject = { parameters, tags, idempotency_key: key, ...state, ...name };
    return {
      request: { method: "POST", path: `/deployments/${found.id}/create_flow_run`, body },
      target: 0,
      observe: (reader, answer) => observeCreated(reader, answer, key),
    };
  });
  const target = targetOf(deployment, found.id, fullName(found.parent, String(deployment.name)));
  return {
    summary: sentence`Start ${counted(steps.length, "run")} of deployment ${asName(target.name)}.`,
    targets: [target],
    steps,
    notes: await notesOn(ctx, deployment, asked),
    seen: [
      deployment.paused ?? null,
      deployment.version ?? null,
      deployment.version_id ?? null,
      deployment.parameters ?? null,
      deployment.work_pool_name ?? null,
      deployment.entrypoint ?? null,
    ],
  };
}

function targetOf(deployment: JsonObject, id: string, name: string): Target {
  const { paused, status, work_pool_name: pool } = deployment;
  const state = paused === true ? "paused" : String(status ?? "unknown");
  return { kind: "deployment", id, name, state, ...(typeof pool === "string" ? { work_pool: pool } : {}) };
}

async function notesOn(
  { live }: PlanContext,
  deployment: JsonObject,
  { idempotency_key: key }: DeploymentRuns,
): Promise<Sentence[]> {
  const notes: Sentence[] = [];
  if (deployment.paused === true)
    notes.push(own("The deployment is paused: its schedule rests, and this run starts nevertheless."));
  if (deployment.enforce_parameter_schema === false)
    notes.push(own("The deployment does not enforce its schema, so the parameters were not checked."));
  if (deployment.work_pool_name === null || deployment.work_pool_name === undefined)
    notes.push(own("The deployment has no work pool, so no worker will start the run."));
  else if (deployment.status === "NOT_READY")
    notes.push(own("No worker polls for this deployment now, so the run will wait."));
  if (key !== undefined) {
    const [before] = await live.api.filterFlowRuns(
      { flow_runs: { idempotency_key: { any_: [key] } }, limit: 1 },
      live.options(),
    );
    if (before)
      notes.push(
        sentence`Run ${asName(before.name)} (${asName(before.id)}) has this idempotency key: Prefect will answer with it and make no new one.`,
      );
  }
  return notes;
}
