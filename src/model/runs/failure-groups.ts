/** Failed runs by error, over flows and deployments. Pure. */
import { errorFingerprint } from "./error-fingerprint.ts";
import { parseStateMessage } from "./traceback.ts";

/** What of a flow run decides its group. */
export interface FailedRun {
  readonly id: string;
  readonly name: string;
  readonly flow_id: string;
  readonly parent_task_run_id?: string | null;
  readonly state_type?: string | null;
  readonly state?: { readonly message?: string | null } | null;
}

export interface RunGroup<T> {
  readonly key: string;
  readonly runs: readonly T[];
  /** Runs that failed because a subflow in `runs` failed. */
  readonly parents: readonly T[];
}

/** Shorter texts, such as the key of a KeyError, are equal by chance. */
const MIN_SHARED_CHARS = 12;

/**
 * Runs with one error are one group. A run that failed because a subflow of it failed belongs to the group of that subflow, as one of
 * its parents. `parentOf`: id of the flow run that the run is a subflow of.
 */
export function groupByRoot<T extends { readonly run: FailedRun }>(
  failed: readonly T[],
  parentOf: (run: T["run"]) => string | null,
  keyOf: (run: FailedRun) => string = failureKey,
): RunGroup<T>[] {
  const byId = new Map(failed.map((one) => [one.run.id, one]));
  const roots = new Map<string, string>();
  for (const child of failed) {
    const parent = byId.get(parentOf(child.run) ?? "");
    if (parent && failedBecauseOf(parent.run, child.run)) roots.set(parent.run.id, child.run.id);
  }
  const rootOf = (id: string): string => {
    let root = id;
    const seen = new Set<string>();
    for (let next = roots.get(root); next !== undefined && !seen.has(next); next = roots.get(root)) {
      seen.add(next);
      root = next;
    }
    return root;
  };
  const groups = new Map<string, { key: string; runs: T[]; parents: T[] }>();
  for (const one of failed) {
    const root = byId.get(rootOf(one.run.id)) ?? one;
    const key = keyOf(root.run);
    const group = groups.get(key) ?? { key, runs: [], parents: [] };
    groups.set(key, group);
    (root === one ? group.runs : group.parents).push(one);
  }
  return [...groups.values()];
}

/** The parent's error reports that of the child, or is the same. */
function failedBecauseOf(parent: FailedRun, child: FailedRun): boolean {
  const error = parseStateMessage(parent.state?.message ?? "");
  if (error === null) return true;
  if (/^(FailedRun|CrashedRun|UnfinishedRun|MissingResult)$/.test(error.type)) return true;
  const ofChild = parseStateMessage(child.state?.message ?? "");
  return error.message.includes(child.name) || (ofChild !== null && ofChild.type === error.type);
}

/** Runs of several flows belong together when their errors have the same type and the same long text. */
export function failureKey(run: FailedRun): string {
  const message = run.state?.message ?? "";
  const isShared = (parseStateMessage(message)?.message.length ?? 0) >= MIN_SHARED_CHARS;
  return isShared ? stateFingerprint(run) : `${run.flow_id}|${stateFingerprint(run)}`;
}

/** From the state alone: its type, and type and text of the error without numbers and ids that vary between runs. */
export function stateFingerprint(run: Pick<FailedRun, "state" | "state_type">): string {
  const message = run.state?.message ?? "";
  const exception = parseStateMessage(message);
  return `${run.state_type}|${errorFingerprint({ type: exception?.type ?? null, message: exception?.message ?? message, frame: null })}`;
}
