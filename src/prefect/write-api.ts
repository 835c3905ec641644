/**
 * What may be sent to change something in Prefect. A type apart from `PrefectApi`, so that code that answers questions cannot write:
 * only `acting/` gets it.
 */
import type { AppError } from "../errors.ts";
import type { JsonObject } from "../model/objects.ts";
import type { CallOptions } from "./transport/call-options.ts";
import type { WriteMethod } from "./transport/exchange.ts";

/** One request, exactly as it is sent. */
export interface WriteRequest {
  readonly method: WriteMethod;
  /** Below the API URL, starting with "/". */
  readonly path: string;
  readonly body: JsonObject;
}

/**
 * What became of a request. `refused`: Prefect answered that it does not carry it out. `not_sent`: it never reached Prefect. `unknown`:
 * it was sent, and no answer says whether it was carried out.
 */
export type WriteOutcome =
  | { readonly kind: "answered"; readonly answer: unknown }
  | { readonly kind: "refused" | "not_sent" | "unknown"; readonly error: AppError };

export interface PrefectWriter {
  /** Normalised base URL without credentials. */
  readonly url: string;
  /**
   * GET of an object of which a request repeats a part. Not redacted, because a mark in place of a secret must not be sent back: only
   * for requests, never for answers. Throws AppError.
   */
  readForCopy(path: string, options?: CallOptions): Promise<JsonObject>;
  /** Sends the request once, whatever happens. Never throws. */
  send(request: WriteRequest, deadlineMs: number): Promise<WriteOutcome>;
}
