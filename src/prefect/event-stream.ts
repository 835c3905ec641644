/**
 * The websocket `/events/out`: live events as they are published. A hint, never the record: Prefect drops events silently
 * when more than 256 come at once. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/events.py
 */
import { AppError, toAppError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import { DAY_US, formatIsoUs } from "../lib/time.ts";
import type { PrefectEvent } from "../model/events/event.ts";
import type { EventFilter } from "../model/events/event-filter.ts";
import type { EventStream } from "./api.ts";
import { eventProblem } from "./events.ts";
import { normaliseApiUrl, type PrefectConnection, proxyFor } from "./transport/connection.ts";
import { TransportFailure, tlsOptions } from "./transport/exchange.ts";
import { createFailures } from "./transport/failures.ts";
import { isLoopback, socketHeaders, socketToken } from "./transport/headers.ts";
import { type SocketError, type StreamPhase, streamFailure, unauthorizedStream } from "./transport/stream-failures.ts";

export interface StreamDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Dialling and authenticating together. */
const HANDSHAKE_MS = 10_000;
/** Bun reports no dead peer (a black-holed socket stays open for good): ask, and expect an answer. */
const PING_EVERY_MS = 15_000;
const PONG_WITHIN_MS = 10_000;
/** Prefect pings every 20 s and gives 20 s: longer silence than that means the socket is gone, say after a suspend. */
const SILENCE_MS = 45_000;
/** An accepted filter is not confirmed. A refused one ends the socket some milliseconds later: wait a few round trips. */
const SETTLE_MIN_MS = 250;
const SETTLE_MAX_MS = 1_000;
/** Events that wait for the reader; beyond it the reader is not coming back. */
const MAX_QUEUED = 50_000;
/** Characters of one message; the largest event that Prefect takes has 1.5 million bytes, unless it is set otherwise. */
const MOST_MESSAGE_OF_CALLERS = 4_000_000;

/** One connection; its end is final. See `EventStream` for what callers may rely on. */
export function openEventStream(connection: PrefectConnection, filter: EventFilter, deps: StreamDeps): EventStream {
  const { clock, logger, signal } = deps;
  const url = normaliseApiUrl(connection.url)?.url ?? connection.url;
  const over = new AbortController();
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {});
  let phase: StreamPhase = "connect";
  let queue: PrefectEvent[] = [];
  let wake: (() => void) | null = null;
  let outcome: { readonly failure: AppError | null } | null = null;
  let lastHeardMs = clock.nowMs();
  let authSentMs = 0;
  let error: SocketError | null = null;
  let socket: WebSocket | null = null;

  const isOver = () => over.signal.aborted;

  /** Ends the stream once; null means that we wanted it. */
  function end(failure: AppError | null): void {
    if (isOver()) return;
    outcome = { failure };
    over.abort();
    signal.removeEventListener("abort", close);
    ready.reject(failure ?? new AppError("unavailable", "The event stream was closed."));
    // A dead peer never answers a close frame.
    if (failure === null && socket?.readyState === WebSocket.OPEN) socket.close(1000);
    else socket?.terminate();
    wake?.();
  }
  const close = () => end(null);

  function heard(): void {
    lastHeardMs = clock.nowMs();
  }

  function send(message: unknown): void {
    socket?.send(JSON.stringify(message));
  }

  function goLive(): void {
    if (isOver() || phase === "live") return;
    phase = "live";
    ready.resolve();
  }

  function receive(data: unknown): void {
    heard();
    if (connection.isNamedByCaller && typeof data === "string" && data.length > MOST_MESSAGE_OF_CALLERS) {
      end(new AppError("unavailable", "A message of the event stream is longer than an event can be."));
      return;
    }
    const message = typeof data === "string" ? parseObject(data) : null;
    if (message === null || isOver()) return;
    if (phase === "auth" && message.type === "auth_success") subscribe();
    else if (phase === "auth" && message.type === "auth_failure") {
      end(unauthorizedStream(connection, url, String(message.reason ?? "")));
    } else if (phase !== "auth" && message.type === "event") accept(message.event);
  }

  function subscribe(): void {
    phase = "filter";
    send({ type: "filter", filter: withFarEnd(filter, clock), backfill: false });
    const settleMs = Math.min(SETTLE_MAX_MS, Math.max(SETTLE_MIN_MS, 4 * (clock.nowMs() - authSentMs)));
    void clock.sleep(settleMs, over.signal).then(goLive);
  }

  function accept(event: unknown): void {
    const problem = eventProblem(event);
    if (problem !== null) {
      // REST has it too: what the stream cannot deliver is not lost.
      logger.warn("prefect: event of the stream skipped", { problem });
      return;
    }
    goLive();
    queue.push(event as PrefectEvent);
    if (queue.length > MAX_QUEUED) {
      end(new AppError("unavailable", `Events arrive faster than they are read: ${queue.length} wait.`));
    } else if (wake !== null) {
      // One turn of the loop later, so that what arrives together is one batch.
      const resume = wake;
      wake = null;
      void clock.sleep(0).then(resume);
    }
  }

  async function limitHandshake(): Promise<void> {
    await clock.sleep(HANDSHAKE_MS, over.signal);
    if (isOver() || (phase !== "connect" && phase !== "auth")) return;
    const missing = phase === "connect" ? "the websocket did not open" : "the credentials were not answered";
    end(new AppError("unavailable", `No event stream from ${url}: ${missing} within ${HANDSHAKE_MS / 1000} s.`));
  }

  async function watch(): Promise<void> {
    await clock.sleep(PING_EVERY_MS, over.signal);
    while (!isOver()) {
      const askedMs = clock.nowMs();
      if (askedMs - lastHeardMs > SILENCE_MS) return lost(`nothing was heard for ${askedMs - lastHeardMs} ms`);
      if (socket?.readyState === WebSocket.OPEN) socket.ping();
      await clock.sleep(PONG_WITHIN_MS, over.signal);
      if (isOver()) return;
      if (lastHeardMs < askedMs) return lost(`no answer to a ping in ${PONG_WITHIN_MS / 1000} s`);
      await clock.sleep(PING_EVERY_MS - PONG_WITHIN_MS, over.signal);
    }
  }

  function lost(what: string): void {
    end(new AppError("unavailable", `The event stream to ${url} is dead: ${what}.`));
  }

  function dial(): void {
    const opened = createSocket(connection, url);
    socket = opened;
    opened.onopen = () => {
      heard();
      phase = "auth";
      authSentMs = clock.nowMs();
      // Always the first message, also where no credentials are asked for.
      send({ type: "auth", token: socketToken(connection) });
    };
    opened.onmessage = ({ data }) => receive(data);
    opened.onerror = (event) => {
      error = event;
    };
    opened.onclose = ({ code, reason }) => end(streamFailure({ code, reason, phase, error }, connection, url));
    opened.addEventListener("ping", heard);
    opened.addEventListener("pong", heard);
  }

  if (signal.aborted) close();
  else {
    signal.addEventListener("abort", close, { once: true });
    try {
      dial();
      void limitHandshake();
      void watch();
    } catch (thrown) {
      const failures = createFailures(connection, url);
      end(thrown instanceof TransportFailure ? failures.network(thrown, url) : dialProblem(thrown, url));
    }
  }

  return {
    ready: ready.promise,
    close,
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          if (queue.length === 0 && !isOver()) {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
          const batch = queue;
          queue = [];
          if (batch.length > 0) yield batch;
          else if (outcome !== null) {
            if (outcome.failure !== null) throw outcome.failure;
            return;
          }
        }
      } finally {
        close();
      }
    },
  };
}

function createSocket(connection: PrefectConnection, url: string): WebSocket {
  const target = `${url.replace(/^http/, "ws")}/events/out`;
  const proxy = proxyFor(new URL(target), connection.proxy);
  return new WebSocket(target, {
    protocols: ["prefect"],
    headers: socketHeaders(connection),
    tls: tlsOptions(connection),
    ...(proxy === null ? {} : { proxy }),
    // Compressing costs the server more than loopback bytes do; and what a caller names could inflate a little to very much.
    ...(isLoopback(url) || connection.isNamedByCaller ? { perMessageDeflate: false } : {}),
  });
}

/** `until` defaults to the moment of connecting, and live events after it are withheld: always set it far ahead. */
function withFarEnd(filter: EventFilter, clock: Clock): EventFilter {
  const until = filter.occurred?.until ?? formatIsoUs(clock.nowUs() + 365 * DAY_US);
  return { ...filter, occurred: { ...filter.occurred, until } };
}

function dialProblem(error: unknown, url: string): AppError {
  const { message } = toAppError(error);
  return new AppError("invalid_config", `No websocket can be opened to ${url}: ${message}.`, {
    hint: "Check PREFECT_API_URL, the proxy settings and PREFECT_CLIENT_CUSTOM_HEADERS.",
    cause: error,
  });
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
