/** Names of states in arguments: which are meant, and which are misspelt. */
import { AppError } from "../../errors.ts";
import { asName, asNames, quote, type Sentence, sentence } from "../../lib/shown-text.ts";
import { closest } from "../../lib/similar.ts";
import type { RunKind } from "../../model/kinds.ts";
import type { JsonObject } from "../../model/objects.ts";
import { STATE_TYPES } from "../../model/state.ts";
import type { RecordDb } from "../../store/database.ts";
import { hasStateName } from "../../store/objects/names.ts";

/** Names of states that Prefect itself sets. Flows may set others. */
const STATE_NAMES = [
  "Late",
  "AwaitingRetry",
  "AwaitingConcurrencySlot",
  "Resuming",
  "Submitting",
  "InfrastructurePending",
  "NotReady",
  "Retrying",
  "Suspended",
  "Cached",
  "RolledBack",
  "TimedOut",
];

/** Types and names of states, any of which matches: `FAILED`, `late`, `["CRASHED", "Late"]`. */
export function stateCriterion(states: readonly string[]): JsonObject {
  const types: string[] = [];
  const names: string[] = [];
  for (const state of states.flatMap((text) => text.split(",")).map((text) => text.trim())) {
    if (state === "") continue;
    const type = STATE_TYPES.find((one) => one === state.toUpperCase());
    if (type) types.push(type);
    else
      names.push(STATE_NAMES.find((one) => one.toLowerCase() === state.replace(/[\s_-]/g, "").toLowerCase()) ?? state);
  }
  if (types.length + names.length === 0) {
    throw new AppError("invalid_input", "state is empty", {
      hint: sentence`State types: ${asNames(STATE_TYPES)}; or a name such as Late.`,
    });
  }
  return {
    ...(types.length > 0 && names.length > 0 ? { operator: "or_" } : {}),
    ...(types.length > 0 ? { type: { any_: types } } : {}),
    ...(names.length > 0 ? { name: { any_: names } } : {}),
  };
}

const TYPE_NAMES = STATE_TYPES.map((type) => `${type.slice(0, 1)}${type.slice(1).toLowerCase()}`);
/** Words of other systems for Prefect's states. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  success: "Completed",
  successful: "Completed",
  succeeded: "Completed",
  error: "Failed",
};

/** A state that neither Prefect nor any recorded or shown run has, and the one that is probably meant. */
export interface UnknownState {
  readonly name: string;
  readonly near: string | undefined;
}

/** The names of a filter's state criterion that are unknown. */
export function unknownStates(
  db: RecordDb | null,
  table: RunKind,
  filter: unknown,
  shown: readonly (string | null)[],
): UnknownState[] {
  const { state } = (filter ?? {}) as { state?: { name?: { any_?: readonly string[] | null } | null } | null };
  const known: ReadonlySet<string | null> = new Set([...TYPE_NAMES, ...STATE_NAMES, ...shown]);
  const unknown = (state?.name?.any_ ?? []).filter(
    (name) => !known.has(name) && !(db && hasStateName(db, table, name)),
  );
  return unknown.map((name) => ({ name, near: nearState(name) }));
}

/** In capitals where the given name is. */
function nearState(name: string): string | undefined {
  const near = OTHER_WORDS[name.toLowerCase()] ?? closest(name.slice(0, 100), [...TYPE_NAMES, ...STATE_NAMES], 1)[0];
  const isCapital = name === name.toUpperCase() && name !== near?.toUpperCase();
  return isCapital ? near?.toUpperCase() : near;
}

/**
 * Notes about state names in a filter that are neither Prefect's own nor those of any recorded or shown run. They are no errors,
 * since a flow may return a state of any name.
 */
export function stateNotes(
  db: RecordDb | null,
  table: RunKind,
  filter: unknown,
  shown: readonly (string | null)[],
): Sentence[] {
  return unknownStates(db, table, filter, shown).map(unknownStateText);
}

export function unknownStateText({ name, near }: UnknownState): Sentence {
  const meant = near ? sentence`; did you mean ${asName(near)}?` : ".";
  return sentence`No recorded run has a state ${quote(name)}, and it is none of Prefect's own${meant}`;
}

/** Prefect's event of a state: `prefect.flow-run.` and the name of the state. */
const STATE_EVENT = /^prefect\.(?:flow|task)-run\.(?<state>[^.*]+)/;

/** The state that is probably meant by the prefix of an event's name, which begins the name of no state: `prefect.flow-run.Complted`. */
export function misspeltStateEvent(prefix: string): UnknownState | null {
  const name = STATE_EVENT.exec(prefix)?.groups?.state;
  if (name === undefined || [...TYPE_NAMES, ...STATE_NAMES, ...OTHER_RUN_EVENTS].some((one) => one.startsWith(name)))
    return null;
  const near = nearState(name);
  return near === undefined ? null : { name, near };
}

/** https://github.com/PrefectHQ/prefect/blob/3.8.8/src/prefect/deployments/steps/core.py and `flow_engine.py` */
const OTHER_RUN_EVENTS = ["heartbeat", "pull-step"];
