import { stateGroup } from "../../state-group.ts";

/** A state is shown by its name, and by a colour beside it; never by the colour alone. */

export function StateName({ name, type }: { name: string; type?: string | null }) {
  return <span class={`state ${stateGroup(type ?? name)}`}>{name}</span>;
}
