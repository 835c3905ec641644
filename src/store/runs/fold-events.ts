/** The step from events to run rows, taken in the transaction that stored the events. */
import type { PrefectEvent } from "../../model/events/event.ts";
import { isLaterState, readStateChange, type StateChange } from "../../model/runs/fold.ts";
import type { RecordDb } from "../database.ts";
import { foldFlowRunChanges } from "./flow-runs.ts";
import { foldTaskRunChanges } from "./task-runs.ts";

/**
 * Folds the state events of a batch into flow runs and task runs; everything else in it is passed over. `keys` are the events'
 * `event.t`, same order. Call inside the transaction that stored them. Any order of arrival gives the same states.
 */
export function foldRunEvents(
  db: RecordDb,
  events: readonly PrefectEvent[],
  keys: readonly number[],
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
  return { flowRunIds: foldFlowRunChanges(db, flowRuns), taskRunIds: foldTaskRunChanges(db, taskRuns) };
}
