/** Prefect's state types. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/states.py */
export const STATE_TYPES = [
  "SCHEDULED",
  "PENDING",
  "RUNNING",
  "COMPLETED",
  "FAILED",
  "CANCELLED",
  "CRASHED",
  "PAUSED",
  "CANCELLING",
] as const;
export type StateType = (typeof STATE_TYPES)[number];

export const TERMINAL_TYPES = ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"] as const satisfies readonly StateType[];
const TERMINAL: ReadonlySet<string> = new Set(TERMINAL_TYPES);

/** A run can still leave a terminal state, by a retry or a rollback. */
export function isTerminal(type: string | null): boolean {
  return type !== null && TERMINAL.has(type);
}

/** State types of runs that have not ended. */
export const UNFINISHED_TYPES: readonly StateType[] = STATE_TYPES.filter((type) => !TERMINAL.has(type));

/** State types of runs that may hold slots of concurrency limits. */
export const ACTIVE_TYPES = ["PENDING", "RUNNING", "CANCELLING"] as const satisfies readonly StateType[];

/** State types of runs that hold slots of work pools and queues. */
export const HOLDING_TYPES = ["PENDING", "RUNNING"] as const satisfies readonly StateType[];

/** State types of runs that ended with an error. */
export const FAILED_TYPES = ["FAILED", "CRASHED"] as const satisfies readonly StateType[];

export function isFailed(type: string | null | undefined): boolean {
  return type === "FAILED" || type === "CRASHED";
}

const TYPES: ReadonlySet<string> = new Set(STATE_TYPES);

export function isStateType(text: string | null): text is StateType {
  return text !== null && TYPES.has(text);
}
