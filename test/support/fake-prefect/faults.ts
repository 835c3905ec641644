/** Faults of the fake server. Tests set them; each ends after its number of uses, all end with `clear()`. */
export interface Fault {
  /** Answer with this status (and `body`, `headers`) instead of the real answer. */
  readonly status?: number;
  readonly body?: unknown;
  /** Body as raw text, for answers that are not JSON. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Wait before answering. Without `status` the real answer follows. */
  readonly delayMs?: number;
  /** Never answer. */
  readonly hang?: boolean;
  /** Close the connection without an answer. */
  readonly drop?: boolean;
}

export interface StreamFaults {
  /** HTTP status that refuses websocket upgrades (403, 401, 502 …). */
  refuse: number | null;
  /** The upgrade is accepted, and the server sends nothing. */
  mute: boolean;
  /** The handshake works, but no live event is sent (PREFECT_SERVER_EVENTS_STREAM_OUT_ENABLED=false). */
  silent: boolean;
  /** Filters with a key beyond `occurred` end the connection without a close frame, as an old server would. */
  plainFilterOnly: boolean;
  /** Lose every n-th event on sockets. 0: none. */
  loseEvery: number;
}

export interface FakeFaults {
  /** The next `times` requests whose `METHOD path` contains `route` (or matches it) get this fault. */
  fail(route: string | RegExp, fault: Fault, times?: number): void;
  /** Address in front of `/api/events/filter/next` in next_page links. */
  nextPageBase: string | null;
  readonly stream: StreamFaults;
  /** Called before each page of events is made: insert late events, delete rows … */
  onEventPage: ((page: { readonly offset: number }) => void) | null;
  clear(): void;
}

export interface FaultQueue extends FakeFaults {
  /** The fault set for this `METHOD path`; reduces its uses by one. */
  take(line: string): Fault | undefined;
}

export function createFaults(): FaultQueue {
  const waiting: { route: string | RegExp; fault: Fault; times: number }[] = [];
  const stream: StreamFaults = { refuse: null, mute: false, silent: false, plainFilterOnly: false, loseEvery: 0 };
  return {
    stream,
    nextPageBase: null,
    onEventPage: null,
    fail: (route, fault, times = 1) => void waiting.push({ route, fault, times }),
    take(line) {
      const index = waiting.findIndex(({ route }) =>
        typeof route === "string" ? line.includes(route) : route.test(line),
      );
      const entry = waiting[index];
      if (!entry) return undefined;
      entry.times -= 1;
      if (entry.times <= 0) waiting.splice(index, 1);
      return entry.fault;
    },
    clear() {
      waiting.length = 0;
      this.nextPageBase = null;
      this.onEventPage = null;
      Object.assign(stream, { refuse: null, mute: false, silent: false, plainFilterOnly: false, loseEvery: 0 });
    },
  };
}
