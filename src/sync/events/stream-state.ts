/**
 * The state machine of the websocket, as a pure function: time and random numbers are arguments. The table has a row
 * for each pair of state and event, and a missing one does not compile.
 */
import { addMs, NEVER_MS, type SteadyMs } from "../../lib/time.ts";

export type StreamState =
  /** Not connected; the next attempt is due at `dialAtMs`. */
  | { readonly name: "waiting"; readonly dialAtMs: SteadyMs; readonly dialledMs: SteadyMs; readonly refusals: number }
  | { readonly name: "connecting"; readonly dialledMs: SteadyMs; readonly refusals: number }
  | { readonly name: "open"; readonly dialledMs: SteadyMs; readonly sinceMs: SteadyMs }
  /**
   * Prefect answers requests but the websocket cannot be opened (as behind some proxies). Polling replaces it; attempts
   * continue.
   */
  | { readonly name: "refused"; readonly dialAtMs: SteadyMs; readonly dialledMs: SteadyMs; readonly refusals: number }
  /** Prefect closed with 1008 or 1002: it does not accept credentials or filter. Attempts are rare. */
  | { readonly name: "rejected"; readonly dialAtMs: SteadyMs; readonly dialledMs: SteadyMs }
  | { readonly name: "off" };

export type StreamEvent =
  /** `dialAtMs` has been reached. */
  | "due"
  /** Prefect accepted token and filter. */
  | "accepted"
  /** The attempt failed or the connection ended, and Prefect answers requests. */
  | "lost"
  /** The attempt failed or the connection ended, and Prefect does not answer requests either. */
  | "unreachable"
  /** Prefect closed the connection because of credentials or filter. */
  | "rejected"
  | "stop";

/** `catch-up`: events that the websocket did not deliver must be read over REST. */
export type StreamEffect = "dial" | "catch-up";

export interface StreamStep {
  readonly state: StreamState;
  readonly effects: readonly StreamEffect[];
}

export interface StreamContext {
  readonly nowMs: SteadyMs;
  /** 0..1 */
  readonly random: number;
  /** Least time between attempts; the most is twice as long. */
  readonly dialMs: number;
  /** Time between attempts after a rejection. */
  readonly rejectedMs: number;
}

export const INITIAL_STREAM_STATE: StreamState = {
  name: "waiting",
  dialAtMs: NEVER_MS,
  dialledMs: NEVER_MS,
  refusals: 0,
};

/** After this many failed attempts in a row, while Prefect answers requests, websockets count as refused. */
const REFUSALS = 2;

type Named<N extends StreamState["name"]> = Extract<StreamState, { name: N }>;
type Row<N extends StreamState["name"]> = (state: Named<N>, context: StreamContext) => StreamStep;
type Table = { readonly [N in StreamState["name"]]: { readonly [E in StreamEvent]: Row<N> } };

const stay = (state: StreamState): StreamStep => ({ state, effects: [] });
const stop = (): StreamStep => ({ state: { name: "off" }, effects: [] });

const dial = (state: Named<"waiting" | "refused" | "rejected">, context: StreamContext): StreamStep => ({
  state: { name: "connecting", dialledMs: context.nowMs, refusals: "refusals" in state ? state.refusals : 0 },
  effects: ["dial"],
});

/** After a failed attempt: one to two times `dialMs` later, which is 10 s at most. */
const later = (context: StreamContext): SteadyMs => addMs(context.nowMs, context.dialMs * (1 + context.random));

const reject = (state: Named<"connecting" | "open">, context: StreamContext): StreamStep => ({
  state: { name: "rejected", dialAtMs: addMs(context.nowMs, context.rejectedMs), dialledMs: state.dialledMs },
  effects: state.name === "open" ? ["catch-up"] : [],
});

/** An open connection ended: the next attempt is due at once, or `dialMs` after the last one. */
const reopen = (state: Named<"open">, context: StreamContext): StreamStep => ({
  state: {
    name: "waiting",
    dialAtMs: Math.max(context.nowMs, addMs(state.dialledMs, context.dialMs)),
    dialledMs: state.dialledMs,
    refusals: 0,
  },
  effects: ["catch-up"],
});

const refuse = (state: Named<"connecting">, context: StreamContext): StreamStep => {
  const refusals = state.refusals + 1;
  const name = refusals >= REFUSALS ? "refused" : "waiting";
  // No catch-up: polling finds the events, and attempts continue for ever, so each must not cost further requests.
  return { state: { name, dialAtMs: later(context), dialledMs: state.dialledMs, refusals }, effects: [] };
};

const TABLE: Table = {
  waiting: { due: dial, accepted: stay, lost: stay, unreachable: stay, rejected: stay, stop },
  connecting: {
    due: stay,
    accepted: (state, { nowMs }) => ({
      state: { name: "open", dialledMs: state.dialledMs, sinceMs: nowMs },
      effects: ["catch-up"],
    }),
    lost: refuse,
    unreachable: (state, context) => ({
      state: { name: "waiting", dialAtMs: later(context), dialledMs: state.dialledMs, refusals: 0 },
      effects: [],
    }),
    rejected: reject,
    stop,
  },
  open: { due: stay, accepted: stay, lost: reopen, unreachable: reopen, rejected: reject, stop },
  refused: { due: dial, accepted: stay, lost: stay, unreachable: stay, rejected: stay, stop },
  rejected: { due: dial, accepted: stay, lost: stay, unreachable: stay, rejected: stay, stop },
  off: { due: stay, accepted: stay, lost: stay, unreachable: stay, rejected: stay, stop: stay },
};

/** The next state and what to do. */
export function nextStreamState(state: StreamState, event: StreamEvent, context: StreamContext): StreamStep {
  // The table's type ties each row to its state, but the compiler cannot follow the two lookups together.
  const row = TABLE[state.name][event] as (state: StreamState, context: StreamContext) => StreamStep;
  return row(state, context);
}

/** Milliseconds until the next attempt is due; infinity while none is. */
export function dueInMs(state: StreamState, nowMs: SteadyMs): number {
  return "dialAtMs" in state ? Math.max(0, state.dialAtMs - nowMs) : Number.POSITIVE_INFINITY;
}

/** The state as it is written into the record for readers. */
export function shownState(state: StreamState): "off" | "connecting" | "open" | "refused" {
  switch (state.name) {
    case "waiting":
    case "connecting":
      return "connecting";
    case "refused":
    case "rejected":
      return "refused";
    default:
      return state.name;
  }
}
