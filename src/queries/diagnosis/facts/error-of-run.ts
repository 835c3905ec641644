/** The error of a run, from its state message, its task runs and its log. Pure. */

import type { FlowRun, Log, TaskRun } from "../../../model/objects.ts";
import { errorFingerprint } from "../../../model/runs/error-fingerprint.ts";
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
  const failed = tasks.filter((task) => isFailed(task.state_type)).toSorted(byEnd);
  const ofTasks = failed.flatMap((task) => {
    const error = parseStateMessage(task.state?.message ?? "");
    return error ? [{ task, error }] : [];
  });
  const isWrapped = ofState !== null && WRAPPER.test(ofState.type);
  const inner = isWrapped ? tracebacks.filter((one) => !WRAPPER.test(one.traceback.raised.type)) : tracebacks;
  const innerTask = isWrapped ? ofTasks.find(({ error }) => !WRAPPER.test(error.type)) : undefined;
  const usable = inner.length > 0 || innerTask ? inner : tracebacks;
  const chosen = chooseTraceback(usable, isWrapped ? (innerTask?.error.type ?? null) : (ofState?.type ?? null));
  const raised: RaisedException | null = chosen ? deepest(chosen.traceback) : null;
  const task =
    failed.find((one) => one.id === chosen?.log.task_run_id) ??
    failed.find((one) => raised !== null && (one.state?.message ?? "").includes(raised.message.split("\n")[0] ?? "")) ??
    innerTask?.task ??
    failed[0] ??
    null;
  const exception = raised ?? innerTask?.error ?? ofState ?? parseStateMessage(task?.state?.message ?? "");
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
    others: otherErrors(ofTasks, type, message),
  };
}

/** Raised where the result of another run is asked for: they say that it failed, not why. */
const WRAPPER = /^(UnfinishedRun|FailedRun|CrashedRun|CancelledRun|MissingResult)$/;

function byEnd(a: TaskRun, b: TaskRun): number {
  return (a.end_time ?? a.state?.timestamp ?? "").localeCompare(b.end_time ?? b.state?.timestamp ?? "");
}

/** Failed tasks whose error differs from the one that the finding reports, each error once. */
function otherErrors(
  failed: readonly { readonly task: TaskRun; readonly error: { readonly type: string; readonly message: string } }[],
  type: string | null,
  message: string,
): RunError["others"] {
  const print = (error: { type: string | null; message: string }) => errorFingerprint({ ...error, frame: null });
  const known = new Set([print({ type, message })]);
  return failed.flatMap(({ task, error }) => {
    if (WRAPPER.test(error.type) || known.has(print(error))) return [];
    known.add(print(error));
    return [{ task: task.name, taskId: task.id, ...error }];
  });
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
