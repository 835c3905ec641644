/** The colours of states, by meaning, in a browser and in a terminal. */

/** Prefect's state types and its names of states, in lower case: `prefect/states.py`, `prefect/server/schemas/states.py`. */
const GROUPS: Readonly<Record<string, string>> = {
  completed: "good",
  failed: "bad",
  crashed: "crash",
  cancelled: "off",
  cancelling: "off",
  running: "busy",
  pending: "wait",
  scheduled: "wait",
  paused: "wait",
  late: "late",
  retrying: "busy",
  resuming: "busy",
  awaitingretry: "wait",
  awaitingconcurrencyslot: "wait",
  submitting: "wait",
  infrastructurepending: "wait",
  suspended: "wait",
  cached: "good",
  timedout: "bad",
};

export function stateGroup(state: string): string {
  return GROUPS[state.toLowerCase()] ?? "off";
}
