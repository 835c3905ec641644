/** Options of every call of the API. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Limit for the call with its retries, milliseconds. Default: the request timeout of the settings. */
  readonly deadlineMs?: number;
  /** Retries after a retryable failure. Default: `PREFECT_CLIENT_MAX_RETRIES`; tool calls pass a small number. */
  readonly retries?: number;
  /** Limit for the decompressed answer, bytes; more is AppError `invalid_input`. Default and upper bound: the connection's limit. */
  readonly maxBytes?: number;
}
