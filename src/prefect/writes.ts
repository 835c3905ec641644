import { AppError, toAppError } from "../errors.ts";
import { isJsonObject } from "../lib/exact-json.ts";
import { sentence } from "../lib/shown-text.ts";
import type { JsonObject } from "../model/objects.ts";
import { type FailureKind, TransportFailure } from "./transport/exchange.ts";
import type { Http } from "./transport/http.ts";
import type { PrefectWriter, WriteOutcome } from "./write-api.ts";

/** Failures before anything of the request could reach Prefect. All others leave open whether it was carried out. */
const BEFORE_SENDING: ReadonlySet<FailureKind> = new Set(["refused", "dns", "tls", "header", "ca_file", "paused"]);

/** Writing requests over HTTP. Each is sent at most once: a second one could change a second thing. */
export function createWriter(http: Http): PrefectWriter {
  return {
    url: http.url,
    async readForCopy(path, options) {
      const answer = await http.get(path, options);
      if (isJsonObject(answer)) return answer as JsonObject;
      throw http.failures.unexpectedAnswer(`GET ${path}`, "an object was expected");
    },
    async send({ method, path, body }, deadlineMs): Promise<WriteOutcome> {
      try {
        const answer = await http.write(method, path, body, deadlineMs);
        return { kind: "answered", answer };
      } catch (error) {
        const known = toAppError(error);
        return { kind: kindOf(known), error: known.status === 403 ? withoutRight(known) : known };
      }
    },
  };
}

function kindOf(error: AppError): "refused" | "not_sent" | "unknown" {
  const { cause, status } = error;
  if (cause instanceof TransportFailure) return BEFORE_SENDING.has(cause.kind) ? "not_sent" : "unknown";
  if (error.code === "invalid_config") return "not_sent";
  // 408 comes from a gateway that gave up waiting. After a 5xx the change may have been made before the server failed.
  return status !== undefined && status < 500 && status !== 408 ? "refused" : "unknown";
}

/** Prefect decides what a key may do; one sentence says that this one may not. */
function withoutRight(error: AppError): AppError {
  return new AppError("unauthorized", sentence`The Prefect credential has no right to do this. ${error.sentence}`, {
    hint: "Nothing was changed. Use a key of a user or service account with that right.",
    status: 403,
    cause: error,
  });
}
