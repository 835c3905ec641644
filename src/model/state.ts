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

const TERMINAL: ReadonlySet<string> = new Set(["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]);

/** Terminal is not final: a retry or a rollback can leave it. */
export function isTerminal(type: string | null): boolean {
  return type !== null && TERMINAL.has(type);
}

const TYPES: ReadonlySet<string> = new Set(STATE_TYPES);

export function isStateType(text: string | null): text is StateType {
  return text !== null && TYPES.has(text);
}
