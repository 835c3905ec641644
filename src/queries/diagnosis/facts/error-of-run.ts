/** The error of a run, from its state message, its task runs and its log. Pure. */

import type { FlowRun, Log, TaskRun } from "../../../model/objects.ts";
import {
  parseStateMessage,
  parseTraceback,
  type RaisedException,
  type Traceback,
} from "../../../model/runs/traceback.ts";
import { isFailed } from "../../../model/state.ts";
import type { RunError } from "../findings/types.ts";

const ERROR_LEVEL = 40;
/** Log lines in which Prefect's engines repeat an exception that they also log as a traceback. */
const ENGINE_LINE =
  /^(Encountered exception during|Task run failed with exception|Finished in state|Engine execution (exited|of flow run)|Flow run encountered|Task run encountered|Crash detected|Process for flow run|Process \d+ exited|Reported flow run)/;

/** Null when neither state, task runs nor log show an error. */
export function errorOfRun(run: FlowRun, tasks: readonly TaskRun[], logs: readonly Log[]): RunError | null {
  const errors = logs.filter((log) => log.level >= ERROR_LEVEL);
  const tracebacks = errors.flatMap((log) => {
    const traceback = parseTraceback(log.message);
    return traceback ? [{ log, traceback }] : [];
  });
  const ofState = parseStateMessage(run.state?.message ?? "");
  const chosen = chooseTraceback(tracebacks, ofState?.type ?? null);
  const raised: RaisedException | null = chosen ? deepest(chosen.traceback) : null;
  const failed = tasks.filter((task) => isFailed(task.state_type));
  const task =
    failed.find((one) => one.id === chosen?.log.task_run_id) ??
    failed.find((one) => raised !== null && (one.state?.message ?? "").includes(raised.message.split("\n")[0] ?? "")) ??
    failed[0] ??
    null;
  const exception = raised ?? ofState ?? parseStateMessage(task?.state?.message ?? "");
  const message = exception?.message ?? run.state?.message ?? "";
  const lines = errors.filter((log) => !ENGINE_LINE.test(log.message) && !parseTraceback(log.message));
  if (!exception && lines.length === 0 && !isFailed(run.state_type)) return null;
  const frame = raised?.userFrame ?? null;
  const type = exception?.type ?? null;
  return {
    type,
    message,
    frame,
    lines,
    task,
  };
}

/**
 * A traceback of the exception that the state names. Task, flow and engine log the same one: the task's is preferred, else the
 * last.
 */
function chooseTraceback(
  found: readonly { log: Log; traceback: Traceback }[],
  type: string | null,
): { log: Log; traceback: Traceback } | null {
  const ofType = found.filter(({ traceback }) => traceback.exceptions.some((one) => one.type === type));
  const candidates = ofType.length > 0 ? ofType : found;
  return (
    candidates.find(({ log, traceback }) => log.task_run_id && traceback.raised.userFrame) ?? candidates.at(-1) ?? null
  );
}

/** The first exception of a chain where its frame is user code, else the exception that was raised last. */
function deepest(traceback: Traceback): RaisedException {
  return traceback.root.userFrame ? traceback.root : traceback.raised;
}
