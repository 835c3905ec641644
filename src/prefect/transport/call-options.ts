/** What a caller may set for one call; every call of the API takes these. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Whole time for the call with its retries, milliseconds. Default: the request timeout of the settings. */
  readonly deadlineMs?: number;
  /** Further tries after a retryable failure. Default: `PREFECT_CLIENT_MAX_RETRIES`; a tool call passes few. */
  readonly retries?: number;
  /**
   * Most bytes of an answer, decompressed, that are read; more is AppError `invalid_input`. Default and upper bound: that of
   * the connection.
   */
  readonly maxBytes?: number;
}
