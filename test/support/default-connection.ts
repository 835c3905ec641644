import type { PrefectConnection } from "../../src/prefect/transport/connection.ts";

/** Prefect's own defaults for everything but the URL. https://github.com/PrefectHQ/prefect/tree/main/src/prefect/settings/models */
export const DEFAULT_CONNECTION: Omit<PrefectConnection, "url"> = {
  auth: { kind: "none" },
  customHeaders: {},
  csrf: true,
  requestTimeoutMs: 60_000,
  maxRetries: 5,
  retryJitterFactor: 0.2,
  retryExtraCodes: [],
  tls: {},
  proxy: {},
  isCloud: false,
  cloudApiUrl: "https://api.prefect.cloud/api",
  userAgent: "prefect-mcp-bun",
};
