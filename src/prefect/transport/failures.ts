/** Failures as AppErrors that say what to do. They never contain a credential. */

import { AppError, type ErrorCode } from "../../errors.ts";
import { asPlace, asReason, quote, type Sentence, sentence, withReplaced } from "../../lib/shown-text.ts";
import { type PrefectConnection, proxyFor } from "./connection.ts";
import { credentialHint, refusedCredential } from "./credentials.ts";
import { errorReason, isPrefectError, shortSentence } from "./error-body.ts";
import type { HttpAnswer, TransportFailure } from "./exchange.ts";
import { isHtmlPage, pageTitle } from "./html-page.ts";
import { createMask } from "./mask.ts";
import { parseRetryAfterMs } from "./retry.ts";

export interface Failures {
  /** An error of the connection itself. `target` is the URL that was called. */
  network(failure: TransportFailure, target: string): AppError;
  /** An answer that is not a success, or a web page. `route`: `POST /flow_runs/filter`. */
  answer(answer: HttpAnswer, route: string): AppError;
  /** The API URL is no http(s) URL. */
  badUrl(): AppError;
  /** A successful answer that has not the form that the API documents. */
  unexpectedAnswer(route: string, problem: string): AppError;
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  400: "invalid_input",
  401: "unauthorized",
  403: "unauthorized",
  404: "not_found",
  405: "not_found",
  409: "invalid_input",
  411: "invalid_input",
  413: "invalid_input",
  422: "invalid_input",
  429: "rate_limited",
};

type UrlName = "PREFECT_API_URL" | "X-Prefect-Api-Url";

/** For callers, when the cause lies in the operator's settings. */
const ASK_OPERATOR = sentence`The operator of this server can look into it; its log says more.`;

/** Errors about a Prefect that a caller named show nothing of the operator's settings: no path, no proxy, no variable. */
export function createFailures(connection: PrefectConnection, url: string): Failures {
  const mask = createMask(connection);
  const isOwn = connection.isNamedByCaller !== true;
  const shownUrl = asPlace(url);
  const masked = (text: Sentence) => withReplaced(text, mask);
  const urlName: UrlName = isOwn ? "PREFECT_API_URL" : "X-Prefect-Api-Url";

  /** Without a status: a web page says nothing about Prefect, whatever its status is, and Prefect counts as unreachable. */
  function webPage(answer: HttpAnswer): AppError {
    const title = pageTitle(answer.text);
    const name = title === "" ? "a web page" : sentence`the web page ${quote(title)}`;
    const target = redirectTarget(answer, url);
    const leads = target === null ? "" : sentence`, which leads to ${asReason(target)}`;
    const retryAfterMs = parseRetryAfterMs(answer.headers);
    return new AppError(
      "unavailable",
      masked(sentence`Prefect is not reached: ${name} (status ${answer.status}) answers at ${shownUrl}${leads}.`),
      {
        hint: sentence`A sign-in page or a proxy answers there. Sign in, or set ${urlName} to the address of the API itself.`,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      },
    );
  }

  /** A gateway without a backend answers 404 too, in plain text or JSON of its own: it does not mean that an object was deleted. */
  function foreign({ status }: HttpAnswer): AppError {
    return new AppError(
      "unavailable",
      sentence`Prefect is not reached: something else answers ${status} at ${shownUrl}, not in the form of Prefect's errors.`,
      { hint: sentence`A gateway or a proxy may answer while Prefect is away; if not, correct ${urlName}.` },
    );
  }

  return {
    network(failure, target) {
      const origin = asPlace(new URL(target).origin);
      const proxy = proxyFor(new URL(target), connection.proxy);
      const proxyName =
        isOwn && proxy !== null && URL.canParse(proxy) ? asPlace(new URL(proxy).host) : "of the settings";
      const via = proxy === null ? "" : sentence` through the proxy ${proxyName}`;
      // By the system or the TLS library, or by this program.
      const why = asReason(shortSentence(failure.message));
      const fail = (message: Sentence, hint: Sentence) =>
        new AppError("unavailable", masked(message), { hint, cause: failure });
      switch (failure.kind) {
        case "aborted":
          return fail(sentence`The call to Prefect was cancelled.`, sentence`Ask again.`);
        case "refused":
          return fail(
            sentence`Nothing accepts connections at ${shownUrl}${via}.`,
            proxy === null
              ? sentence`Start the Prefect server, or set ${urlName} to where it runs.`
              : isOwn
                ? sentence`Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY, and that the Prefect server runs.`
                : sentence`Check that the Prefect server runs. ${ASK_OPERATOR}`,
          );
        case "dns":
          return fail(
            sentence`The host of ${shownUrl} cannot be found${via}.`,
            sentence`Check the host name in ${urlName} and the network.`,
          );
        case "timeout":
          return fail(
            sentence`Prefect at ${shownUrl} gave no answer in time: ${why}.`,
            sentence`Check that the host is reachable${isOwn ? "; PREFECT_API_REQUEST_TIMEOUT and, for a tool call, PREFECT_MCP_LIVE_DEADLINE_SECONDS set how long to wait" : ""}.`,
          );
        case "reset":
          return fail(
            sentence`The connection to ${shownUrl} broke before the answer was complete.`,
            sentence`Usually this is temporary; if not, check the server's log and any proxy in between.`,
          );
        case "tls":
          return fail(
            sentence`No trusted TLS connection to ${origin}: ${why}.`,
            isOwn
              ? sentence`Set PREFECT_API_SSL_CERT_FILE to the CA's PEM file, check that the port speaks TLS, or, for tests only, set PREFECT_API_TLS_INSECURE_SKIP_VERIFY=true.`
              : sentence`Check the certificate there, and that the port speaks TLS. Only the operator can add a trusted CA.`,
          );
        case "proxy":
          return fail(
            sentence`The proxy for ${shownUrl} does not let the call through${isOwn ? sentence`: ${why}` : ""}.`,
            isOwn
              ? sentence`Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY, and the proxy's own credentials.`
              : ASK_OPERATOR,
          );
        case "header":
          if (/authorization/i.test(failure.message)) {
            return new AppError("invalid_config", "The credentials hold characters that no HTTP header can carry.", {
              hint: sentence`Correct ${isOwn ? "PREFECT_API_KEY or PREFECT_API_AUTH_STRING" : "X-Prefect-Api-Key or X-Prefect-Api-Auth-String"}.`,
              cause: failure,
            });
          }
          return new AppError("invalid_config", sentence`A custom header cannot be sent: ${why}.`, {
            hint: "Correct PREFECT_CLIENT_CUSTOM_HEADERS.",
            cause: failure,
          });
        case "too_large":
          // Not retryable: the next answer would be as large.
          return new AppError("invalid_input", sentence`Prefect's answer is not read: ${why}.`, {
            hint: "Ask for less at once, with a smaller limit; if the limit cannot be smaller, something other than Prefect answers.",
            cause: failure,
          });
        case "no_room":
          return new AppError("unavailable", "Too many large answers of callers' Prefects are being read at once.", {
            hint: "Ask again in a moment, for less at once or with fewer parallel calls.",
            retryAfterMs: 1_000,
            cause: failure,
          });
        case "paused": {
          const retryAfterMs = Number(failure.message);
          return new AppError(
            "rate_limited",
            "Prefect has asked this program to wait, after another request to the same account or server; nothing was sent.",
            { hint: sentence`Ask again in ${Math.ceil(retryAfterMs / 1000)} s.`, retryAfterMs, cause: failure },
          );
        }
        case "ca_file":
          return new AppError(
            "invalid_config",
            isOwn
              ? sentence`For ${origin}, ${why}.`
              : sentence`For ${origin}, the certificates to trust cannot be read here.`,
            { hint: isOwn ? "Correct PREFECT_API_SSL_CERT_FILE (or SSL_CERT_FILE)." : ASK_OPERATOR, cause: failure },
          );
        default:
          return fail(
            sentence`The call to ${shownUrl} failed: ${why}.`,
            sentence`Check ${urlName}, the network and any proxy in between.`,
          );
      }
    },

    answer(answer, route) {
      const { status } = answer;
      if (isHtmlPage(answer)) return webPage(answer);
      const text = mask(errorReason(answer.text));
      const said = text === "" ? "" : sentence`: ${asReason(text)}`;
      const retryAfterMs = parseRetryAfterMs(answer.headers);
      const options = { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
      if (status >= 300 && status < 400) return redirected(answer, url, urlName);
      if (status === 401)
        return new AppError("unauthorized", refusedCredential(connection, url), {
          ...options,
          hint: credentialHint(connection),
        });
      if (status === 403) {
        const hint =
          "The credentials are accepted but lack the permission, or something between here and Prefect refuses the call.";
        return new AppError("unauthorized", sentence`Prefect refused ${asPlace(route)} (403)${said}.`, {
          ...options,
          hint,
        });
      }
      if (status === 407) {
        const hint = isOwn
          ? "Check the credentials in HTTP_PROXY or HTTPS_PROXY."
          : "Only the operator of this server can set them.";
        return new AppError("unavailable", sentence`The proxy for ${shownUrl} asks for credentials (407).`, {
          ...options,
          hint,
        });
      }
      if (status === 429) {
        const when = retryAfterMs === undefined ? "in a minute" : sentence`in ${Math.ceil(retryAfterMs / 1000)} s`;
        return new AppError("rate_limited", sentence`Prefect's rate limit is reached${said}.`, {
          ...options,
          hint: sentence`Ask again ${when}.`,
        });
      }
      const code = CODES[status] ?? "unavailable";
      if ((code === "not_found" || code === "invalid_input") && !isPrefectError(answer.text)) return foreign(answer);
      if (code === "not_found" && /^(Not Found|Method Not Allowed)$/.test(text)) {
        const hint = sentence`The server may be older than this function needs, or ${urlName} may be wrong.`;
        return new AppError(code, sentence`Prefect at ${shownUrl} does not know the route ${asPlace(route)}.`, {
          ...options,
          isUnknownRoute: true,
          hint,
        });
      }
      return new AppError(code, sentence`Prefect answered ${status} to ${asPlace(route)}${said}.`, {
        ...options,
        hint: hintFor(code, status),
      });
    },

    badUrl: () =>
      new AppError("invalid_config", masked(sentence`The API URL is not an http or https URL: ${shownUrl}`), {
        hint: sentence`Set ${urlName}, for example to http://127.0.0.1:4200/api.`,
      }),

    unexpectedAnswer: (route, problem) =>
      new AppError(
        "unavailable",
        masked(sentence`Prefect's answer to ${asPlace(route)} is not understood: ${asReason(problem)}.`),
        {
          hint: sentence`This Prefect may be much older or newer than 3.x, or something else answers at ${urlName}.`,
        },
      ),
  };
}

function hintFor(code: ErrorCode, status: number): Sentence {
  if (code === "not_found") return sentence`The object may have been deleted; list the existing ones first.`;
  if (code === "invalid_input") return sentence`Correct the named field; Prefect's filters reject unknown ones.`;
  if (status === 503) return sentence`The server is busy (SQLite allows one writer) or starting; ask again shortly.`;
  if (status >= 500)
    return sentence`The fault is on the server's side; its log says more. Ask again, or with a simpler filter.`;
  return sentence`Ask again shortly.`;
}

function redirected(answer: HttpAnswer, url: string, urlName: UrlName): AppError {
  const target = redirectTarget(answer, url);
  const where = target === null ? "elsewhere" : sentence`to ${asReason(target)}`;
  return new AppError(
    "unavailable",
    sentence`${asPlace(url)} redirects ${where}, which is not followed: credentials stay with the host they are for.`,
    {
      status: answer.status,
      hint: sentence`Set ${urlName} to the address of the API itself (a sign-in page or a proxy answers there).`,
    },
  );
}

/** Where a redirect leads, without its query, which may hold a token; null when the answer names no address. */
function redirectTarget({ headers }: HttpAnswer, url: string): string | null {
  const location = headers.get("location");
  if (location === null || !URL.canParse(location, url)) return null;
  const { origin, pathname } = new URL(location, url);
  return `${origin}${pathname}`;
}
