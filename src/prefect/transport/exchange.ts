import { readFileSync } from "node:fs";
import type { Clock } from "../../lib/clock.ts";
import { type AnswerBudget, createAnswerBudget } from "./answer-budget.ts";
import { type PrefectConnection, proxyFor } from "./connection.ts";

/** One HTTP exchange, its body read and, where it was good, parsed. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of a status below 300; undefined for what is no JSON. */
  readonly json: unknown;
}

interface HttpTry {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Of the answer; the connection's own limit holds beside it. */
  readonly maxBytes?: number | undefined;
}

export interface Transport {
  /**
   * One try. Rejects with a TransportFailure, within `timeoutMs` whatever the connection does (connecting and reading the
   * body included).
   */
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
  | "other";

export class TransportFailure extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "TransportFailure";
    this.kind = kind;
  }
}

const MIB = 1024 * 1024;

/** 50 events of the largest size Prefect takes are 75 MB; anything near this limit is not an answer of the API. */
const MAX_BODY_BYTES = 256 * MIB;

/** 200 rows of 80 kB. Parsing costs many times the text, and what a caller names may be anything. */
const MAX_BODY_BYTES_OF_CALLERS = 16 * MIB;

/** What the answers of all Prefects that callers named may take together while they are read and parsed. */
export const MOST_BYTES_OF_CALLERS = 64 * MIB;

/**
 * Seconds an idle connection is kept: Prefect's client drops them at 25 because Cloud's load balancer closes at 30. Bun rounds
 * up to steps of 4.
 */
const IDLE_SECONDS = 20;

/**
 * HTTP for one connection: a pool of its own, its TLS and proxy options, no redirects. `shared` is what its answers take of,
 * together with those of others.
 */
export function createTransport(connection: PrefectConnection, clock: Clock, shared?: AnswerBudget): Transport {
  // Made at the first try: an unreadable CA file is then an error of that call, and the next one looks again.
  let session: Bun.FetchSession | null = null;
  const mostBytes = connection.isNamedByCaller ? MAX_BODY_BYTES_OF_CALLERS : MAX_BODY_BYTES;

  // Parsing costs many times the text, so what many calls bring at once counts together.
  const budgets = connection.isNamedByCaller ? [createAnswerBudget(mostBytes), ...(shared ? [shared] : [])] : [];

  async function exchange(request: HttpTry, signal: AbortSignal): Promise<HttpAnswer> {
    const proxy = proxyFor(new URL(request.url), connection.proxy);
    session ??= new Bun.FetchSession({ keepAlive: { idleTimeout: IDLE_SECONDS }, tls: tlsOptions(connection) });
    const response = await session.fetch(request.url, {
      method: request.method,
      headers: request.headers,
      ...(request.body === undefined ? {} : { body: request.body }),
      // Never followed here: a redirect may lead to another host, which must not see the credentials.
      redirect: "manual",
      // `false` also keeps Bun from reading the proxy variables itself: the settings have decided.
      proxy: proxy === null ? false : { url: proxy, respectNoProxy: false },
      signal,
    });
    const { status, headers } = response;
    const held = holdOf(budgets);
    try {
      const text = await readText(response, Math.min(request.maxBytes ?? mostBytes, mostBytes), held);
      return { status, headers, text, json: status < 300 ? parseJson(text) : undefined };
    } finally {
      held.release();
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
      // Raced, not only signalled: the promise must settle in time even if the connection does not notice the abort.
      const aborted = new Promise<never>((_, reject) => {
        if (controller.signal.aborted) reject(controller.signal.reason);
        controller.signal.addEventListener("abort", () => reject(controller.signal.reason), { once: true });
      });
      try {
        return await Promise.race([exchange(request, controller.signal), aborted]);
      } catch (error) {
        // The rest of an answer that is not read must not come in either.
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

/** TLS options in Bun's form, the same for HTTP and websockets. Throws a TransportFailure when the CA file is unreadable. */
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

/** What one answer has taken of the budgets. */
interface Hold {
  take(bytes: number): boolean;
  release(): void;
}

function holdOf(budgets: readonly AnswerBudget[]): Hold {
  const taken = budgets.map(() => 0);
  return {
    take: (bytes) =>
      budgets.every((budget, index) => {
        const isTaken = budget.take(bytes);
        if (isTaken) taken[index] = (taken[index] ?? 0) + bytes;
        return isTaken;
      }),
    release: () => {
      for (const [index, budget] of budgets.entries()) budget.give(taken[index] ?? 0);
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Counted as it comes in, decompressed: the length in the header may be of something else (with chunks it says nothing). */
async function readText(response: Response, maxBytes: number, held: Hold): Promise<string> {
  if (Number(response.headers.get("content-length")) > maxBytes) throw tooLarge(maxBytes);
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    if (!held.take(chunk.byteLength)) throw new TransportFailure("no_room", "too much is being read at once");
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

/** Bun's fetch errors by their `code`; certificate problems carry OpenSSL's names. */
export function toFailure(error: unknown): TransportFailure {
  if (error instanceof TransportFailure) return error;
  const { code, message, name } = error as { code?: unknown; message?: string; name?: string };
  const text = String(message ?? error).replace(/ For more information, pass `verbose: true`.*$/, "");
  if (typeof code === "string") {
    if (KINDS[code]) return new TransportFailure(KINDS[code], text, error);
    if (/CERT|TLS|SSL|SIGNATURE|ALTNAME/.test(code)) return new TransportFailure("tls", text, error);
  }
  if (/\bproxy|Proxy/.test(text)) return new TransportFailure("proxy", text.replace(/ fetching ".*$/, ""), error);
  if (/^(Invalid header name|Header '.*' has invalid)/.test(text)) return new TransportFailure("header", text, error);
  return new TransportFailure(name === "TimeoutError" ? "timeout" : "other", text, error);
}

/** With at most one decimal. */
function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
