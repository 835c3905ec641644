/** New runs of a deployment. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/deployments.py */
import { isJsonObject } from "../../lib/exact-json.ts";
import { asName, counted, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import { formatIsoUs, type ServerUs } from "../../lib/time.ts";
import { fullName } from "../../model/objects/full-name.ts";
import type { FlowRun, JsonObject } from "../../model/objects.ts";
import type { PrefectWriter } from "../../prefect/write-api.ts";
import { resolveName } from "../../queries/names/names.ts";
import type { LiveReader } from "../../queries/source/live.ts";
import type { ChangePlan, PlanContext, Step, Target } from "../plan.ts";
import { backfillGrid, MAX_BACKFILL_RUNS } from "./backfill.ts";
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
  const keys = sets.map((_, index) => (asked.backfill === undefined ? firstKey : `${firstKey}-${index}`));
  const before = asked.idempotency_key === undefined ? [] : await readRunsOf(live, deployment, keys);
  const tags = [...new Set([...(asked.tags ?? []), CREATED_TAG])];
  const steps = sets.map((parameters, index): Step => {
    const key = keys[index] ?? firstKey;
    const state =
      asked.scheduledUs === null
        ? {}
        : { state: { type: "SCHEDULED", state_details: { scheduled_time: formatIsoUs(asked.scheduledUs) } } };
    const name = asked.name === undefined ? {} : { name: rows.length > 1 ? `${asked.name}-${index + 1}` : asked.name };
    const body: JsonObject = { parameters, tags, idempotency_key: key, ...state, ...name };
    return {
      request: { method: "POST", path: `/deployments/${found.id}/create_flow_run`, body },
      target: 0,
      judge: (answer) => ({ isAccepted: true, reason: reasonOf(before, answer) }),
      observe: async (reader, answer) => {
        const { created, ...seen } = await observeCreated(reader, answer, key);
        const isNew = created !== undefined && !before.some(({ id }) => id === created.id);
        return isNew ? { ...seen, created } : seen;
      },
    };
  });
  const target = targetOf(deployment, found.id, fullName(found.parent, String(deployment.name)));
  return {
    summary: sentence`Start ${counted(steps.length, "run")} of deployment ${asName(target.name)}.`,
    targets: [target],
    steps,
    notes: notesOn(deployment, before, asked, seed.nowUs),
    seen: [
      before.map(({ id }) => id),
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

/** The runs that have these keys. A key is of one flow: another flow may have a run with the same one. */
async function readRunsOf(live: LiveReader, { flow_id: flowId }: JsonObject, keys: string[]): Promise<FlowRun[]> {
  const body = { flow_runs: { idempotency_key: { any_: keys } }, sort: "ID_DESC", limit: MAX_BACKFILL_RUNS };
  const flows = typeof flowId === "string" ? { flows: { id: { any_: [flowId] } } } : {};
  return [...(await live.api.filterFlowRuns({ ...body, ...flows }, live.options()))];
}

function reasonOf(before: readonly FlowRun[], answer: unknown): string | null {
  const run = isJsonObject(answer) ? before.find(({ id }) => id === answer.id) : undefined;
  return run ? `no new run: ${run.name} (${run.id}) has this idempotency key` : null;
}

function notesOn(
  deployment: JsonObject,
  before: readonly FlowRun[],
  { scheduledUs }: DeploymentRuns,
  nowUs: ServerUs,
): Sentence[] {
  const notes: Sentence[] = [];
  if (deployment.paused === true)
    notes.push(own("The deployment is paused: its schedule rests, and this run starts nevertheless."));
  if (deployment.enforce_parameter_schema === false)
    notes.push(own("The deployment does not enforce its schema, so the parameters were not checked."));
  if (deployment.work_pool_name === null || deployment.work_pool_name === undefined)
    notes.push(own("The deployment has no work pool, so no worker will start the run."));
  else if (deployment.status === "NOT_READY")
    notes.push(own("No worker polls for this deployment now, so the run will wait."));
  if (scheduledUs !== null && scheduledUs < nowUs)
    notes.push(sentence`${formatIsoUs(scheduledUs)} has passed, so it starts as soon as a worker takes it.`);
  for (const run of before.slice(0, 5)) {
    const named = sentence`${asName(run.name)} (${asName(run.id)})`;
    notes.push(sentence`Run ${named} has this idempotency key: Prefect will answer with it and make no new one.`);
  }
  if (before.length > 5) notes.push(sentence`The same is true of ${counted(before.length - 5, "further run")}.`);
  return notes;
}
