/** What changed between the last good run and the first bad one: fields of the two runs, and leads to what else may have changed. */
import { isSameJson } from "../../../lib/exact-json.ts";
import { asName, joined, quoteJson, type Sentence, sentence } from "../../../lib/shown-text.ts";
import { parseIsoUs } from "../../../lib/time.ts";
import type { FlowRun } from "../../../model/objects.ts";
import { stateFingerprint } from "../../../model/runs/failure-groups.ts";
import { isFailed } from "../../../model/state.ts";
import type { Lead, RunFacts } from "./types.ts";
import { deploymentOfRun } from "./wording.ts";

/** What differs from the last completed run: each parameter, versions, pool and queue. */
export function differences(run: RunFacts): Record<string, { from: unknown; to: unknown }> {
  const lastCompleted = run.history.find((one) => one.state_type === "COMPLETED");
  if (!lastCompleted) return {};
  const changes: Record<string, { from: unknown; to: unknown }> = {};
  const before = lastCompleted.parameters ?? {};
  const after = run.run.parameters ?? {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!isSameJson(before[key], after[key]))
      changes[`parameters.${key}`] = { from: before[key] ?? null, to: after[key] ?? null };
  }
  for (const key of ["deployment_version", "flow_version", "work_pool_name", "work_queue_name"] as const) {
    if ((lastCompleted[key] ?? null) !== (run.run[key] ?? null))
      changes[key] = { from: lastCompleted[key] ?? null, to: run.run[key] ?? null };
  }
  return changes;
}

/** To the changes between the last good run and the first bad one: see `leadsBetween`. */
export function changeLeads(run: RunFacts | null): Lead[] {
  const at = run?.history.findIndex((one) => one.state_type === "COMPLETED") ?? -1;
  const good = run?.history[at];
  if (!run || !good) return [];
  const print = stateFingerprint(run.run);
  const failedBefore = run.history
    .slice(0, at)
    .findLast((one) => isFailed(one.state_type) && stateFingerprint(one) === print);
  return leadsBetween(good, run, failedBefore ?? run.run);
}

/** Of the deployment, of its work pool, of the worker with its version of Prefect, of blocks, variables and automations. */
export function leadsBetween(good: FlowRun, run: RunFacts, firstBad: FlowRun): Lead[] {
  const changedAfterUs = parseIsoUs(good.start_time ?? good.end_time ?? "");
  const id = run.run.deployment_id;
  if (!id || changedAfterUs === undefined) return [];
  const changedBeforeUs = parseIsoUs(firstBad.end_time ?? firstBad.state?.timestamp ?? "");
  const range = { changedAfterUs, ...(changedBeforeUs === undefined ? {} : { changedBeforeUs }) };
  const { name, work_pool_id, work_pool_name } = run.run;
  const bad = run.run.id;
  const pool = work_pool_id ?? run.pool?.pool.id;
  return [
    { kind: "deployment", id, name: deploymentOfRun(run) ?? id, ...range },
    ...(pool
      ? [{ kind: "work_pool" as const, id: pool, name: work_pool_name ?? pool, ...range, fields: OF_POOL }]
      : []),
    { kind: "worker", id: bad, name, ...range, runs: { bad: firstBad.id, good: good.id } },
    { kind: "block_document", id: bad, name, ...range },
    { kind: "variable", id: bad, name, ...range },
    { kind: "automation", id: bad, name, ...range },
  ];
}

/** What of a work pool reaches the runs in it. */
const OF_POOL = ["base_job_template", "type", "storage_configuration"];

export function changeText(changes: Record<string, { from: unknown; to: unknown }>): Sentence | "" {
  const entries = Object.entries(changes).slice(0, 3);
  if (entries.length === 0) return "";
  const each = entries.map(
    ([key, { from, to }]) =>
      sentence`${asName(key.replace(/^parameters\./, ""))} ${quoteJson(from, 60)} → ${quoteJson(to, 60)}`,
  );
  return sentence` Changed since the last completed run: ${joined(each, ", ")}.`;
}
