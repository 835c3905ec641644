/**
 * The websocket `/events/out`: live events as they are published. It proves nothing about completeness: Prefect drops events
 * without notice when more than 256 wait for one subscriber. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/events.py
 */

import { AppError, toAppError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import { isJsonObject, parseJson } from "../lib/exact-json.ts";
import { findJsonExcess } from "../lib/json-bounds.ts";
import type { Logger } from "../lib/logger.ts";
import { asPlace, type Checked, own, sentence } from "../lib/shown-text.ts";
import { DAY_US, formatIsoUs, NEVER_MS } from "../lib/time.ts";
import type { PrefectEvent } from "../model/events/event.ts";
import type { EventFilter } from "../model/events/event-filter.ts";
import type { EventStream } from "./api.ts";
import { eventProblem } from "./events.ts";
import { type PrefectConnection, parseApiUrl, proxyFor } from "./transport/connection.ts";
import { TransportFailure, tlsOptions } from "./transport/exchange.ts";
import { createFailures } from "./transport/failures.ts";
import { isLoopback, socketHeaders, socketToken } from "./transport/headers.ts";
import { answerBounds } from "./transport/json-bounds.ts";
import { type SocketError, type StreamPhase, streamFailure, unauthorizedStream } from "./transport/stream-failures.ts";

export interface StreamDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Limit for connecting and authenticating together. */
const HANDSHAKE_MS = 10_000;
/** Bun does not notice when the network drops all packets: the socket stays open. So a ping is sent, and a pong expected. */
const PING_EVERY_MS = 15_000;
const PONG_WITHIN_MS = 10_000;
/** Prefect pings every 20 s and waits 20 s for the pong: a longer silence means that the connection is lost, as after a suspend. */
const SILENCE_MS = 45_000;
/**
 * Prefect does not confirm an accepted filter, and closes the socket some milliseconds after a refused one: the filter counts as
 * accepted after a few round trips, within these bounds.
 */
const SETTLE_MIN_MS = 250;
const SETTLE_MAX_MS = 1_000;
/** Most events that wait for the reader, by number and by characters of their messages. With more, the stream ends. */
const MAX_QUEUED = 50_000;
const MAX_QUEUED_CHARS = 32 * 1024 * 1024;
/**
 * Most characters of one message from a Prefect that a caller named. Prefect accepts events of up to 1.5 million bytes by default.
 */
const MAX_CALLER_MESSAGE_CHARS = 4_000_000;

/** Opens one connection. It is not opened again after its end. `EventStream` states what callers may rely on. */
export function openEventStream(connection: PrefectConnection, filter: EventFilter, deps: StreamDeps): EventStream {
  const { clock, logger, signal } = deps;
  const url = parseApiUrl(connection.url)?.url ?? connection.url;
  const ended = new AbortController();
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {});
  let phase: StreamPhase = "connect";
  let queue: PrefectEvent[] = [];
  let queuedChars = 0;
  let resumeReader: (() => void) | null = null;
  let outcome: { readonly failure: AppError | null } | null = null;
  let lastFrameMs = clock.steadyMs();
  let authSentMs = NEVER_MS;
  let error: SocketError | null = null;
  let socket: WebSocket | null = null;

  const isEnded = () => ended.signal.aborted;

  /** Ends the stream; later calls do nothing. `failure` is null when this side closed it. */
  function end(failure: AppError | null): void {
    if (isEnded()) return;
    outcome = { failure };
    ended.abort();
    signal.removeEventListener("abort", close);
    ready.reject(failure ?? new AppError("unavailable", "The event stream was closed."));
    // A lost peer does not answer a close frame.
    if (failure === null && socket?.readyState === WebSocket.OPEN) socket.close(1000);
    else socket?.terminate();
    resumeReader?.();
  }
  const close = () => end(null);

  function noteFrame(): void {
    lastFrameMs = clock.steadyMs();
  }

  function send(message: unknown): void {
    socket?.send(JSON.stringify(message));
  }

  function goLive(): void {
    if (isEnded() || phase === "live") return;
    phase = "live";
    ready.resolve();
  }

  function receive(data: unknown): void {
    noteFrame();
    if (connection.isNamedByCaller && typeof data === "string" && data.length > MAX_CALLER_MESSAGE_CHARS) {
      end(new AppError("unavailable", "A message of the event stream is longer than an event can be."));
      return;
    }
    const message = typeof data === "string" ? readMessage(data) : null;
    if (message === null || isEnded()) return;
    if (phase === "auth" && message.type === "auth_success") subscribe();
    else if (phase === "auth" && message.type === "auth_failure") {
      end(unauthorizedStream(connection, url, String(message.reason ?? "")));
    } else if (phase !== "auth" && message.type === "event") accept(message.event, String(data).length);
  }

  function subscribe(): void {
    phase = "filter";
    send({ type: "filter", filter: withFarEnd(filter, clock), backfill: false });
    const settleMs = Math.min(SETTLE_MAX_MS, Math.max(SETTLE_MIN_MS, 4 * (clock.steadyMs() - authSentMs)));
    void clock.sleep(settleMs, ended.signal).then(goLive);
  }

  /** Null for what is no JSON object, and for one beyond the bounds, which is logged. */
  function readMessage(text: string): Record<string, unknown> | null {
    const excess = findJsonExcess(text, answerBounds(connection));
    if (excess === null) return parseObject(text);
    skip(`it ${excess.what}`);
    return null;
  }

  /** Nothing is lost: the catch-up reads the event over REST. */
  function skip(problem: string): void {
    logger.warn("prefect: event of the stream skipped", { problem });
  }

  function accept(event: unknown, chars: number): void {
    const problem = eventProblem(event);
    if (problem !== null) {
      skip(problem);
      return;
    }
    goLive();
    queue.push(event as PrefectEvent);
    queuedChars += chars;
    // A single event may be larger than the limit.
    if (queue.length > MAX_QUEUED || (queue.length > 1 && queuedChars > MAX_QUEUED_CHARS)) {
      const waiting = sentence`${queue.length} of ${Math.round(queuedChars / 1_000_000)} MB wait`;
      end(new AppError("unavailable", sentence`Events arrive faster than they are read: ${waiting}.`));
    } else if (resumeReader !== null) {
      // After one iteration of the event loop, so that events that arrive together become one batch.
      const resume = resumeReader;
      resumeReader = null;
      void clock.sleep(0).then(resume);
    }
  }

  async function limitHandshake(): Promise<void> {
    await clock.sleep(HANDSHAKE_MS, ended.signal);
    if (isEnded() || (phase !== "connect" && phase !== "auth")) return;
    const missing = phase === "connect" ? "the websocket did not open" : "the credentials were not answered";
    end(
      new AppError(
        "unavailable",
        sentence`No event stream from ${asPlace(url)}: ${missing} within ${HANDSHAKE_MS / 1000} s.`,
      ),
    );
  }

  async function watchSilence(): Promise<void> {
    await clock.sleep(PING_EVERY_MS, ended.signal);
    while (!isEnded()) {
      const askedMs = clock.steadyMs();
      if (askedMs - lastFrameMs > SILENCE_MS)
        return endAsLost(sentence`nothing was received for ${askedMs - lastFrameMs} ms`);
      if (socket?.readyState === WebSocket.OPEN) socket.ping();
      await clock.sleep(PONG_WITHIN_MS, ended.signal);
      if (isEnded()) return;
      if (lastFrameMs < askedMs) return endAsLost(sentence`no answer to a ping in ${PONG_WITHIN_MS / 1000} s`);
      await clock.sleep(PING_EVERY_MS - PONG_WITHIN_MS, ended.signal);
    }
  }

  function endAsLost<const Text extends string>(what: Text & Checked<Text>): void {
    end(new AppError("unavailable", sentence`The event stream to ${asPlace(url)} was lost: ${own<Text>(what)}.`));
  }

  function dial(): void {
    const opened = createSocket(connection, url);
    socket = opened;
    opened.onopen = () => {
      noteFrame();
      phase = "auth";
      authSentMs = clock.steadyMs();
      // Required as the first message, also where the server asks for no credentials.
      send({ type: "auth", token: socketToken(connection) });
    };
    opened.onmessage = ({ data }) => receive(data);
    opened.onerror = (event) => {
      error = event;
    };
    opened.onclose = ({ code, reason }) => end(streamFailure({ code, reason, phase, error }, connection, url));
    opened.addEventListener("ping", noteFrame);
    opened.addEventListener("pong", noteFrame);
  }

  if (signal.aborted) close();
  else {
    signal.addEventListener("abort", close, { once: true });
    try {
      dial();
      void limitHandshake();
      void watchSilence();
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
          if (queue.length === 0 && !isEnded()) {
            await new Promise<void>((resolve) => {
              resumeReader = resolve;
            });
          }
          const batch = queue;
          queue = [];
          queuedChars = 0;
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
    // On loopback, compressing costs more than the bytes. A Prefect that a caller named could send a decompression bomb.
    ...(isLoopback(url) || connection.isNamedByCaller ? { perMessageDeflate: false } : {}),
  });
}

/** `until` defaults to the moment of connecting, after which the server would send no events: it is set a year ahead. */
function withFarEnd(filter: EventFilter, clock: Clock): EventFilter {
  const until = filter.occurred?.until ?? formatIsoUs(clock.nowUs() + 365 * DAY_US);
  return { ...filter, occurred: { ...filter.occurred, until } };
}

function dialProblem(error: unknown, url: string): AppError {
  return new AppError(
    "invalid_config",
    sentence`No websocket can be opened to ${asPlace(url)}: ${toAppError(error).sentence}.`,
    {
      hint: "Check PREFECT_API_URL, the proxy settings and PREFECT_CLIENT_CUSTOM_HEADERS.",
      cause: error,
    },
  );
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value = parseJson(text);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}
