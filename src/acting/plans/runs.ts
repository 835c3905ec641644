/** What plans about flow runs share: attribution, states, and how a run is observed. */
import { isJsonObject } from "../../lib/exact-json.ts";
import type { FlowRun, JsonObject, State } from "../../model/objects.ts";
import { isTerminal } from "../../model/state.ts";
import type { LiveReader } from "../../queries/source/live.ts";
import type { Judgement, Observation, Seed, Target } from "../plan.ts";

/** Tag of every run that is created here. */
export const CREATED_TAG = "prefect-mcp-bun";

/**
 * The message of a state that is set here. It names the change, so that a state can be recognised as set by it even when Prefect's
 * answer was lost.
 */
export function stateMessage(what: string, seed: Seed, note: string | undefined): string {
  const said = note === undefined || note.trim() === "" ? "" : `: ${note.trim()}`;
  return `${what} through prefect-mcp-bun (change ${changeMark(seed)})${said}`;
}

function changeMark({ id }: Seed): string {
  return id.slice(0, 12);
}

export function runTarget(run: FlowRun): Target {
  const since = run.state?.timestamp;
  return {
    kind: "flow_run",
    id: run.id,
    name: run.name,
    state: run.state_name ?? run.state_type ?? "unknown",
    ...(since === undefined ? {} : { since }),
  };
}

/** Reads the answer to `set_state` and `resume`. REJECT can mean that Prefect reached the state in another way. */
export function judgeOrchestration(answer: unknown, wanted: readonly string[]): Judgement {
  const { status, state, details } = isJsonObject(answer) ? answer : {};
  if (status === "ACCEPT") return { isAccepted: true, reason: null };
  const reason = isJsonObject(details) && typeof details.reason === "string" ? details.reason : null;
  const type = isJsonObject(state) ? String(state.type) : "";
  return { isAccepted: status === "REJECT" && wanted.includes(type), reason: reason ?? String(status ?? "no status") };
}

export interface RunExpectation {
  /** States before the request was sent, by id. */
  readonly before: string | null;
  readonly seed: Seed;
  /** The run has the state, also where another client set it. */
  isWanted(state: State): boolean;
  /** The change is done as soon as its own state was set, whatever came after it. */
  readonly isDoneBySetting: boolean;
}

/** Reads the states of a run: the newest one, and whether one of them was set by this change. */
export async function observeRun(
  live: LiveReader,
  id: string,
  { before, seed, isWanted, isDoneBySetting }: RunExpectation,
): Promise<Observation> {
  const states = await live.api.readFlowRunStates(id, live.options());
  const last = states.at(-1);
  if (last === undefined) throw new Error("a run without states");
  const since = states.findIndex((state) => state.id === before);
  const later = states.slice(since + 1);
  const isOwn = later.some((state) => state.message?.includes(changeMark(seed)) === true);
  const isReached = isWanted(last) || (isDoneBySetting && (isOwn || later.some(isWanted)));
  return {
    isReached,
    isFinal: isTerminal(last.type),
    state: last.name ?? last.type,
    since: last.timestamp,
    recorded: last.id ? { eventId: last.id } : null,
  };
}

/** The run that a request with this key created. Throws while there is none. */
export async function observeCreated(live: LiveReader, answer: unknown, idempotencyKey: string): Promise<Observation> {
  const id = isJsonObject(answer) && typeof answer.id === "string" ? answer.id : null;
  const filter: JsonObject = id === null ? { idempotency_key: { any_: [idempotencyKey] } } : { id: { any_: [id] } };
  const [run] = await live.api.filterFlowRuns({ flow_runs: filter, limit: 1 }, live.options());
  if (run === undefined) throw new Error("no such run yet");
  return {
    isReached: true,
    isFinal: true,
    state: run.state_name ?? run.state_type ?? "unknown",
    since: run.state?.timestamp ?? null,
    recorded: run.state_id ? { eventId: run.state_id } : null,
    created: { kind: "flow_run", id: run.id, name: run.name },
  };
}
