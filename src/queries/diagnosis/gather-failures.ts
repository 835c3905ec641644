/** Failed and crashed runs grouped by what went wrong. A log is read once for each group, not for each run. */

import { parseIsoUs } from "../../lib/time.ts";
import { errorFingerprint } from "../../model/error-fingerprint.ts";
import type { FlowRun } from "../../model/objects.ts";
import { parseStateMessage } from "../../model/traceback.ts";
import type { QueryContext } from "../context.ts";
import { errorOfRun } from "./error-of-run.ts";
import { readRunLog } from "./gather-log.ts";
import type { Trail } from "./trail.ts";
import type { FailureGroup, NamedRun } from "./types.ts";

const MOST_GROUPS = 5;

/** `ended`: newest first. Groups with the most runs first. */
export async function groupFailures(
  ctx: QueryContext,
  ended: readonly NamedRun[],
  trail: Trail,
): Promise<FailureGroup[]> {
  const groups = new Map<string, NamedRun[]>();
  for (const one of ended) {
    if (one.run.state_type !== "FAILED" && one.run.state_type !== "CRASHED") continue;
    const key = `${one.run.flow_id}|${stateFingerprint(one.run)}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const sorted = [...groups.values()].sort((a, b) => b.length - a.length || endUs(b[0]) - endUs(a[0]));
  return Promise.all(sorted.slice(0, MOST_GROUPS).map((runs) => groupOf(ctx, runs, ended, trail)));
}

/** From the state alone: its type, and the error's type and text without what varies. */
export function stateFingerprint(run: FlowRun): string {
  const message = run.state?.message ?? "";
  const told = parseStateMessage(message);
  return `${run.state_type}|${errorFingerprint({ type: told?.type ?? null, message: told?.message ?? message, frame: null })}`;
}

function endUs(one: NamedRun | undefined): number {
  return parseIsoUs(one?.run.end_time ?? one?.run.state?.timestamp ?? "") ?? 0;
}

async function groupOf(
  ctx: QueryContext,
  runs: readonly NamedRun[],
  ended: readonly NamedRun[],
  trail: Trail,
): Promise<FailureGroup> {
  const [newest] = runs;
  const logs = newest ? await readRunLog(ctx, newest.run, trail) : null;
  const error = newest ? errorOfRun(newest.run, [], logs ?? []) : null;
  const times = runs.map(endUs);
  const lastUs = Math.max(...times);
  const isOver = ended.some(
    (one) =>
      one.run.state_type === "COMPLETED" &&
      endUs(one) > lastUs &&
      (newest?.run.deployment_id
        ? one.run.deployment_id === newest.run.deployment_id
        : one.run.flow_id === newest?.run.flow_id),
  );
  const firstUs = Math.min(...times);
  const isNew = ended.some(
    (one) =>
      one.run.state_type === "COMPLETED" &&
      endUs(one) < firstUs &&
      one.run.flow_id === newest?.run.flow_id &&
      one.run.deployment_id === newest.run.deployment_id,
  );
  return { fingerprint: error?.fingerprint ?? "", runs, error, firstUs, lastUs, isOver, isNew };
}
