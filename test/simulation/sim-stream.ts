/** The simulated websocket, behind the same interface as the client's. */
import { AppError } from "../../src/errors.ts";
import { parseIsoUs } from "../../src/lib/time.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import type { EventFilter } from "../../src/model/events/event-filter.ts";
import type { EventStream } from "../../src/prefect/api.ts";
import type { SimApiOptions } from "./sim-api.ts";
import type { SimDatabase } from "./sim-database.ts";

/** The client closes a websocket after this time without any message or pong. */
const SILENCE_MS = 45_000;
const CLAMP_US = 15 * 60 * 1_000_000;

export function openSimStream(o: SimApiOptions, filter: EventFilter, signal: AbortSignal): EventStream {
  const { time, server, process, random } = o;
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {});
  let queue: PrefectEvent[] = [];
  let wake: (() => void) | null = null;
  let ended: { readonly error: AppError | null } | null = null;
  let sinceUs = 0;
  const untilUs = parseIsoUs(filter.occurred?.until ?? "") ?? server.nowUs();

  const finish = (error: AppError | null) => {
    if (ended) return;
    ended = { error };
    server.subscribers.delete(subscriber);
    signal.removeEventListener("abort", close);
    ready.reject(error ?? new AppError("unavailable", "closed"));
    wake?.();
  };
  const close = () => finish(null);
  const lost = () => finish(new AppError("unavailable", "the socket was lost"));

  const receive = (events: readonly PrefectEvent[], database: SimDatabase) => {
    if (ended) return;
    o.onDelivery(events, database);
    // An event shows that the filter was accepted.
    ready.resolve();
    queue.push(...events);
    wake?.();
  };
  const subscriber = {
    deliver(events: readonly PrefectEvent[]) {
      if (server.hasFault("half-open") || server.hasFault("deaf")) return;
      let passing = events.filter((event) => {
        const us = parseIsoUs(event.occurred) ?? 0;
        return us >= sinceUs && us <= untilUs;
      });
      if (server.hasFault("lossy")) passing = passing.filter(() => random.chance(0.5));
      if (server.hasFault("doubled")) passing = passing.flatMap((event) => [event, event]);
      if (server.hasFault("shuffled")) passing = random.shuffle(passing);
      const { database } = server;
      for (const event of passing) {
        const ms = server.hasFault("shuffled") ? random.int(1, 2_000) : 2;
        process.later(ms, () => receive([event], database));
      }
    },
    end: () => void process.later(5, lost),
  };

  const dial = () => {
    if (ended) return;
    if (!server.isUp || server.hasFault("down"))
      return finish(new AppError("unavailable", "nothing accepts connections"));
    if (server.hasFault("refused"))
      return finish(new AppError("unavailable", "the upgrade is refused", { status: 403 }));
    if (server.hasFault("rejected") || server.hasFault("error-401"))
      return finish(new AppError("unauthorized", "1008"));
    if (server.hasFault("half-open")) return void process.later(10_000, lost);
    sinceUs = Math.max(parseIsoUs(filter.occurred?.since ?? "") ?? 0, server.nowUs() - CLAMP_US);
    server.subscribers.add(subscriber);
    process.later(250, () => {
      if (!ended) ready.resolve();
    });
    watch();
  };
  // A half-open connection is noticed only because no messages arrive.
  const watch = () => {
    let silentSinceMs: number | null = null;
    const look = () => {
      if (ended) return;
      if (!server.hasFault("half-open")) silentSinceMs = null;
      else silentSinceMs ??= time.nowMs;
      if (silentSinceMs !== null && time.nowMs - silentSinceMs >= SILENCE_MS) return lost();
      process.later(5_000, look);
    };
    process.later(5_000, look);
  };

  if (signal.aborted) close();
  else {
    signal.addEventListener("abort", close, { once: true });
    process.later(random.int(1, 20), dial);
  }
  return {
    ready: ready.promise,
    close,
    async *[Symbol.asyncIterator]() {
      for (;;) {
        if (queue.length === 0 && !ended) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          wake = null;
        }
        const batch = queue;
        queue = [];
        if (batch.length > 0) yield batch;
        else if (ended) {
          if (ended.error) throw ended.error;
          return;
        }
      }
    },
  };
}
