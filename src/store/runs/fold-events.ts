/** The fold: from state events to rows of runs, in the transaction that stores the events. */
import type { ServerUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { isLaterState, readStateChange, type StateChange } from "../../model/runs/fold.ts";
import type { RecordDb } from "../database.ts";
import { foldFlowRunChanges } from "./flow-runs.ts";
import { foldTaskRunChanges } from "./task-runs.ts";

/**
 * Folds the state events of a batch into flow runs and task runs; other events are ignored. `keys`: `event.t` of the
 * events, in the same order. Call it in the transaction that stores them. The order of arrival does not affect the
 * result. `aheadUs`: later stamps of Prefect were written before its clock was set back; null: unknown. Returns the ids
 * of the changed runs.
 */
export function foldRunEvents(
  db: RecordDb,
  events: readonly PrefectEvent[],
  keys: readonly number[],
  aheadUs: ServerUs | null = null,
): { flowRunIds: string[]; taskRunIds: string[] } {
  const flowRuns = new Map<string, StateChange[]>();
  const taskRuns = new Map<string, { change: StateChange; key: number }>();
  for (const [index, event] of events.entries()) {
    const change = readStateChange(event);
    if (change === null) continue;
    if (change.kind === "flow_run") {
      const list = flowRuns.get(change.runId);
      if (list) list.push(change);
      else flowRuns.set(change.runId, [change]);
      continue;
    }
    const newest = taskRuns.get(change.runId);
    if (!newest || isLaterState(change, newest.change)) taskRuns.set(change.runId, { change, key: keys[index] ?? 0 });
  }
  return { flowRunIds: foldFlowRunChanges(db, flowRuns, aheadUs), taskRunIds: foldTaskRunChanges(db, taskRuns) };
}
