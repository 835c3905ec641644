/** The attempts of a run, from the states that it went through. */

import { stateGroup } from "../../state-group.ts";
import { listAt, textAt } from "../answers/read.ts";
import type { Structured } from "../connection/connection.ts";
import { msOf } from "./time.ts";

interface StateChange {
  readonly name: string;
  readonly at: string;
}

export interface Segment {
  readonly startMs: number;
  /** Null: it has not ended. */
  readonly endMs: number | null;
  readonly from: string;
  readonly to: string | null;
  /** Counts from 1; null while it waits for the next attempt. */
  readonly attempt: number | null;
  readonly group: string;
  /** How it ended, or that it has not. */
  readonly outcome: string;
}

const ACTIVE = ["Running", "Retrying", "Resuming"];
const RETRY = "AwaitingRetry";

/** Oldest first. States before the first attempt are left out. Without any attempt: none. */
export function segmentsOf(states: readonly StateChange[]): Segment[] {
  const segments: Segment[] = [];
  let attempt = 0;
  for (const [index, { name, at }] of states.entries()) {
    const isAttempt = ACTIVE.includes(name);
    const isWait = attempt > 0 && stateGroup(name) === "wait";
    if (!isAttempt && !isWait) continue;
    if (isAttempt) attempt += 1;
    const next = states[index + 1];
    const outcome = outcomeOf(name, next?.name, isAttempt);
    segments.push({
      startMs: msOf(at),
      endMs: next ? msOf(next.at) : null,
      from: at,
      to: next?.at ?? null,
      attempt: isAttempt ? attempt : null,
      ...outcome,
    });
  }
  return segments.filter(({ startMs, endMs }) => !Number.isNaN(startMs) && !Number.isNaN(endMs));
}

/** Prefect gives an attempt that is retried no state of its own: it goes on to wait, or to Retrying at once. */
function outcomeOf(name: string, next: string | undefined, isAttempt: boolean): Pick<Segment, "group" | "outcome"> {
  if (!isAttempt) return { group: "wait", outcome: name === RETRY ? "waits to be retried" : name };
  if (next === undefined) return { group: stateGroup(name), outcome: name };
  if (next === RETRY || next === "Retrying") return { group: "bad", outcome: "failed, retried" };
  return { group: stateGroup(next), outcome: next };
}

const TASK = "prefect.task-run.";

/** By the id of the task run. */
export function taskStates(events: Structured): ReadonlyMap<string, StateChange[]> {
  const states = new Map<string, StateChange[]>();
  for (const event of listAt(events, "events")) {
    const resource = textAt(event, "resource_id") ?? "";
    const name = textAt(event, "event") ?? "";
    const at = textAt(event, "occurred");
    if (!name.startsWith(TASK) || !resource.startsWith(TASK) || at === null) continue;
    const id = resource.slice(TASK.length);
    const held = states.get(id);
    const change = { name: name.slice(TASK.length), at };
    if (held) held.push(change);
    else states.set(id, [change]);
  }
  return states;
}

/** Of the run itself. */
export function runStates(entries: readonly Structured[]): StateChange[] {
  return entries
    .filter((entry) => textAt(entry, "kind") === "state" && textAt(entry, "of") === null)
    .map((entry) => ({ name: textAt(entry, "what") ?? "", at: textAt(entry, "time") ?? "" }));
}
