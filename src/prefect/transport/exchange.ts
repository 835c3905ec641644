import { readFileSync } from "node:fs";
import type { Clock } from "../../lib/clock.ts";
import { parseJson } from "../../lib/exact-json.ts";
import { findJsonExcess } from "../../lib/json-bounds.ts";
import { type AnswerBudget, createAnswerBudget } from "./answer-budget.ts";
import { type PrefectConnection, proxyFor } from "./connection.ts";
import { answerBounds } from "./json-bounds.ts";

/** One HTTP response with its body. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body of a status below 300; undefined when it is not JSON or exceeds a bound. */
  readonly json: unknown;
  /** Which bound a body of a status below 300 exceeds: `is nested deeper than 512 levels`. */
  readonly excess: string | null;
}

/** Methods of requests that change something. Reading ones are GET and POST. */
export type WriteMethod = "POST" | "PATCH" | "PUT";

interface HttpTry {
  readonly method: "GET" | WriteMethod;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Whether it changes something: only then is 201 a whole answer. Reading routes are POST too. */
  readonly isWrite: boolean;
  /** Limit for the answer; the connection's limit applies too. */
  readonly maxBytes?: number | undefined;
}

export interface Transport {
  /** One try. Settles within `timeoutMs`, connecting and reading the body included. Rejects with a TransportFailure. */
  send(request: HttpTry, timeoutMs: number, signal: AbortSignal | undefined): Promise<HttpAnswer>;
  /** Closes idle connections; requests in flight finish. */
  close(): void;
}

export type FailureKind =
  | "aborted"
  | "timeout"
  | "refused"
  | "dns"
  | "reset"
  | "tls"
  | "proxy"
  | "header"
  | "ca_file"
  | "too_large"
  | "no_room"
  /** Not sent: Prefect has asked for a pause that is longer than the call. The message is its milliseconds. */
  | "paused"
  | "other";

export class TransportFailure extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "TransportFailure";
    this.kind = kind;
  }
}

/** The status of every successful answer to reading calls. 206 is a part of one, 202 and 204 are none. */
export const WHOLE_ANSWER = 200;
/** A request that created something, a state of a run included, is answered with this status and the new object. */
const CREATED = 201;

const MIB = 1024 * 1024;

/** 50 events of the largest size that Prefect accepts are 75 MB; an answer near this limit is not one of the API. */
const MAX_BODY_BYTES = 256 * MIB;

/** Limit for a Prefect that a caller named, which may be any server: 200 rows of 80 kB. Parsed, an answer takes many times its size. */
const MAX_CALLER_BODY_BYTES = 16 * MIB;

/** Limit for the answers of all Prefects that callers named, together, while they are read and parsed. */
export const MAX_CALLER_BYTES_IN_FLIGHT = 64 * MIB;

/**
 * Seconds after which an idle connection is closed. Prefect's client closes them at 25 s, because Cloud's load balancer does at 30 s.
 * Bun rounds up to multiples of 4.
 */
const IDLE_SECONDS = 20;

/**
 * HTTP for one `PrefectConnection`: a connection pool of its own, its TLS and proxy options, no redirects. Answers of a Prefect that a
 * caller named also count against `shared`, the budget of all of them.
 */
export function createTransport(connection: PrefectConnection, clock: Clock, shared?: AnswerBudget): Transport {
  // Created by the first call, which fails when the CA file cannot be read; the next call reads it again.
  let session: Bun.FetchSession | null = null;
  const maxBytes = connection.isNamedByCaller ? MAX_CALLER_BODY_BYTES : MAX_BODY_BYTES;

  const budgets = connection.isNamedByCaller ? [createAnswerBudget(maxBytes), ...(shared ? [shared] : [])] : [];

  async function exchange(request: HttpTry, signal: AbortSignal): Promise<HttpAnswer> {
    const proxy = proxyFor(new URL(request.url), connection.proxy);
    session ??= new Bun.FetchSession({ keepAlive: { idleTimeout: IDLE_SECONDS }, tls: tlsOptions(connection) });
    const response = await session.fetch(request.url, {
      method: request.method,
      headers: request.headers,
      ...(request.body === undefined ? {} : { body: request.body }),
      // Not followed here: a redirect may lead to another host, which must not get the credentials.
      redirect: "manual",
      // `false` prevents Bun from reading the proxy variables of the environment: the settings decide.
      proxy: proxy === null ? false : { url: proxy, respectNoProxy: false },
      signal,
    });
    const { status, headers } = response;
    const reservation = reserveFrom(budgets);
    try {
      const text = await readText(response, Math.min(request.maxBytes ?? maxBytes, maxBytes), reservation);
      const isWhole = status === WHOLE_ANSWER || (status === CREATED && request.isWrite);
      const body = isWhole ? parseBody(text, connection) : { json: undefined, excess: null };
      return { status, headers, text, ...body };
    } finally {
      reservation.release();
    }
  }

  return {
    async send(request, timeoutMs, signal) {
      const controller = new AbortController();
      const finished = new AbortController();
      const abort = () => controller.abort(new TransportFailure("aborted", "the call was cancelled", signal?.reason));
      if (signal?.aborted) abort();
      signal?.addEventListener("abort", abort, { once: true });
      void clock.sleep(timeoutMs, finished.signal).then(() => {
        if (!finished.signal.aborted)
          controller.abort(new TransportFailure("timeout", `no answer in ${seconds(timeoutMs)} s`));
      });
      // A race, because the promise must settle in time also when the connection does not react to the abort.
      const aborted = new Promise<never>((_, reject) => {
        if (controller.signal.aborted) reject(controller.signal.reason);
        controller.signal.addEventListener("abort", () => reject(controller.signal.reason), { once: true });
      });
      try {
        return await Promise.race([exchange(request, controller.signal), aborted]);
      } catch (error) {
        // The rest of an answer that is not read must not be received either.
        controller.abort(error);
        throw toFailure(error);
      } finally {
        finished.abort();
        signal?.removeEventListener("abort", abort);
      }
    },
    close: () => session?.close(),
  };
}

/** TLS options as Bun takes them for HTTP and websockets. Throws a TransportFailure when the CA file cannot be read. */
export function tlsOptions({ tls }: PrefectConnection): { rejectUnauthorized?: boolean; ca?: string } {
  if (tls.insecure) return { rejectUnauthorized: false };
  if (tls.ca !== undefined) return { ca: tls.ca };
  if (tls.caFile === undefined) return {};
  try {
    return { ca: readFileSync(tls.caFile, "utf8") };
  } catch (error) {
    throw new TransportFailure("ca_file", `the CA file ${tls.caFile} cannot be read`, error);
  }
}

/** The bytes that one answer has reserved in the budgets. */
interface Reservation {
  add(bytes: number): boolean;
  release(): void;
}

function reserveFrom(budgets: readonly AnswerBudget[]): Reservation {
  const reserved = budgets.map(() => 0);
  const release = () => {
    for (const [index, budget] of budgets.entries()) {
      budget.release(reserved[index] ?? 0);
      reserved[index] = 0;
    }
  };
  return {
    add: (bytes) => {
      const isReserved = budgets.every((budget, index) => {
        const hasRoom = budget.reserve(bytes);
        if (hasRoom) reserved[index] = (reserved[index] ?? 0) + bytes;
        return hasRoom;
      });
      // At once: while the rest of a refused answer is cancelled, another answer would find no room either, and both would fail.
      if (!isReserved) release();
      return isReserved;
    },
    release,
  };
}

/** Bounds are checked first, because parsing and all that follows would block every other call. */
function parseBody(text: string, connection: PrefectConnection): Pick<HttpAnswer, "json" | "excess"> {
  const excess = findJsonExcess(text, answerBounds(connection));
  if (excess?.bound === "values" || excess?.bound === "text")
    throw new TransportFailure("too_large", `the answer ${excess.what}`);
  if (excess !== null) return { json: undefined, excess: excess.what };
  try {
    return { json: parseJson(text), excess: null };
  } catch {
    return { json: undefined, excess: null };
  }
}

/** Counts decompressed bytes while they arrive: `Content-Length` counts compressed ones and is absent from chunked answers. */
async function readText(response: Response, maxBytes: number, reservation: Reservation): Promise<string> {
  if (Number(response.headers.get("content-length")) > maxBytes) throw tooLarge(maxBytes);
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    if (!reservation.add(chunk.byteLength)) throw new TransportFailure("no_room", "too much is being read at once");
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function tooLarge(maxBytes: number): TransportFailure {
  const limit = maxBytes < MIB ? `${maxBytes / 1024} KiB` : `${maxBytes / MIB} MiB`;
  return new TransportFailure("too_large", `the answer is larger than ${limit}`);
}

const KINDS: Readonly<Record<string, FailureKind>> = {
  ECONNREFUSED: "refused",
  EHOSTUNREACH: "refused",
  ENETUNREACH: "refused",
  ENOTFOUND: "dns",
  EAI_AGAIN: "dns",
  ECONNRESET: "reset",
  EPIPE: "reset",
  ETIMEDOUT: "timeout",
  EPROTO: "tls",
};

/** Classifies Bun's fetch errors by their `code`; certificate problems have OpenSSL's names. */
export function toFailure(error: unknown): TransportFailure {
  if (error instanceof TransportFailure) return error;
  const { code, message, name } = error as { code?: unknown; message?: string; name?: string };
  const text = String(message ?? error).replace(/ For more information, pass `verbose: true`.*$/, "");
  if (typeof code === "string") {
    if (KINDS[code]) return new TransportFailure(KINDS[code], text, error);
    if (/CERT|TLS|SSL|SIGNATURE|ALTNAME/.test(code)) return new TransportFailure("tls", text, error);
  }
  if (/^(?:Zlib|Brotli|Zstd)\w*Error/.test(text))
    return new TransportFailure("other", "the answer is compressed in a way that cannot be read", error);
  if (/\bproxy|Proxy/.test(text)) return new TransportFailure("proxy", text.replace(/ fetching ".*$/, ""), error);
  if (/^(Invalid header name|Header '.*' has invalid)/.test(text)) return new TransportFailure("header", text, error);
  return new TransportFailure(name === "TimeoutError" ? "timeout" : "other", text, error);
}

/** Rounded to a tenth. */
function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
