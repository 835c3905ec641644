/**
 * Calls to Prefect's REST API: retries within a deadline, CSRF, redirects on the same host, errors as AppErrors. Every call but `write`
 * is a read and may therefore be repeated.
 */

import { AppError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import { counted } from "../../lib/shown-text.ts";
import { addMs, type SteadyMs } from "../../lib/time.ts";
import type { AccountUse } from "./account-budget.ts";
import type { AnswerBudget } from "./answer-budget.ts";
import { findBaseProblem } from "./base-url.ts";
import type { CallOptions } from "./call-options.ts";
import { type PrefectConnection, parseApiUrl } from "./connection.ts";
import { createCsrfToken } from "./csrf.ts";
import { createTransport, type HttpAnswer, TransportFailure, WHOLE_ANSWER, type WriteMethod } from "./exchange.ts";
import { createFailures, type Failures } from "./failures.ts";
import { httpHeaders } from "./headers.ts";
import { isHtmlPage } from "./html-page.ts";
import { isRetriedStatus, parseRetryAfterMs, type RetryRules, retryWaitMs } from "./retry.ts";
import { measureServerOffset, type ServerOffset, wallMinusSteadyMs } from "./server-offset.ts";

export interface HttpDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: () => number;
  /** The budget that the answers of all callers' Prefects share. */
  readonly answers?: AnswerBudget | undefined;
  /** The requests to the account, which other workspaces and threads share. */
  readonly account?: AccountUse | undefined;
  /** The recorded version of the server, or null. Absent: the server is asked. */
  readonly serverVersion?: (() => string | null) | undefined;
}

export interface Http {
  /** Normalised base URL without trailing slash. */
  readonly url: string;
  /** Requests sent, retries and probes included. */
  readonly requests: number;
  readonly serverOffset: ServerOffset | null;
  readonly failures: Failures;
  /** GET `{base}{path}`; parsed JSON. `base` is the API URL unless given. */
  get(path: string, options?: CallOptions, base?: string): Promise<unknown>;
  /** POST `{api}{path}` with a JSON body. */
  post(path: string, body: unknown, options?: CallOptions): Promise<unknown>;
  /**
   * Sends one request that changes something, once: no retry, no redirect. Resolves to the parsed answer, null where it has none.
   * Throws AppError; its cause is a TransportFailure when no answer came.
   */
  write(method: WriteMethod, path: string, body: unknown, deadlineMs: number): Promise<unknown>;
  /** Counts a request that is sent elsewhere (a websocket dial). */
  countRequest(): void;
  close(): void;
}

const MAX_REDIRECTS = 3;
/** Pause of the other requests to the account after a 429 without `Retry-After`. */
const DEFAULT_PAUSE_MS = 2_000;
const MAX_TOKEN_BYTES = 64 * 1024;

interface Call {
  readonly method: "GET" | WriteMethod;
  readonly route: string;
  url: string;
  readonly body: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Deadline of the call. */
  readonly endMs: SteadyMs;
  readonly isWrite: boolean;
  readonly maxBytes: number | undefined;
}

export function createHttp(connection: PrefectConnection, deps: HttpDeps): Http {
  const { clock, logger, random = Math.random } = deps;
  const url = parseApiUrl(connection.url)?.url ?? connection.url;
  const transport = createTransport(connection, clock, deps.answers);
  const failures = createFailures(connection, url);
  const headers = httpHeaders(connection, logger);
  const offset = measureServerOffset();
  const rules: RetryRules = {
    jitterFactor: connection.retryJitterFactor,
    extraCodes: connection.retryExtraCodes,
    random,
  };
  let requests = 0;
  /** The base URL has answered with JSON before, so it is right, and a refused connection is an outage that a retry may survive. */
  let hasAnswered = false;

  const csrf = createCsrfToken(connection.csrf && !connection.isCloud, async (client, deadlineMs) => {
    try {
      const query = `?client=${encodeURIComponent(client)}`;
      const options = { retries: 1, deadlineMs, maxBytes: MAX_TOKEN_BYTES };
      const answer = (await http.get(`/csrf-token${query}`, options)) as { token?: unknown };
      return typeof answer.token === "string" ? answer.token : null;
    } catch (error) {
      // 422: the protection is off; 404: the server does not have it. There is no token then.
      if (error instanceof AppError && (error.status === 422 || error.status === 404)) return null;
      throw error;
    }
  });

  /**
   * Whether the requests count for the others to the account. A caller names any account: until Prefect has answered it, anyone could
   * delay the workspaces of others by requests with a wrong key.
   */
  const countsForAccount = () => connection.isNamedByCaller !== true || hasAnswered;

  /** Waits for the end of a `Retry-After` that another request to the account was answered with. */
  async function awaitAccount({ endMs, signal }: Call): Promise<void> {
    const { account } = deps;
    if (!account) return;
    for (let waitMs = account.budget.pausedMs(); waitMs > 0; waitMs = account.budget.pausedMs()) {
      if (signal?.aborted) throw new TransportFailure("aborted", "the call was cancelled", signal.reason);
      if (clock.steadyMs() + waitMs >= endMs) throw new TransportFailure("paused", `${waitMs}`);
      await clock.sleep(waitMs, signal);
    }
    if (!account.isTakenBefore && countsForAccount()) account.budget.spend();
  }

  /** What Prefect says about the rate counts for all requests to the account. */
  function pauseAccount({ status, headers: received }: HttpAnswer): void {
    if (!countsForAccount()) return;
    const retryAfterMs = parseRetryAfterMs(received);
    if (status === 429) deps.account?.budget.pause(retryAfterMs ?? DEFAULT_PAUSE_MS);
    else if (status === 503 && retryAfterMs !== undefined) deps.account?.budget.pause(retryAfterMs);
  }

  /** Sends one request. */
  async function send(call: Call, extra: Readonly<Record<string, string>>): Promise<HttpAnswer> {
    await awaitAccount(call);
    const remainingMs = call.endMs - clock.steadyMs();
    if (remainingMs <= 0) throw new TransportFailure("timeout", "the time for the call is used up");
    requests += 1;
    const sentMs = clock.steadyMs();
    const json = call.body === undefined ? {} : { "Content-Type": "application/json" };
    const { method, body, maxBytes } = call;
    const answer = await transport.send(
      { method, url: call.url, headers: { ...headers, ...json, ...extra }, body, isWrite: call.isWrite, maxBytes },
      Math.min(remainingMs, connection.requestTimeoutMs),
      call.signal,
    );
    if (hasPrefectsTime(answer))
      offset.observe(answer.headers.get("date"), sentMs, clock.steadyMs(), wallMinusSteadyMs(clock));
    pauseAccount(answer);
    return answer;
  }

  /** Repeats the request until an answer comes that a retry would not change, or the retries or the time are used up. */
  async function sendWithRetries(call: Call, retries: number): Promise<HttpAnswer> {
    let tries = 0;
    let resets = 0;
    let redirects = 0;
    let csrfTries = 0;
    for (;;) {
      const extra = call.method === "GET" ? {} : csrf.headers();
      let answer: HttpAnswer | null = null;
      let failure: AppError;
      let retryAfterMs: number | undefined;
      try {
        answer = await send(call, extra);
        if (followsRedirect(call, answer) && redirects++ < MAX_REDIRECTS) continue;
        if (
          !isHtmlPage(answer) &&
          csrf.isRequiredBy(answer.status, answer.text) &&
          csrfTries++ === 0 &&
          (await csrf.renew(extra, call.endMs - clock.steadyMs()))
        )
          continue;
        if (!isRetriedStatus(answer.status, rules)) return answer;
        failure = failures.answer(answer, call.route);
        retryAfterMs = parseRetryAfterMs(answer.headers);
      } catch (error) {
        if (!(error instanceof TransportFailure)) throw error;
        failure = failures.network(error, call.url);
        if (connection.isNamedByCaller) logForOperator(error, call, failure.message);
        // The server closes a connection after a 500, and idle ones after 5 s: one from the pool may be closed. Try a new one.
        if (error.kind === "reset" && hasAnswered && resets++ === 0) continue;
        if (!isRetriedFailure(error)) throw failure;
      }
      // An announced maintenance does not count as a try.
      if (answer?.headers.get("prefect-maintenance")?.toLowerCase() !== "true") tries += 1;
      if (tries > retries) throw failure;
      const waitMs = retryWaitMs(tries, retryAfterMs, rules);
      if (clock.steadyMs() + waitMs >= call.endMs) throw failure;
      logger.debug("prefect: a request failed and is tried again", {
        route: call.route,
        waitMs,
        status: answer?.status ?? failure.message,
      });
      await clock.sleep(waitMs, call.signal);
    }
  }

  /** Logs what the caller does not get to see, because it is about the operator's settings. */
  function logForOperator(failure: TransportFailure, { route, url: target }: Call, shown: string): void {
    const { message } = createFailures({ ...connection, isNamedByCaller: false }, url).network(failure, target);
    if (message !== shown) logger.warn("a caller's Prefect cannot be reached", { route, error: message });
  }

  function isRetriedFailure({ kind }: TransportFailure): boolean {
    if (kind === "refused" || kind === "dns") return hasAnswered;
    return kind === "timeout" || kind === "reset" || kind === "other";
  }

  /** Changes the URL of the call when the redirect stays on the host and does not lead from https to http. */
  function followsRedirect(call: Call, { status, headers: received }: HttpAnswer): boolean {
    const location = received.get("location");
    if (status < 300 || status >= 400 || status === 304 || location === null || !URL.canParse(location, call.url))
      return false;
    const from = new URL(call.url);
    const to = new URL(location, call.url);
    const sameOrigin = to.origin === from.origin;
    const upgraded = to.hostname === from.hostname && from.protocol === "http:" && to.protocol === "https:";
    if (!sameOrigin && !upgraded) return false;
    call.url = to.href;
    return true;
  }

  async function call(
    method: "GET" | "POST",
    base: string,
    path: string,
    body: unknown,
    options: CallOptions,
  ): Promise<unknown> {
    const route = `${method} ${path.split("?")[0]}`;
    if (parseApiUrl(base) === null) throw failures.badUrl();
    const { signal, deadlineMs = connection.requestTimeoutMs, retries = connection.maxRetries } = options;
    const request: Call = {
      method,
      route,
      url: base + path,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      endMs: addMs(clock.steadyMs(), deadlineMs),
      isWrite: false,
      maxBytes: options.maxBytes,
    };
    const answer = await sendWithRetries(request, retries);
    if (answer.json !== undefined) {
      if (base === url) hasAnswered = true;
      return answer.json;
    }
    if (answer.excess !== null) throw failures.unexpectedAnswer(route, `it ${answer.excess}`);
    // An unknown route, or an answer that is not JSON, may mean that the base URL is wrong; then the error says so.
    if (base === url && !hasAnswered && !connection.isCloud && mayBeWrongBase(answer)) {
      const probe = (address: string) =>
        send({ ...request, method: "GET", url: `${address}/admin/version`, body: undefined }, {});
      const problem = await findBaseProblem(url, probe, isHtmlPage(answer));
      if (problem !== null) throw problem;
    }
    if (answer.status >= 300 || isHtmlPage(answer)) throw failures.answer(answer, route);
    const type = answer.headers.get("content-type") ?? "no content type";
    const problem = answer.status === WHOLE_ANSWER ? "it is not JSON" : `its status is ${answer.status}`;
    throw failures.unexpectedAnswer(route, `${problem} (${type}, ${counted(answer.text.length, "character")})`);
  }

  /** A server that lacks a CSRF token refuses before it does anything, so that one further try changes nothing twice. */
  async function write(method: WriteMethod, path: string, body: unknown, deadlineMs: number): Promise<unknown> {
    const route = `${method} ${path}`;
    if (parseApiUrl(url) === null) throw failures.badUrl();
    const endMs = addMs(clock.steadyMs(), deadlineMs);
    const request: Call = {
      method,
      route,
      url: url + path,
      body: JSON.stringify(body),
      signal: undefined,
      endMs,
      isWrite: true,
      maxBytes: undefined,
    };
    const sendOnce = async (extra: Readonly<Record<string, string>>) => {
      try {
        return await send(request, extra);
      } catch (error) {
        throw error instanceof TransportFailure ? failures.network(error, request.url) : error;
      }
    };
    const extra = csrf.headers();
    let answer = await sendOnce(extra);
    const lacksToken = !isHtmlPage(answer) && csrf.isRequiredBy(answer.status, answer.text);
    if (lacksToken && (await csrf.renew(extra, endMs - clock.steadyMs()))) answer = await sendOnce(csrf.headers());
    if (answer.status >= 300 || isHtmlPage(answer)) throw failures.answer(answer, route);
    if (answer.excess !== null) throw failures.unexpectedAnswer(route, `it ${answer.excess}`);
    return answer.json ?? null;
  }

  const http: Http = {
    url,
    write,
    get requests() {
      return requests;
    },
    get serverOffset() {
      return offset.read(clock.steadyMs());
    },
    failures,
    get: (path, options = {}, base = url) => call("GET", base, path, undefined, options),
    post: (path, body, options = {}) => call("POST", url, path, body, options),
    countRequest: () => {
      deps.account?.budget.spend();
      requests += 1;
    },
    close: () => transport.close(),
  };
  return http;
}

/**
 * Whether the `Date` header shows Prefect's clock. A web page or an error may come from a proxy, which has a clock of its own, and the
 * header of an answer from a cache is as old as the answer, which is its `Age`.
 * https://www.rfc-editor.org/rfc/rfc9111.html#name-age
 */
function hasPrefectsTime({ json, headers }: HttpAnswer): boolean {
  return json !== undefined && !(Number(headers.get("age")) > 0);
}

function mayBeWrongBase(answer: HttpAnswer): boolean {
  const { status, text } = answer;
  if (status < 300) return true;
  if (status !== 404 && status !== 405) return false;
  return !text.startsWith("{") || /"detail"\s*:\s*"(Not Found|Method Not Allowed)"/.test(text);
}
