/**
 * Why the event stream ended, as AppErrors. Permanent: `unauthorized` (1008) and `invalid_input` (1002); otherwise `unavailable`, and
 * connecting again may succeed. Close codes: https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/utilities/subscriptions.py
 */

import { AppError } from "../../errors.ts";
import { asPlace, asReason, sentence } from "../../lib/shown-text.ts";
import type { PrefectConnection } from "./connection.ts";
import { credentialHint, refusedCredential } from "./credentials.ts";
import { toFailure } from "./exchange.ts";
import { createFailures } from "./failures.ts";
import { createMask } from "./mask.ts";

/** What a stream has reached: connecting, waiting for `auth_success`, filter sent and not yet accepted, delivering events. */
export type StreamPhase = "connect" | "auth" | "filter" | "live";

export interface SocketEnd {
  readonly code: number;
  readonly reason: string;
  readonly phase: StreamPhase;
  readonly error: SocketError | null;
}

/** Bun's error event of a socket: the reason in `message`, the system's or OpenSSL's code in `error.code`. */
export interface SocketError {
  readonly message?: unknown;
  readonly error?: unknown;
}

const POLLING = sentence`Until then events are read by polling: none are lost, but they arrive later.`;

export function streamFailure(end: SocketEnd, connection: PrefectConnection, url: string): AppError {
  const mask = createMask(connection);
  const reason = mask(end.reason);
  const said = reason === "" ? "" : sentence`: ${asReason(reason)}`;
  if (end.phase === "connect") return dialFailure(end, connection, url);
  switch (end.code) {
    case 1008:
      if (/^Expected/.test(reason)) return refusedMessage(end.code, reason);
      return unauthorizedStream(connection, url, reason);
    case 1002:
      return refusedMessage(end.code, reason);
    case 1006:
      return end.phase === "filter"
        ? new AppError("unavailable", "Prefect dropped the event stream right after its filter, without a reason.", {
            hint: "An older Prefect does so when it does not know a part of the filter.",
          })
        : new AppError("unavailable", sentence`The event stream to ${asPlace(url)} was lost.`, { hint: POLLING });
    case 1011:
      return new AppError("unavailable", sentence`Prefect closed the event stream (1011${said}).`, { hint: POLLING });
    case 1001:
    case 1012:
      return new AppError("unavailable", "The Prefect server is stopping or restarting.", { hint: POLLING });
    default:
      return new AppError("unavailable", sentence`Prefect closed the event stream (${end.code}${said}).`, {
        hint: POLLING,
      });
  }
}

/** The credential was refused: close code 1008, or the message `auth_failure`. */
export function unauthorizedStream(connection: PrefectConnection, url: string, reason: string): AppError {
  const said = reason === "" ? "" : sentence` It says: ${asReason(createMask(connection)(reason))}.`;
  return new AppError("unauthorized", sentence`${refusedCredential(connection, url)}${said}`, {
    hint: credentialHint(connection),
  });
}

function refusedMessage(code: number, reason: string): AppError {
  return new AppError(
    "invalid_input",
    sentence`Prefect refused the event stream's request (${code}: ${asReason(reason)}).`,
    {
      hint: "Read events without a stream, or with a plain filter.",
    },
  );
}

/** The upgrade failed. Bun gives the HTTP status only in the text of the error event. */
function dialFailure({ error, code }: SocketEnd, connection: PrefectConnection, url: string): AppError {
  const text = typeof error?.message === "string" ? error.message : `closed with code ${code}`;
  const status = Number(/Expected 101 status code: (\d+)/.exec(text)?.[1] ?? Number.NaN);
  if (status === 401) {
    return new AppError("unauthorized", refusedCredential(connection, url), {
      status,
      hint: credentialHint(connection),
    });
  }
  if (!Number.isNaN(status)) {
    // Prefect also answers a wrong path with 403, so this says nothing about the credentials.
    return new AppError("unavailable", sentence`The websocket to ${asPlace(url)} is refused with status ${status}.`, {
      status,
      hint: sentence`A proxy may not let websockets through, or the URL is not the API's. ${POLLING}`,
    });
  }
  const message = text.replace(/^WebSocket connection to '[^']*' failed:\s*/, "");
  const { code: errorCode } = (error?.error ?? {}) as { code?: unknown };
  return createFailures(connection, url).network(toFailure({ code: errorCode, message }), url);
}
