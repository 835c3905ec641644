/**
 * Headers that Prefect's own client sets itself and that `PREFECT_CLIENT_CUSTOM_HEADERS` cannot replace.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/client/base.py
 */
export const RESERVED_HEADERS = ["user-agent", "prefect-csrf-token", "prefect-csrf-client"] as const;
