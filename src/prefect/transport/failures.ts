/** Failures as AppErrors that say what to do. They never contain a credential. */
import { AppError, type ErrorCode } from "../../errors.ts";
import { type PrefectConnection, proxyFor } from "./connection.ts";
import { credentialHint, refusedCredential } from "./credentials.ts";
import { errorReason, shortSentence } from "./error-body.ts";
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

/** For callers, when the cause lies in the operator's settings. */
const ASK_OPERATOR = "The operator of this server can look into it; its log says more.";

/** Errors about a Prefect that a caller named show nothing of the operator's settings: no path, no proxy, no variable. */
export function createFailures(connection: PrefectConnection, url: string): Failures {
  const mask = createMask(connection);
  const isOwn = connection.isNamedByCaller !== true;
  const urlName = isOwn ? "PREFECT_API_URL" : "X-Prefect-Api-Url";

  /** Without a status: a web page says nothing about Prefect, whatever its status is, and Prefect counts as unreachable. */
  function webPage(answer: HttpAnswer): AppError {
    const title = pageTitle(answer.text);
    const name = title === "" ? "a web page" : `the web page "${title}"`;
    const target = redirectTarget(answer, url);
    const leads = target === null ? "" : `, which leads to ${target}`;
    const retryAfterMs = parseRetryAfterMs(answer.headers);
    return new AppError(
      "unavailable",
      mask(`Prefect is not reached: ${name} (status ${answer.status}) answers at ${url}${leads}.`),
      {
        hint: `A sign-in page or a proxy answers there. Sign in, or set ${urlName} to the address of the API itself.`,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      },
    );
  }

  return {
    network(failure, target) {
      const origin = new URL(target).origin;
      const proxy = proxyFor(new URL(target), connection.proxy);
      const proxyName = isOwn && proxy !== null && URL.canParse(proxy) ? new URL(proxy).host : "of the settings";
      const via = proxy === null ? "" : ` through the proxy ${proxyName}`;
      const fail = (message: string, hint: string) =>
        new AppError("unavailable", mask(message), { hint, cause: failure });
      switch (failure.kind) {
        case "aborted":
          return fail("The call to Prefect was cancelled.", "Ask again.");
        case "refused":
          return fail(
            `Nothing accepts connections at ${url}${via}.`,
            proxy === null
              ? `Start the Prefect server, or set ${urlName} to where it runs.`
              : isOwn
                ? "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY, and that the Prefect server runs."
                : `Check that the Prefect server runs. ${ASK_OPERATOR}`,
          );
        case "dns":
          return fail(
            `The host of ${url} cannot be found${via}.`,
            `Check the host name in ${urlName} and the network.`,
          );
        case "timeout":
          return fail(
            `Prefect at ${url} gave no answer in time: ${shortSentence(failure.message)}.`,
            `Check that the host is reachable${isOwn ? "; PREFECT_API_REQUEST_TIMEOUT and, for a tool call, PREFECT_MCP_LIVE_DEADLINE_SECONDS set how long to wait" : ""}.`,
          );
        case "reset":
          return fail(
            `The connection to ${url} broke before the answer was complete.`,
            "Usually this is temporary; if not, check the server's log and any proxy in between.",
          );
        case "tls":
          return fail(
            `No trusted TLS connection to ${origin}: ${shortSentence(failure.message)}.`,
            isOwn
              ? "Set PREFECT_API_SSL_CERT_FILE to the CA's PEM file, check that the port speaks TLS, or, for tests only, set PREFECT_API_TLS_INSECURE_SKIP_VERIFY=true."
              : "Check the certificate there, and that the port speaks TLS. Only the operator can add a trusted CA.",
          );
        case "proxy":
          return fail(
            `The proxy for ${url} does not let the call through${isOwn ? `: ${shortSentence(failure.message)}` : ""}.`,
            isOwn ? "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY, and the proxy's own credentials." : ASK_OPERATOR,
          );
        case "header":
          if (/authorization/i.test(failure.message)) {
            return new AppError("invalid_config", "The credentials hold characters that no HTTP header can carry.", {
              hint: `Correct ${isOwn ? "PREFECT_API_KEY or PREFECT_API_AUTH_STRING" : "X-Prefect-Api-Key or X-Prefect-Api-Auth-String"}.`,
              cause: failure,
            });
          }
          return new AppError("invalid_config", `A custom header cannot be sent: ${shortSentence(failure.message)}.`, {
            hint: "Correct PREFECT_CLIENT_CUSTOM_HEADERS.",
            cause: failure,
          });
        case "too_large":
          // Not retryable: the next answer would be as large.
          return new AppError("invalid_input", `Prefect's answer is not read: ${failure.message}.`, {
            hint: "Ask for less at once, with a smaller limit; if the limit cannot be smaller, something other than Prefect answers.",
            cause: failure,
          });
        case "no_room":
          return new AppError("unavailable", "Too many large answers of callers' Prefects are being read at once.", {
            hint: "Ask again in a moment, for less at once or with fewer parallel calls.",
            retryAfterMs: 1_000,
            cause: failure,
          });
        case "ca_file":
          return new AppError(
            "invalid_config",
            isOwn
              ? `For ${origin}, ${failure.message}.`
              : `For ${origin}, the certificates to trust cannot be read here.`,
            { hint: isOwn ? "Correct PREFECT_API_SSL_CERT_FILE (or SSL_CERT_FILE)." : ASK_OPERATOR, cause: failure },
          );
        default:
          return fail(
            `The call to ${url} failed: ${shortSentence(failure.message)}.`,
            `Check ${urlName}, the network and any proxy in between.`,
          );
      }
    },

    answer(answer, route) {
      const { status } = answer;
      if (isHtmlPage(answer)) return webPage(answer);
      const text = mask(errorReason(answer.text));
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
        return new AppError("unauthorized", `Prefect refused ${route} (403)${text && `: ${text}`}.`, {
          ...options,
          hint,
        });
      }
      if (status === 407) {
        const hint = isOwn
          ? "Check the credentials in HTTP_PROXY or HTTPS_PROXY."
          : "Only the operator of this server can set them.";
        return new AppError("unavailable", `The proxy for ${url} asks for credentials (407).`, { ...options, hint });
      }
      if (status === 429) {
        const when = retryAfterMs === undefined ? "in a minute" : `in ${Math.ceil(retryAfterMs / 1000)} s`;
        return new AppError("rate_limited", `Prefect's rate limit is reached${text && `: ${text}`}.`, {
          ...options,
          hint: `Ask again ${when}.`,
        });
      }
      const code = CODES[status] ?? "unavailable";
      if (code === "not_found" && /^(Not Found|Method Not Allowed)$/.test(text)) {
        const hint = `The server may be older than this function needs, or ${urlName} may be wrong.`;
        return new AppError(code, `Prefect at ${url} does not know the route ${route}.`, { ...options, hint });
      }
      return new AppError(code, `Prefect answered ${status} to ${route}${text && `: ${text}`}.`, {
        ...options,
        hint: hintFor(code, status),
      });
    },

    badUrl: () =>
      new AppError("invalid_config", mask(`The API URL is not an http or https URL: ${url}`), {
        hint: `Set ${urlName}, for example to http://127.0.0.1:4200/api.`,
      }),

    unexpectedAnswer: (route, problem) =>
      new AppError("unavailable", mask(`Prefect's answer to ${route} is not understood: ${problem}.`), {
        hint: `This Prefect may be much older or newer than 3.x, or something else answers at ${urlName}.`,
      }),
  };
}

function hintFor(code: ErrorCode, status: number): string {
  if (code === "not_found") return "The object may have been deleted; list the existing ones first.";
  if (code === "invalid_input") return "Correct the named field; Prefect's filters reject unknown ones.";
  if (status === 503) return "The server is busy (SQLite allows one writer) or starting; ask again shortly.";
  if (status >= 500)
    return "The fault is on the server's side; its log says more. Ask again, or with a simpler filter.";
  return "Ask again shortly.";
}

function redirected(answer: HttpAnswer, url: string, urlName: string): AppError {
  const target = redirectTarget(answer, url);
  const where = target === null ? "elsewhere" : `to ${target}`;
  return new AppError(
    "unavailable",
    `${url} redirects ${where}, which is not followed: credentials stay with the host they are for.`,
    {
      status: answer.status,
      hint: `Set ${urlName} to the address of the API itself (a sign-in page or a proxy answers there).`,
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
