/** A state is shown by its name, and by a colour beside it; never by the colour alone. */

/** Prefect's state types and the two names that this program counts by themselves. */
const GROUPS: Readonly<Record<string, string>> = {
  completed: "good",
  failed: "bad",
  crashed: "bad",
  cancelled: "off",
  cancelling: "off",
  running: "busy",
  pending: "wait",
  scheduled: "wait",
  paused: "wait",
  late: "late",
};

export function stateGroup(state: string): string {
  return GROUPS[state.toLowerCase()] ?? "off";
}

export function StateName({ name, type }: { name: string; type?: string | null }) {
  return <span class={`state ${stateGroup(type ?? name)}`}>{name}</span>;
}
